//! `/u/<token>`: looking changes nothing, posting unsubscribes, also while the store does not answer.

use std::sync::Arc;

use jiff::Timestamp;
use vigie::clock::Clock;
use vigie::model::{Consent, RecipientId};
use vigie::store::embedded::Embedded;
use vigie::store::{Rules, Store};
use vigie::token::{Kind, Purpose, Token};

use super::house::{BROWSER, House, TODAY, brand, click, open};

const ONE_CLICK: &str = "List-Unsubscribe=One-Click";

const RECORDED: &str = r#"vigie_unsubscribes_total{outcome="recorded"}"#;

fn leaving(recipient: u8) -> Token {
    Token { kind: Kind::Unsubscribe, expires: None, purpose: Purpose::Statistics, ..open(recipient) }
}

fn store() -> (Arc<dyn Store>, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let clock = Clock::manual(Timestamp::from_second(i64::from(TODAY) * 86_400).expect("a moment"));
    let store = Embedded::open(directory.path(), 16, Rules::default(), clock).expect("an empty store");
    (Arc::new(store), directory)
}

/// What a person has said, as the store has it.
fn said(house: &House, store: &Arc<dyn Store>, recipient: u8) -> Vec<Consent> {
    house.runtime.block_on(store.person(RecipientId([recipient; 16]))).expect("known").consents
}

fn page(reply: &super::house::Reply) -> String {
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
    let policy = reply.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    String::from_utf8(reply.body.clone()).expect("text")
}

#[test]
fn looking_at_the_page_changes_nothing() {
    let mut house = House::open();
    let (store, _directory) = store();
    let token = house.mint(&leaving(1), &brand("demo"));
    let path = format!("/u/{token}");
    let shown = page(&house.get(&path));
    for part in [
        "<html lang=\"fr\">",
        "<h1>Se désabonner</h1>",
        "Démo &amp; Cie",
        "<form method=\"post\">",
        "<button",
    ] {
        assert!(shown.contains(part), "{part} is missing: {shown}");
    }
    for agent in ["", "curl/8.9.1", BROWSER, "Mozilla/5.0 (compatible; LinkScanner/1.0)"] {
        for method in ["GET", "HEAD"] {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: t\r\nUser-Agent: {agent}\r\n\r\n");
            assert_eq!(house.connect().ask(&request).status, 200);
        }
    }
    for method in ["OPTIONS", "PUT", "DELETE"] {
        assert_eq!(house.connect().ask(&format!("{method} {path} HTTP/1.1\r\nHost: t\r\n\r\n")).status, 404);
    }
    house.runtime.spawn(house.recorder.take().expect("not yet").run(Arc::clone(&store)));
    house.post(&format!("/u/{}", house.mint(&leaving(2), &brand("demo"))), "");
    house.wait_for(RECORDED, 1);
    assert!(said(&house, &store, 1).is_empty());
    assert!(house.no_more_signals(), "unsubscribing is no presence");
}

#[test]
fn posting_unsubscribes_also_while_the_store_is_slow() {
    let mut house = House::open();
    let (store, _directory) = store();
    let bodies = [
        (1, ONE_CLICK, "one-click (RFC 8058)"),
        (2, "", "unsubscribe link"),
        (3, "confirm=yes", "unsubscribe link"),
    ];
    for (number, body, _) in bodies {
        let token = house.mint(&leaving(number), &brand("demo"));
        assert!(page(&house.post(&format!("/u/{token}"), body)).contains("Vous êtes désabonné"));
    }
    assert_eq!(house.metric(RECORDED), Some(0), "answered before anything is stored");
    house.runtime.spawn(house.recorder.take().expect("not yet").run(Arc::clone(&store)));
    house.wait_for(RECORDED, 3);
    for (number, _, proof) in bodies {
        let consents = said(&house, &store, number);
        let [consent] = consents.as_slice() else { panic!("one statement, not {consents:?}") };
        assert_eq!(
            (consent.granted, consent.proof.as_str(), &consent.grantee),
            (false, proof, &brand("demo"))
        );
    }
    assert!(house.no_more_signals());
}

#[test]
fn the_body_of_a_mail_program_may_have_any_form() {
    let mut house = House::open();
    let (store, _directory) = store();
    house.runtime.spawn(house.recorder.take().expect("not yet").run(Arc::clone(&store)));
    let form =
        "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n";
    let token = house.mint(&leaving(1), &brand("demo"));
    assert_eq!(house.post(&format!("/u/{token}"), form).status, 200);
    house.wait_for(RECORDED, 1);
    assert_eq!(said(&house, &store, 1)[0].proof, "one-click (RFC 8058)");
}

#[test]
fn pages_speak_the_readers_language() {
    let house = House::open();
    let ask = |owner: &str, language: &str| {
        let token = house.mint(&leaving(1), &brand(owner));
        page(
            &house
                .connect()
                .ask(&format!("GET /u/{token} HTTP/1.1\r\nHost: t\r\nAccept-Language: {language}\r\n\r\n")),
        )
    };
    assert!(ask("demo", "en-GB,en;q=0.9,fr;q=0.8").contains("<html lang=\"en\">"));
    assert!(ask("demo", "de").contains("<html lang=\"fr\">"), "the brand's own");
    assert!(ask("strict", "de").contains("from strict?"), "a brand without a name in From has its own");
}

#[test]
fn a_token_that_is_not_one_leads_nowhere() {
    let mut house = House::open();
    let good = house.mint(&leaving(1), &brand("demo"));
    let expected = house.get("/c/x");
    for token in ["", "x", &format!("{good}A"), &house.mint(&click("https://a.example/"), &brand("demo"))] {
        assert_eq!(house.get(&format!("/u/{token}")), expected);
        assert_eq!(house.post(&format!("/u/{token}"), ONE_CLICK), expected);
    }
    let long = format!("POST /u/{good} HTTP/1.1\r\nHost: t\r\nContent-Length: 70000\r\n\r\n");
    assert_eq!(house.connect().ask(&long).status, 413);
    assert!(house.no_more_signals());
}

#[test]
fn too_many_at_once_are_told_so() {
    let mut house = House::open();
    let length = ONE_CLICK.len();
    let token = |n: u32| {
        let recipient = RecipientId([n.to_be_bytes(); 4].concat().try_into().expect("16 bytes"));
        house.mint(&Token { recipient, ..leaving(0) }, &brand("demo"))
    };
    let request = |n| {
        let token = token(n);
        format!("POST /u/{token} HTTP/1.1\r\nHost: t\r\nContent-Length: {length}\r\n\r\n{ONE_CLICK}")
    };
    let mut client = house.connect();
    for hundred in 0..100 {
        client.send((1..=100).map(|n| request(hundred * 100 + n)).collect::<String>());
        for _ in 0..100 {
            assert_eq!(client.reply(false).status, 200);
        }
    }
    let reply = client.ask(&request(0));
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("10")));
    assert_eq!(house.metric(r#"vigie_unsubscribes_total{outcome="refused"}"#), Some(1));
    assert_eq!(house.get(&format!("/u/{}", token(0))).status, 200, "looking is possible");
    assert_eq!(client.ask(&request(1)).status, 200, "who waits already needs no other place");

    drop(house.recorder.take());
    house.wait_for(r#"vigie_unsubscribes_total{outcome="lost"}"#, 10_000);
}
