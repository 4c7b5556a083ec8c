//! `/o/<token>`: everybody gets the same GIF, and good tokens make signals.

use vigie::edge::{CACHE_CONTROL, GIF};
use vigie::model::{Class, ConsentRule, Origin, RecipientId, SendId, Source};
use vigie::token::{Kind, Purpose, Token};

use super::house::{BROWSER, House, TODAY, brand, click, open, partner};

#[test]
fn a_pixel_is_the_gif_of_the_contract() {
    let mut house = House::open();
    let token = house.mint(&open(7), &brand("demo"));
    let reply = house.get(&format!("/o/{token}.gif"));
    assert_eq!((reply.status, &reply.body[..]), (200, &GIF[..]));
    assert_eq!(
        reply.head,
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: image/gif\r\ncache-control: {CACHE_CONTROL}\r\ncontent-length: 43\r\n\r\n"
        ),
    );
    let signal = house.signal();
    assert_eq!((signal.recipient, signal.source), (RecipientId([7; 16]), Source::Open));
    assert_eq!((signal.about, signal.judgement.settled().class), (Some(SendId([5; 16])), Class::Human));
    assert_eq!(signal.origin, Origin::Tracked { grantee: brand("demo"), rule: ConsentRule::Presumed });
    house.close().expect("an orderly end");
}

#[test]
fn every_refused_token_gets_the_bytes_of_a_good_one() {
    let mut house = House::open();
    let good = house.mint(&open(7), &brand("demo"));
    let expected = house.get(&format!("/o/{good}.gif"));
    let expired = house.mint(&Token { expires: Some(TODAY), ..open(7) }, &brand("demo"));
    let wrong_kind = house.mint(&click("https://example.org"), &brand("demo"));
    let forged = format!("{}A", &good[..good.len() - 1]);
    let unknown_key = format!("{}8{}", &good[..4], &good[5..]);
    let bad = [
        String::new(),
        "A".into(),
        "A".repeat(2000),
        expired,
        wrong_kind,
        forged,
        unknown_key,
        format!("{good}="),
        format!("{good}.gif"),
        format!("{good}/"),
        good.replace(['-', '_'], "+") + "+",
        "..".into(),
        "%00".into(),
        format!("%{:02X}{}", good.as_bytes()[0], &good[1..]),
        format!("{good}.png"),
    ];
    for token in &bad {
        assert_eq!(house.get(&format!("/o/{token}.gif")), expected, "{token}");
    }
    assert_eq!(house.signal().recipient, RecipientId([7; 16]));
    assert!(house.no_more_signals(), "a refused token is no signal");
    let refused = |reason: &str| {
        house
            .metric(&format!(r#"vigie_tokens_refused_total{{kind="open",reason="{reason}"}}"#))
            .expect("counted")
    };
    let counts = ["expired", "wrong_kind", "unknown_key", "forged"].map(refused);
    assert_eq!(counts, [1, 1, 1, 1]);
    assert_eq!(refused("malformed"), u64::try_from(bad.len()).expect("few") - 4);
}

#[test]
fn nothing_a_client_adds_changes_the_answer() {
    let house = House::open();
    let token = house.mint(&open(7), &brand("demo"));
    let expected = house.get(&format!("/o/{token}.gif"));
    for target in
        [format!("/o/{token}"), format!("/o/{token}.gif?x=1&y=%00"), format!("http://other/o/{token}")]
    {
        assert_eq!(house.get(&target), expected, "{target}");
    }
    let extras = [
        "Range: bytes=0-5",
        "If-None-Match: *",
        "If-Modified-Since: Sat, 01 Jan 2050 00:00:00 GMT",
        "Accept: text/html",
        "Accept-Encoding: br, gzip",
        "Origin: https://example.org",
        "Expect: 100-continue",
        "User-Agent: curl/8.5.0",
    ];
    for extra in extras {
        let request = format!("GET /o/{token}.gif HTTP/1.1\r\nHost: t\r\n{extra}\r\n\r\n");
        assert_eq!(house.connect().ask(&request), expected, "{extra}");
    }
}

#[test]
fn head_has_the_same_head_and_is_no_presence() {
    let mut house = House::open();
    let token = house.mint(&open(7), &brand("demo"));
    let expected = house.get(&format!("/o/{token}"));
    let mut client = house.connect();
    let head = format!("HEAD /o/{token} HTTP/1.1\r\nHost: t\r\nUser-Agent: {BROWSER}\r\n\r\n");
    for _ in 0..2 {
        let reply = client.ask(&head);
        assert_eq!((&reply.head, reply.body.len()), (&expected.head, 0));
    }
    house.signal();
    assert!(house.no_more_signals());
    assert_eq!(house.metric(r#"vigie_signals_total{source="open",verdict="scanner"}"#), Some(2));
}

#[test]
fn whose_token_it_is_decides_whose_consent_counts() {
    let mut house = House::open();
    let strict = house.mint(&open(8), &brand("strict"));
    house.get(&format!("/o/{strict}"));
    assert_eq!(
        house.signal().origin,
        Origin::Tracked { grantee: brand("strict"), rule: ConsentRule::Required },
    );
    let theirs = house.mint(&Token { kind: Kind::Partner, send: None, ..open(9) }, &partner("paper"));
    house.get(&format!("/o/{theirs}.gif"));
    let signal = house.signal();
    assert_eq!((signal.source, signal.about), (Source::Partner, None));
    assert_eq!(signal.origin, Origin::Tracked { grantee: partner("paper"), rule: ConsentRule::Required });
}

#[test]
fn a_token_for_statistics_makes_nobody_online() {
    let mut house = House::open();
    let token = house.mint(&Token { purpose: Purpose::Statistics, ..open(7) }, &brand("demo"));
    assert_eq!(house.get(&format!("/o/{token}.gif")).status, 200);
    assert!(house.no_more_signals());
    assert_eq!(house.metric(r#"vigie_signals_total{source="open",verdict="human"}"#), Some(1));
}

#[test]
fn a_full_intake_sheds_and_every_pixel_is_answered() {
    let house = House::with(&super::house::edge_config(), 2);
    let tokens: Vec<_> = (0..10).map(|n| house.mint(&open(n), &brand("demo"))).collect();
    for token in &tokens {
        assert_eq!(house.get(&format!("/o/{token}.gif")).status, 200);
    }
    assert_eq!(house.metric(r#"vigie_signals_shed_total{reason="full"}"#), Some(8));
    assert_eq!(house.metric(r#"vigie_edge_requests_total{route="open",status="200"}"#), Some(10));
}

#[test]
fn a_recipient_touched_a_moment_ago_is_not_queued_again() {
    let mut house = House::open();
    let token = house.mint(&open(7), &brand("demo"));
    house.get(&format!("/o/{token}.gif"));
    let signal = house.signal();
    house.intake.recorded(&signal, true);
    house.get(&format!("/o/{token}.gif"));
    assert!(house.no_more_signals());
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let house = House::open();
    let token = house.mint(&open(7), &brand("demo"));
    let pair =
        format!("GET /o/{token}.gif HTTP/1.1\r\nHost: t\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: t\r\n\r\n");
    let mut client = house.connect();
    client.send(pair.repeat(1_000));
    for _ in 0..1_000 {
        assert_eq!(client.reply(false).status, 200);
        assert_eq!(client.reply(false).status, 404);
    }
}
