//! `/c/<token>`: to the signed destination or nowhere.

use vigie::intake::Report;
use vigie::model::{Leaving, RecipientId, Source};
use vigie::token::{Purpose, Token};

use super::house::{House, TODAY, brand, click, open};

#[test]
fn a_good_link_leads_exactly_where_it_was_signed_to() {
    let mut house = House::open();
    let destination = "https://pay.example.org/case?id=a%0Ab&to=//evil#frag/../x";
    let token = house.mint(&click(destination), &brand("demo"));
    for target in [format!("/c/{token}"), format!("/c/{token}?to=https://evil.example")] {
        let reply = house.get(&target);
        assert_eq!((reply.status, reply.body.len()), (302, 0));
        assert_eq!(reply.header("location"), Some(destination));
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
    let signal = house.signal();
    assert_eq!((signal.recipient, signal.source), (RecipientId([1; 16]), Source::Click));
}

#[test]
fn head_follows_a_link_but_is_no_presence() {
    let mut house = House::open();
    let token = house.mint(&click("https://example.org/"), &brand("demo"));
    let reply = house.connect().ask(&format!("HEAD /c/{token} HTTP/1.1\r\nHost: t\r\n\r\n"));
    assert_eq!((reply.status, reply.header("location")), (302, Some("https://example.org/")));
    assert!(house.no_more_signals());
    assert_eq!(house.metric(r#"vigie_signals_total{source="click",verdict="scanner"}"#), Some(1));
}

#[test]
fn a_decoy_leads_home_and_tells_a_scanner() {
    let mut house = House::open();
    let decoy = Token { purpose: Purpose::Decoy, ..click("https://demo.example/") };
    let token = house.mint(&decoy, &brand("demo"));
    let reply = house.get(&format!("/c/{token}"));
    assert_eq!((reply.status, reply.header("location")), (302, Some("https://demo.example/")));
    let report = house.report();
    assert!(matches!(report, Report::Gone(RecipientId([1, ..]), Leaving::Unmasked(_))), "{report:?}");
    assert!(house.no_more_signals(), "it is no presence, and ends what was one");
    assert_eq!(house.metric(r#"vigie_signals_total{source="click",verdict="scanner"}"#), Some(1));
}

#[test]
fn a_payment_link_is_counted_and_told_without_a_store() {
    let mut house = House::open();
    let link = Token { purpose: Purpose::Payment, ..click("https://pay.example.org/case?case=1&sig=x") };
    let token = house.mint(&link, &brand("demo"));
    let reply = house.get(&format!("/c/{token}"));
    assert_eq!(
        (reply.status, reply.header("location")),
        (302, Some("https://pay.example.org/case?case=1&sig=x"))
    );
    let signal = house.signal();
    assert_eq!((signal.recipient, signal.source), (RecipientId([1; 16]), Source::Click));
    let paid = |house: &House| house.metric(r#"vigie_payment_clicks_total{brand="demo"}"#);
    assert_eq!(paid(&house), Some(1));
    let told = house.paid();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].brand.as_str(), told[0].recipient, told[0].send),
        ("demo", link.recipient, link.send)
    );

    house.connect().ask(&format!("HEAD /c/{token} HTTP/1.1\r\nHost: t\r\n\r\n"));
    let other = house.mint(&click("https://pay.example.org/case"), &brand("demo"));
    house.get(&format!("/c/{other}"));
    assert_eq!((paid(&house), house.paid().len()), (Some(1), 1), "neither scanners nor other links");
}

#[test]
fn whoever_follows_every_link_of_a_mail_is_a_scanner() {
    let house = House::open();
    let scanned = || house.metric(r#"vigie_signals_total{source="click",verdict="scanner"}"#);
    let follow = |destination: &str| {
        let token = house.mint(&click(destination), &brand("demo"));
        assert_eq!(house.get(&format!("/c/{token}")).status, 302);
    };
    for _ in 0..5 {
        follow("https://example.org/1");
    }
    assert_eq!(scanned(), Some(0), "a person clicks twice");
    follow("https://example.org/2");
    follow("https://example.org/3");
    assert_eq!(scanned(), Some(1));
}

#[test]
fn nothing_else_redirects() {
    let mut house = House::open();
    let good = house.mint(&click("https://example.org/"), &brand("demo"));
    let signed_rubbish = [
        "javascript:alert(1)",
        "//evil.example",
        "https:evil.example",
        "\\\\evil.example",
        "/relative",
        "https://example.org\r\nSet-Cookie: a=b",
        "https://example.org/\n",
        "https://example.org/\u{7f}",
    ];
    let signed_rubbish = signed_rubbish.map(|to| house.mint(&click(to), &brand("demo")));
    let refused = [
        String::new(),
        "https://evil.example".into(),
        house.mint(&open(1), &brand("demo")),
        house.mint(&Token { expires: Some(TODAY), ..click("https://example.org/") }, &brand("demo")),
        format!("{good}.gif"),
        format!("{good}/"),
        format!("{good}%20"),
        format!("{}A{}", &good[..60], &good[61..]),
    ];
    let expected = house.get("/c/x");
    assert_eq!(expected.status, 404);
    assert!(!expected.body.is_empty() && expected.body.len() < 500);
    for token in signed_rubbish.iter().chain(&refused) {
        assert_eq!(house.get(&format!("/c/{token}")), expected, "{token}");
    }
    assert_eq!(expected.header("location"), None);
    assert!(house.no_more_signals());
}
