//! Sound letters, read with somebody else's parser.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;

use super::*;
use crate::token::{self, Purpose, Token};

#[test]
fn a_letter_has_the_headers_of_the_contract() {
    let letter = letter(&renderer(), reminder(), true);
    assert_eq!((letter.from.as_str(), letter.to.as_str()), ("bounces@demo.example", "Marie@example.org"));
    assert_eq!(header(&letter, "Message-ID"), "<s-1@mail.demo.example>");
    assert_eq!(header(&letter, "X-Vigie-Send"), "s-1");
    assert_eq!(header(&letter, "Auto-Submitted"), "auto-generated");
    assert_eq!(header(&letter, "Date"), "Wed, 04 Mar 2026 05:06:07 +0000");
    assert_eq!(header(&letter, "MIME-Version"), "1.0");
    assert_eq!(header(&letter, "To"), "\"Marie Dupont\" <Marie@example.org>");
    assert_eq!(header(&letter, "Reply-To"), "help@demo.example");
    let boundary = format!("=_vigie_{}", SendId::derive(&name("demo"), "s-1"));
    let multipart = format!("multipart/alternative; boundary=\"{boundary}\"");
    assert_eq!(header(&letter, "Content-Type"), multipart);

    let message = parsed(&letter);
    assert_eq!(message.subject(), Some("Reminder: 120,50 € due since 2026-03-01 (ref. D 2026/17)"));
    let from = message.from().and_then(|from| from.first()).expect("a sender");
    assert_eq!(from.name(), Some("Démo, recouvrement"));
    assert_eq!(from.address(), Some("dunning@xn--dmo-bma.example"));
    assert_eq!((message.text_body_count(), message.html_body_count()), (1, 1));
}

#[test]
fn return_path_message_ids_and_answers_default_to_the_from_address() {
    let plain =
        Brand { return_path: String::new(), reply_to: String::new(), domain: String::new(), ..brand() };
    let letter = letter(&renderer_of(plain).expect("a renderer"), reminder(), true);
    assert_eq!(letter.from, "dunning@xn--dmo-bma.example");
    assert_eq!(header(&letter, "Message-ID"), "<s-1@xn--dmo-bma.example>");
    assert!(parsed(&letter).reply_to().is_none());
}

#[test]
fn every_attempt_in_every_gateway_has_the_same_bytes() {
    let (one, other) = (renderer(), renderer());
    let again = Claim { attempt: 2, cause: Cause::Time, overdue: true, ..claim(reminder(), true) };
    let first = letter(&one, reminder(), true);
    assert_eq!(first, one.render(&again).expect("a letter"));
    assert_eq!(first, letter(&other, reminder(), true));
}

#[test]
fn the_language_is_the_variables_else_the_brands() {
    let in_language = |language: Value| {
        let mut spec = reminder();
        spec.vars.insert("language".into(), language);
        let letter = letter(&renderer(), spec, false);
        parsed(&letter).subject().expect("a subject").to_owned() + &html_of(&letter)
    };
    for french in ["fr", "fr-FR", "FR_ca"] {
        let french = in_language(json!(french));
        assert!(french.starts_with("Rappel\u{a0}: 120,50 € à régler"), "{french}");
        assert!(french.contains("<html lang=\"fr\">"));
    }
    for english in [json!("en"), json!("de"), json!(""), Value::Null] {
        assert!(in_language(english).contains("<html lang=\"en\">"));
    }
}

#[test]
fn a_payment_link_is_signed_and_stays_itself() {
    let text = text_of(&letter(&renderer(), reminder(), false));
    let link = text.split_whitespace().find(|word| word.starts_with("https://pay")).expect("a payment link");
    let url = Url::parse(link).expect("a URL");
    let fields: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!((fields["from"].as_str(), fields["case"].as_str()), ("mail", "D 2026/17"));
    let moment: Timestamp = "2026-06-02T05:06:07Z".parse().expect("a moment");
    assert_eq!(fields["expires"], moment.as_second().to_string());
    let signed =
        format!("vigie payment 1\ndemo\n{}\n{}\n{}", fields["send"], fields["expires"], fields["case"]);
    assert_eq!(fields["sig"], URL_SAFE_NO_PAD.encode(Seal::new(SECRET).sign(&signed)));
}

#[test]
fn a_letter_without_case_name_or_payment_page_is_still_a_letter() {
    let renderer = renderer_of(Brand { payment_url: String::new(), ..brand() }).expect("a renderer");
    let bare = SendSpec { case: None, to: Mailbox::new("m@example.org".into(), None), ..reminder() };
    assert_eq!(renderer.try_out(&bare, None), Ok(()));
    let text = text_of(&letter(&renderer, bare, true));
    assert!(text.starts_with("Hello,"), "{text}");
    assert!(text.contains("simply reply to this message"), "{text}");
}

#[test]
fn a_tracked_letter_leads_through_the_edge() {
    let renderer = renderer();
    let letter = letter(&renderer, reminder(), true);
    let html = html_of(&letter);
    assert!(!text_of(&letter).contains("https://t.demo.example"), "the text part keeps plain addresses");
    assert!(!html.contains("https://pay."), "{html}");
    assert!(html.contains("href=\"mailto:"), "other links stay");

    let after = |start: &str, end: char| {
        let (_, rest) = html.split_once(start).expect(start);
        rest.split(end).next().expect("a token").to_owned()
    };
    let today = token::day("2027-04-07T00:00:00Z".parse().expect("a moment"));
    let open = after("<img src=\"https://t.demo.example/o/", '.');
    let (open, _) = Token::verify(open.as_bytes(), Kind::Open, today, &ring()).expect("a valid token");
    assert_eq!((open.recipient, open.purpose), (RecipientId([9; 16]), Purpose::Presence));
    assert_eq!(open.send, Some(SendId::derive(&name("demo"), "s-1")));
    let click = after("<a href=\"https://t.demo.example/c/", '"');
    let (click, _) = Token::verify(click.as_bytes(), Kind::Click, today, &ring()).expect("a valid token");
    assert!(text_of(&letter).contains(&click.destination), "the destination is the exact address");
    assert!(
        Token::verify(after("/c/", '"').as_bytes(), Kind::Click, today + 1, &ring()).is_err(),
        "400 days"
    );
    assert!(html.find("<img").expect("a pixel") < html.find("</body>").expect("an end"));
}

#[test]
fn a_decoy_is_hidden_in_tracked_letters_of_brands_that_want_one() {
    let wanting = renderer_of(Brand { decoy: true, ..brand() }).expect("a renderer");
    let hidden = "aria-hidden=\"true\" tabindex=\"-1\"";
    assert!(!html_of(&letter(&renderer(), reminder(), true)).contains(hidden), "not by default");
    assert!(!html_of(&letter(&wanting, reminder(), false)).contains("tabindex"), "not in untracked letters");
    let letter = letter(&wanting, reminder(), true);
    let html = html_of(&letter);
    let (before, after) = html.split_once(hidden).expect("a decoy");
    let token = before.rsplit("/c/").next().expect("a link").trim_end_matches(['"', ' ']);
    let (token, _) = Token::verify(token.as_bytes(), Kind::Click, 1, &ring()).expect("a valid token");
    assert_eq!((token.purpose, token.destination.as_str()), (Purpose::Decoy, "https://xn--dmo-bma.example/"));
    assert!(before.contains("<td") && after.contains("<td"), "in the middle: {html}");
    assert!(!text_of(&letter).contains("t.demo.example"), "not in the text part");
}

#[test]
fn an_untracked_letter_has_neither_pixel_nor_signed_links() {
    let letter = letter(&renderer(), reminder(), false);
    let all = String::from_utf8_lossy(&letter.bytes).into_owned() + &html_of(&letter) + &text_of(&letter);
    assert!(!all.contains("t.demo.example") && !all.contains("<img"), "{all}");
    assert!(html_of(&letter).contains("https:&#x2f;&#x2f;pay.demo.example"));
}

#[test]
fn unsubscribing_is_offered_where_the_class_wants_it_and_is_not_tracked() {
    let directory = tempfile::tempdir().expect("a directory");
    write_note(
        directory.path(),
        "s",
        "t",
        "<a href='{{ unsubscribe_url }}'>no more</a> <A HREF=http://a.example>",
    );
    let templates = Some(directory.path().to_owned());
    let promotional = Brand { class: MailClass::Promotional, templates, ..brand() };
    let renderer = renderer_of(promotional).expect("a renderer");
    let letter = letter(&renderer, spec("note", json!({})), true);
    let list = header(&letter, "List-Unsubscribe");
    assert_eq!(header(&letter, "List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    let url = list.trim_matches(['<', '>']);
    let token = url.strip_prefix("https://t.demo.example/u/").expect("an unsubscribe address");
    let (token, _) =
        Token::verify(token.as_bytes(), Kind::Unsubscribe, 99_999, &ring()).expect("never expires");
    assert_eq!(token.purpose, Purpose::Statistics);
    let html = html_of(&letter);
    assert!(html.contains(&url.replace('/', "&#x2f;")), "{html}");
    assert!(html.contains("https://t.demo.example/c/") && html.trim_end().ends_with("0\">"), "{html}");
}

#[test]
fn templates_are_listed_with_their_variables() {
    let house = House::new(&name("demo"), &brand(), &ring()).expect("the samples are sound");
    let infos: Vec<_> = house.templates().collect();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(
        infos,
        [TemplateInfo {
            brand: name("demo"),
            template: name("reminder"),
            languages: words(&["en", "fr"]),
            variables: words(&["amount", "due_date"]),
        }]
    );
}

#[test]
fn json_of_every_type_reads_as_people_write_it() {
    let renderer = renderer_with(
        "{{ n }} {{ big }} {{ f }}",
        "{% for item in items %}{{ item.label }}={{ item.sum }};{% endfor %}{% if gone is defined or not yes %}!{% endif %}",
        "{{ mark }}",
    );
    let vars = json!({"n": -3, "big": u64::MAX, "f": 1.5, "yes": true, "gone": null, "mark": "<b>&",
        "items": [{"label": "a", "sum": 1}, {"label": "b", "sum": 2}]});
    let letter = letter(&renderer, spec("note", vars), false);
    assert_eq!(parsed(&letter).subject(), Some("-3 18446744073709551615 1.5"));
    assert_eq!(text_of(&letter).trim_end(), "a=1;b=2;");
    assert_eq!(html_of(&letter).trim_end(), "&lt;b&gt;&amp;");
}

#[test]
fn a_local_part_beyond_ascii_stays() {
    let to = Mailbox::new("josé@exämple.org".into(), None);
    let letter = letter(&renderer(), SendSpec { to, ..reminder() }, false);
    assert_eq!(letter.to, "josé@xn--exmple-cua.org");
    assert_eq!(header(&letter, "To"), "josé@xn--exmple-cua.org");
}
