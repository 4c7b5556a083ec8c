use super::*;
use crate::token::Key;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn secrets() -> (Identity, KeyRing) {
    let demo = Grantee::Brand("demo".parse().expect("a name"));
    let partner = Grantee::Partner("shop".parse().expect("a name"));
    let kinds = vec![Kind::Open, Kind::Click, Kind::Beacon, Kind::Unsubscribe];
    let keys = vec![
        Key::new(1, demo, kinds, true, &[1; 32]).expect("a key"),
        Key::new(2, partner, vec![Kind::Partner], true, &[2; 32]).expect("a key"),
    ];
    (Identity::new(&[3; 32]), KeyRing::new(keys, vec![]).expect("a ring"))
}

fn mint(json: &str) -> Result<Minted, BadOrder> {
    let order: Order = serde_json::from_str(json).expect(json);
    let (identity, ring) = secrets();
    order.mint(&identity, &ring, |_| Some("https://t.example/x".into()), NOW)
}

fn read(minted: &Minted) -> Token {
    Token::read(minted.token.as_bytes(), &secrets().1).expect("our own token").0
}

#[test]
fn an_open_is_a_pixel_of_that_person_and_send() {
    let minted =
        mint(r#"{"brand":"demo","email":"Marie@Example.org","kind":"open","send":"s-1"}"#).expect("minted");
    assert_eq!(minted.url, format!("https://t.example/x/o/{}.gif", minted.token));
    let html = format!("<img src=\"{}\" width=\"1\" height=\"1\" alt=\"\">", minted.url);
    assert_eq!(minted.html, Some(html));
    let token = read(&minted);
    assert_eq!(token.recipient, secrets().0.of_address("marie@example.org").expect("an address"));
    assert_eq!(token.send, Some(SendId::derive(&"demo".parse().expect("a name"), "s-1")));
    assert_eq!((token.purpose, token.expires), (Purpose::Presence, None));
}

#[test]
fn each_kind_has_its_own_address() {
    let id = "00112233445566778899aabbccddeeff";
    for (kind, path, rest) in [
        ("click", "c", r#","to":"https://pay.example/?a=b&c=%C3%A9""#),
        ("beacon", "b", ""),
        ("unsubscribe", "u", ""),
    ] {
        let minted =
            mint(&format!(r#"{{"brand":"demo","recipient":"{id}","kind":"{kind}"{rest}}}"#)).expect(kind);
        assert_eq!(minted.url, format!("https://t.example/x/{path}/{}", minted.token));
        assert_eq!((minted.html.is_none(), read(&minted).recipient.to_string().as_str()), (true, id));
    }
    let partner = mint(&format!(r#"{{"partner":"shop","recipient":"{id}","kind":"open"}}"#)).expect("minted");
    assert_eq!(read(&partner).kind, Kind::Partner);
}

#[test]
fn a_token_lives_to_the_end_of_its_last_day() {
    let minted =
        mint(r#"{"brand":"demo","email":"a@b.example","kind":"open","expires":"1970-01-11T12:00:00+02:00"}"#)
            .expect("minted");
    assert_eq!(read(&minted).expires, Some(11), "valid on day 10, not on day 11");
}

#[test]
fn what_is_wrong_is_named_and_addresses_are_not_repeated() {
    let long = format!("https://x.example/{}", "a".repeat(1600));
    let cases = [
        (r#""kind":"open","email":"a@b.example""#.to_owned(), "brand"),
        (r#""brand":"demo","partner":"shop","kind":"open","email":"a@b.example""#.to_owned(), "brand"),
        (r#""brand":"nobody","kind":"open","email":"a@b.example""#.to_owned(), "brand"),
        (r#""brand":"demo","kind":"open""#.to_owned(), "email"),
        (r#""brand":"demo","kind":"open","email":"marie@@b.example""#.to_owned(), "email"),
        (r#""brand":"demo","kind":"partner","email":"a@b.example""#.to_owned(), "kind"),
        (r#""partner":"shop","kind":"click","email":"a@b.example""#.to_owned(), "kind"),
        (r#""partner":"shop","kind":"open","email":"a@b.example","send":"s""#.to_owned(), "send"),
        (r#""brand":"demo","kind":"click","email":"a@b.example""#.to_owned(), "to"),
        (r#""brand":"demo","kind":"click","email":"a@b.example","to":"javascript:x""#.to_owned(), "to"),
        (
            r#""brand":"demo","kind":"click","email":"a@b.example","to":"https://a.example/\r\nX: y""#
                .to_owned(),
            "to",
        ),
        (format!(r#""brand":"demo","kind":"click","email":"a@b.example","to":"{long}""#), "to"),
        (r#""brand":"demo","kind":"open","email":"a@b.example","to":"https://x.example""#.to_owned(), "to"),
        (
            r#""brand":"demo","kind":"open","email":"a@b.example","expires":"1970-01-01T00:00:00Z""#
                .to_owned(),
            "expires",
        ),
    ];
    for (fields, field) in cases {
        let bad = mint(&format!("{{{fields}}}")).expect_err(&fields);
        assert_eq!(bad.field, field, "{fields}");
        assert!(!bad.to_string().contains("marie"), "{bad}");
    }
}
