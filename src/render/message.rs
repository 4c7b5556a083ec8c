//! Envelope, headers and MIME parts: from what a letter says to its bytes.

mod quoted;

use std::fmt::Write;
use std::time::SystemTime;

use jiff::Timestamp;
use lettre::Address;
use lettre::message::header::{self, ContentTransferEncoding, ContentType, HeaderName, HeaderValue, Headers};
use lettre::message::{Body, Mailbox, Mailboxes, MultiPart, SinglePart};

use super::Unfit;
use super::links::Links;
use super::sender::Sender;
use super::template::Content;
use crate::config::MailClass;
use crate::model::{Letter, SendId, SendSpec};
use crate::token::{KeyRing, normalise, sign_return};

/// Longest name in a `To` or `From` header, in characters: folding needs words, and a line may have 998 bytes.
pub(super) const LONGEST_NAME: usize = 200;

/// Longest reference of a send, in bytes; three times that in a Message-ID still fits a line.
const LONGEST_REFERENCE: usize = 128;

/// From whom and to whom, for the relay.
pub(super) struct Envelope {
    from: String,
    to: Mailbox,
    /// By what its bounce is known.
    returned: Option<String>,
}

impl Envelope {
    /// Checks the send's id and the recipient's mailbox. Its domain goes out in ASCII; a local part beyond ASCII stays as it is, and
    /// whether it can be delivered (`SMTPUTF8`) is the relay's to say.
    pub(super) fn new(sender: &Sender, spec: &SendSpec, ring: &KeyRing) -> Result<Self, Unfit> {
        let visible = spec.reference.bytes().all(|b| b.is_ascii_graphic());
        if !visible || !matches!(spec.reference.len(), 1..=LONGEST_REFERENCE) {
            let problem = "is not 1 to 128 visible ASCII characters: use letters, digits and marks";
            return Err(Unfit::new("id", problem));
        }
        let email = spec.to.email().trim();
        let normal = normalise(email).map_err(|problem| Unfit::new("to.email", problem.to_string()))?;
        let bad = || Unfit::new("to.email", "is not an e-mail address like name@example.org");
        let (local, _) = email.rsplit_once('@').ok_or_else(bad)?;
        let (_, domain) = normal.rsplit_once('@').ok_or_else(bad)?;
        let address = Address::new(local, domain).map_err(|_| bad())?;
        // A brand has this key, or it would not be one; without it only the bounce is not known.
        let returned = sign_return(&sender.name, spec.recipient, ring).ok();
        let from = sender.bounces_to(returned.as_deref());
        Ok(Self { from, to: Mailbox::new(name(spec)?, address), returned })
    }

    /// The finished letter.
    pub(super) fn letter(self, bytes: Vec<u8>) -> Letter {
        Letter { from: self.from, to: self.to.email.to_string(), bytes }
    }
}

fn name(spec: &SendSpec) -> Result<Option<String>, Unfit> {
    let Some(name) = spec.to.name().map(str::trim).filter(|name| !name.is_empty()) else { return Ok(None) };
    if name.contains(char::is_control) {
        return Err(Unfit::new("to.name", "has a line break or another control character: leave it out"));
    }
    if name.chars().count() > LONGEST_NAME {
        return Err(Unfit::new("to.name", "is longer than 200 characters: shorten it"));
    }
    Ok(Some(name.to_owned()))
}

/// The complete message: CRLF line ends only, 7-bit (but for a local part beyond ASCII), no line over 998 bytes.
pub(super) fn write(
    sender: &Sender,
    spec: &SendSpec,
    dated: Timestamp,
    envelope: &Envelope,
    content: Content,
    links: &Links<'_>,
) -> Vec<u8> {
    let boundary = boundary(spec.id);
    let alternative = ContentType::parse(&format!("multipart/alternative; boundary=\"{boundary}\""))
        .expect("a boundary of hexadecimal digits fits the grammar");
    let mut message = MultiPart::builder()
        .build()
        .singlepart(part(ContentType::TEXT_PLAIN, &content.text, &boundary))
        .singlepart(part(ContentType::TEXT_HTML, &content.html, &boundary));
    let headers = message.headers_mut();
    headers.insert_raw(sender.from.clone());
    headers.set(header::To::from(Mailboxes::from(envelope.to.clone())));
    if let Some(reply_to) = &sender.reply_to {
        headers.insert_raw(reply_to.clone());
    }
    headers.set(header::Subject::from(content.subject));
    headers.set(header::Date::new(date(dated)));
    headers.set(header::MessageId::from(message_id(&spec.reference, &sender.domain)));
    plain(headers, "X-Vigie-Send", spec.reference.clone());
    if let Some(returned) = &envelope.returned {
        plain(headers, "X-Vigie-Return", returned.clone());
    }
    plain(headers, "Auto-Submitted", "auto-generated".into());
    if let (MailClass::Promotional, Some(url)) = (sender.class, &links.unsubscribe) {
        plain(headers, "List-Unsubscribe", format!("<{url}>"));
        plain(headers, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click".into());
    }
    headers.set(header::MIME_VERSION_1_0);
    headers.set(alternative);
    message.formatted()
}

fn plain(headers: &mut Headers, name: &'static str, value: String) {
    headers.insert_raw(HeaderValue::new(HeaderName::new_from_ascii_str(name), value));
}

/// The moment for the `Date` header, which knows no time before 1970.
fn date(dated: Timestamp) -> SystemTime {
    SystemTime::from(dated.max(Timestamp::UNIX_EPOCH))
}

/// `=_` never occurs in quoted-printable text (RFC 2045 section 6.7), so no variable can forge a part.
fn boundary(send: SendId) -> String {
    format!("=_vigie_{send}")
}

/// `<reference@domain>`, where what may not stand in a dot-atom is written `=XX`: different references, different ids.
fn message_id(reference: &str, domain: &str) -> String {
    let mut id = String::from("<");
    let last = reference.len().saturating_sub(1);
    let mut after_dot = true;
    for (at, byte) in reference.bytes().enumerate() {
        let dot = byte == b'.' && !after_dot && at != last;
        if dot || byte.is_ascii_alphanumeric() || b"!#$%&'*+-/?^_`{|}~".contains(&byte) {
            id.push(char::from(byte));
        } else {
            write!(id, "={byte:02X}").expect("writing to a string");
        }
        after_dot = dot;
    }
    id + "@" + domain + ">"
}

/// Longest line of a part that is not encoded, in bytes without its end.
const LONGEST_PLAIN_LINE: usize = 72;

/// One part, as it is where it is short lines of ASCII, else quoted-printable.
fn part(content_type: ContentType, text: &str, boundary: &str) -> SinglePart {
    let text = with_crlf(text);
    let plain = text.is_ascii()
        && lines(&text).all(|line| line.len() <= LONGEST_PLAIN_LINE)
        && !text.contains(boundary);
    let (bytes, encoding) = if plain {
        (text.into_bytes(), ContentTransferEncoding::SevenBit)
    } else {
        (quoted::encode(&text), ContentTransferEncoding::QuotedPrintable)
    };
    let body = Body::dangerous_pre_encoded(bytes, encoding);
    SinglePart::builder().content_type(content_type).body(body)
}

/// What stands between the line ends of a text whose lines end with CRLF.
fn lines(text: &str) -> impl Iterator<Item = &[u8]> {
    let ends = memchr::memmem::find_iter(text.as_bytes(), "\r\n").chain([text.len()]);
    let mut start = 0;
    ends.map(move |end| &text.as_bytes()[std::mem::replace(&mut start, end + 2)..end])
}

/// The text with CRLF at each line's end, wherever it came from: CR and LF alone are line ends too.
fn with_crlf(text: &str) -> String {
    let mut lines = String::with_capacity(text.len() + text.len() / 16);
    let mut rest = text.trim_end_matches(['\r', '\n']);
    while let Some(at) = memchr::memchr2(b'\r', b'\n', rest.as_bytes()) {
        lines.push_str(&rest[..at]);
        lines.push_str("\r\n");
        let end = if rest[at..].starts_with("\r\n") { 2 } else { 1 };
        rest = &rest[at + end..];
    }
    lines.push_str(rest);
    lines
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn message_ids_are_dot_atoms_and_tell_references_apart() {
        for (reference, id) in [
            ("s-1", "<s-1@d>"),
            ("a.b", "<a.b@d>"),
            (".a..b.", "<=2Ea.=2Eb=2E@d>"),
            ("a@b<c>", "<a=40b=3Cc=3E@d>"),
            ("a=40b", "<a=3D40b@d>"),
            (".", "<=2E@d>"),
        ] {
            assert_eq!(message_id(reference, "d"), id);
        }
        let references = ["a.b", "a=2Eb", "a..b", "a.=2Eb", "a=2E.b", "ab."];
        let ids: BTreeSet<_> = references.iter().map(|reference| message_id(reference, "d")).collect();
        assert_eq!(ids.len(), references.len());
    }

    #[test]
    fn every_line_end_becomes_crlf() {
        assert_eq!(with_crlf("a\nb\rc\r\nd\n\r\re\r\n\n"), "a\r\nb\r\nc\r\nd\r\n\r\n\r\ne");
        assert_eq!(with_crlf("\n"), "");
    }
}
