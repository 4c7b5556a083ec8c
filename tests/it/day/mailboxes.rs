//! What lies in people's mailboxes, as another parser reads it.

use jiff::Timestamp;
use mail_parser::{Message, MessageParser, Received};

use super::cast::Brand;
use super::town::Town;

/// A mail that was delivered.
pub struct Mail {
    pub brand: Brand,
    /// The id of the send.
    pub letter: String,
    pub message_id: String,
    pub to: String,
    pub text: String,
    /// The path of its payment link, if there is one.
    pub link: Option<String>,
    /// The path of its pixel.
    pub pixel: String,
    /// When the relay took it, to the second.
    pub taken: Timestamp,
}

/// All that were delivered by now.
pub fn read(town: &Town) -> Vec<Mail> {
    town.postfix.messages().iter().map(|mail| Mail::of(mail)).collect()
}

impl Mail {
    fn of(bytes: &[u8]) -> Mail {
        let mail = MessageParser::new().parse(bytes).expect("mail-parser reads it");
        let letter = text(&mail, "X-Vigie-Send");
        let html = mail.body_html(0).expect("an HTML part");
        let link = path(&html, "href=\"", "/c/");
        let pixel = path(&html, "src=\"", "/o/").expect("a pixel");
        let taken = mail.received().and_then(Received::date).expect("Postfix says when");
        Mail {
            brand: if letter.starts_with("AZ-") { Brand::Azur } else { Brand::Boreal },
            letter,
            message_id: mail.message_id().expect("each has one").to_owned(),
            to: address(&mail),
            text: mail.body_text(0).expect("a text part").into_owned(),
            link,
            pixel,
            taken: Timestamp::from_second(taken.to_timestamp()).expect("a moment"),
        }
    }
}

/// The first path in an attribute that leads to one of the edge's endpoints.
fn path(html: &str, attribute: &str, endpoint: &str) -> Option<String> {
    let mut values = html.split(attribute).skip(1).filter_map(|rest| rest.split('"').next());
    values.find_map(|url| Some(url[url.find(endpoint)?..].to_owned()))
}

fn text(mail: &Message<'_>, header: &str) -> String {
    let value = mail.header(header).and_then(|value| value.as_text());
    value.unwrap_or_else(|| panic!("no {header}")).trim().to_owned()
}

fn address(mail: &Message<'_>) -> String {
    let to = mail.to().and_then(|to| to.first()).and_then(|to| to.address());
    to.expect("somebody it is for").to_owned()
}
