//! `/b/<token>`: pages say whether somebody looks at them.

use std::time::Instant;

use vigie::intake::Report;
use vigie::model::{Leaving, RecipientId, SendId, Source};
use vigie::token::{Kind, Purpose, Token};

use super::house::{House, TODAY, brand, open};

fn beacon(recipient: u8) -> Token {
    Token { kind: Kind::Beacon, ..open(recipient) }
}

/// What Chromium 156 sends for `navigator.sendBeacon(url, body)`, byte for byte but for host and token.
fn from_chromium(token: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST /b/{token} HTTP/1.1\r\nHost: vigie.localhost:31080\r\nConnection: keep-alive\r\nContent-Length: {length}\r\n\
         sec-ch-ua-platform: \"Linux\"\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like \
         Gecko) HeadlessChrome/156.0.0.0 Safari/537.36\r\nsec-ch-ua: \"Not:A-Brand\";v=\"8\", \"Chromium\";v=\"156\"\r\n\
         Content-Type: {kind}\r\nsec-ch-ua-mobile: ?0\r\nAccept: */*\r\nOrigin: http://webmail.localhost:31090\r\n\
         Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: empty\r\n\
         Sec-Fetch-Storage-Access: none\r\nReferer: http://webmail.localhost:31090/\r\n\
         Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n\r\n{body}"
    )
}

#[test]
fn a_page_in_view_is_presence_whatever_the_bodys_type() {
    let mut house = House::open();
    let bodies = [
        ("text/plain;charset=UTF-8", r#"{"state":"visible"}"#),
        ("application/json", r#"{"state":"visible","activated":true}"#),
        ("application/x-www-form-urlencoded;charset=UTF-8", "state=visible&activated=true"),
        ("text/plain;charset=UTF-8", ""),
    ];
    for (number, (kind, body)) in (0..).zip(bodies) {
        let token = house.mint(&beacon(number), &brand("demo"));
        let reply = house.connect().ask(&from_chromium(&token, kind, body));
        assert_eq!((reply.status, reply.body.len()), (204, 0), "{body}");
        assert_eq!(reply.head, "HTTP/1.1 204 No Content\r\nvary: origin\r\ncache-control: no-store\r\n\r\n");
        let signal = house.signal();
        assert_eq!((signal.recipient, signal.source), (RecipientId([number; 16]), Source::Beacon));
        assert_eq!(signal.about, Some(SendId([5; 16])));
        assert!(signal.judgement.settled().fires, "{body}");
    }
}

#[test]
fn somebody_who_did_something_is_surer_than_a_page_in_view() {
    let mut house = House::open();
    let mut sure = |recipient, body| {
        let token = house.mint(&beacon(recipient), &brand("demo"));
        assert_eq!(house.post(&format!("/b/{token}"), body).status, 204);
        house.signal().judgement.settled().confidence
    };
    assert!(sure(1, r#"{"state":"visible","activated":true}"#) > sure(2, r#"{"state":"visible"}"#));
}

#[test]
fn a_hidden_page_ends_presence() {
    let mut house = House::open();
    let token = house.mint(&beacon(7), &brand("demo"));
    for body in [r#"{"state":"hidden"}"#, "state=hidden"] {
        assert_eq!(house.post(&format!("/b/{token}"), body).status, 204);
        let report = house.report();
        assert!(matches!(report, Report::Gone(RecipientId([7, ..]), Leaving::Left)), "{report:?}");
    }
    let token = house.mint(&Token { purpose: Purpose::Statistics, ..beacon(7) }, &brand("demo"));
    house.post(&format!("/b/{token}"), r#"{"state":"hidden"}"#);
    assert!(house.no_more_signals(), "what makes nobody present ends nobody's presence");
}

#[test]
fn everything_else_is_answered_the_same_and_says_nothing() {
    let mut house = House::open();
    let good = house.mint(&beacon(7), &brand("demo"));
    let expected = house.post(&format!("/b/{good}"), "");
    house.signal();
    let wrong_kind = house.mint(&open(7), &brand("demo"));
    let expired = house.mint(&Token { expires: Some(TODAY), ..beacon(7) }, &brand("demo"));
    let forged = format!("{}A", &good[..good.len() - 1]);
    for token in ["", "x", "%00", &wrong_kind, &expired, &forged, &format!("{good}/")] {
        for body in ["", r#"{"state":"hidden"}"#, "x"] {
            assert_eq!(house.post(&format!("/b/{token}"), body), expected, "{token} {body}");
        }
    }
    for body in
        ["x", "{", r#"{"state":"prerender"}"#, "\0", &format!("{{{}", " ".repeat(5000)), &"x".repeat(65_536)]
    {
        assert_eq!(house.post(&format!("/b/{good}"), body), expected, "{body:.20}");
    }
    assert!(house.no_more_signals());
    let refused = |reason: &str| {
        house.metric(&format!(r#"vigie_tokens_refused_total{{kind="beacon",reason="{reason}"}}"#))
    };
    assert_eq!(["expired", "wrong_kind", "forged"].map(refused), [Some(3); 3]);
    assert_eq!(house.metric(r#"vigie_edge_requests_total{route="beacon",status="204"}"#), Some(28));
}

#[test]
fn other_methods_find_nothing_here() {
    let house = House::open();
    for method in ["GET", "HEAD", "PUT", "DELETE"] {
        let reply = house.connect().ask(&format!("{method} /b/x HTTP/1.1\r\nHost: t\r\n\r\n"));
        assert_eq!((reply.status, reply.body.len()), (404, 0), "{method}");
    }
}

#[test]
fn long_bodies_are_refused_and_unfinished_ones_keep_nobody_waiting() {
    let mut house = House::open();
    let token = house.mint(&beacon(7), &brand("demo"));
    let mut long = house.connect();
    long.send(format!("POST /b/{token} HTTP/1.1\r\nHost: t\r\nContent-Length: 65537\r\n\r\n"));
    let reply = long.reply(false);
    assert_eq!((reply.status, reply.header("connection")), (413, Some("close")));
    long.finish();
    assert!(long.ends());

    let unfinished: Vec<_> = (0..50)
        .map(|_| {
            let mut client = house.connect();
            client.send(format!(
                "POST /b/{token} HTTP/1.1\r\nHost: t\r\nContent-Length: 19\r\n\r\n{{\"state\":"
            ));
            client
        })
        .collect();
    let start = Instant::now();
    assert_eq!(house.get("/o/x").status, 200);
    assert!(start.elapsed().as_secs() < 2, "others are answered meanwhile");
    drop(unfinished);
    house.wait_for("vigie_edge_connections", 0);
    assert_eq!(house.post(&format!("/b/{token}"), "").status, 204);
    house.signal();
    assert!(house.no_more_signals(), "what was broken off says nothing");
}

#[test]
fn bodies_may_come_in_chunks_and_are_the_last_of_their_connection() {
    let mut house = House::open();
    let token = house.mint(&Token { kind: Kind::Beacon, send: None, ..open(1) }, &brand("demo"));
    let head = format!("POST /b/{token} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n");
    let smuggled = "GET /o/smuggled HTTP/1.1\r\nHost: t\r\n\r\n";
    let coded = |coding: &str| format!("Transfer-Encoding: {coding}\r\n");
    for (more, status) in [
        (String::new(), 204),
        ("Content-Length: 5\r\n".into(), 204),
        (coded("gzip"), 400),
        (coded("chunked"), 400),
    ] {
        let mut client = house.connect();
        let body = "9\r\n{\"state\":\r\na\r\n\"visible\"}\r\n0\r\n\r\n";
        let reply = client.ask(&format!("{head}{more}\r\n{body}{smuggled}"));
        assert_eq!((reply.status, reply.header("connection")), (status, Some("close")), "{more}");
        client.finish();
        assert!(client.ends(), "{more}");
    }
    let long = format!(
        "POST /b/{} HTTP/1.1\r\nHost: t\r\n{}\r\n0\r\n\r\n{smuggled}",
        "a".repeat(3000),
        coded("chunked")
    );
    let mut client = house.connect();
    assert_eq!(client.ask(&long).status, 400);
    client.finish();
    assert!(client.ends());
    house.signal();
    house.signal();
    let mut endless = house.connect();
    endless.send(format!("{head}\r\n"));
    endless.send(format!("4000\r\n{}\r\n", "a".repeat(0x4000)).repeat(5));
    assert_eq!(endless.reply(false).status, 413);
    assert!(house.no_more_signals());
}

#[test]
fn only_configured_origins_may_read_answers() {
    let house = House::open();
    let ask = |method: &str, origin: &str| {
        let preflight =
            "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n";
        house
            .connect()
            .ask(&format!("{method} /b/x HTTP/1.1\r\nHost: t\r\nOrigin: {origin}\r\n{preflight}\r\n"))
    };
    for origin in ["https://portal.example", "http://127.0.0.1:8090"] {
        let reply = ask("OPTIONS", origin);
        assert_eq!((reply.status, reply.body.len()), (204, 0));
        assert_eq!(reply.header("access-control-allow-origin"), Some(origin));
        assert_eq!(reply.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(reply.header("access-control-allow-methods"), Some("POST"));
        assert_eq!(reply.header("access-control-allow-headers"), Some("content-type"));
        assert_eq!(reply.header("access-control-max-age"), Some("86400"));
        assert_eq!(reply.header("vary"), Some("origin"));
        assert_eq!(ask("POST", origin).header("access-control-allow-origin"), Some(origin));
    }
    for origin in
        ["https://evil.example", "https://portal.example.evil.example", "https://PORTAL.example", "null", "*"]
    {
        for method in ["OPTIONS", "POST"] {
            let reply = ask(method, origin);
            assert_eq!((reply.status, reply.header("vary")), (204, Some("origin")));
            assert!(!reply.head.contains("access-control"), "{origin}: {}", reply.head);
        }
    }
}
