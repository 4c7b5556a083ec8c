//! `POST /v1/signals`.

use std::time::Duration;

use hyper::Method;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use vigie::clock::Clock;
use vigie::intake::Report;
use vigie::model::{Leaving, Source};

use crate::api::house::{House, NOW};
use crate::support::gateway::{Gateway, KEY};

const WHO: &str = "marie@example.org";

fn statement(kind: &str, source: &str) -> Value {
    json!({"email": WHO, "kind": kind, "source": source})
}

fn now() -> Timestamp {
    NOW.parse().expect("a time")
}

/// What the pipeline is told, if anything.
fn told(house: &mut House) -> Option<Report> {
    house.outlets[0].try_recv()
}

#[tokio::test]
async fn a_signal_is_answered_with_what_was_made_of_it() {
    let mut house = House::open().await;
    let answer = house.caller("signals").post("/v1/signals", &statement("active", "webmail")).await.with(202);
    let who = house.identity.of_address(WHO).expect("an address");
    let expected = json!({
        "recipient": who.to_string(), "verdict": "human", "confidence": 0.95, "reason": "deed:active", "taken": "queued",
    });
    assert_eq!(answer, expected);
    let Some(Report::Seen(signal)) = told(&mut house) else { panic!("somebody is seen") };
    assert_eq!((signal.recipient, signal.source), (who, Source::Webmail));
    for whom in [
        json!({"email": " Marie@EXAMPLE.org ", "kind": "click"}),
        json!({"email_sha256": "c9b1ab5ff3e8ed4d3b0cdf2cd4f5ac4ec5d2ed1d8a4bd6e2f1f2ad1bfbe3c4e9", "kind": "click"}),
        json!({"recipient": who.to_string(), "kind": "click"}),
    ] {
        let answer = house.operator().post("/v1/signals", &whom).await.with(202);
        assert_eq!(answer["recipient"] == who.to_string(), whom.get("email_sha256").is_none(), "{whom}");
        let Some(Report::Seen(signal)) = told(&mut house) else { panic!("{whom}") };
        assert_eq!(signal.source, Source::Portal, "what names no source is a portal's");
    }
}

#[tokio::test]
async fn every_word_has_its_meaning() {
    let mut house = House::open().await;
    let table = [
        ("login", "imap", "deed:login", false),
        ("login", "portal", "deed:login", true),
        ("login", "crm-2", "deed:login", true),
        ("active", "imap", "deed:active", true),
        ("present", "webmail", "deed:visible", false),
        ("visible", "beacon", "deed:visible", false),
        ("read", "dovecot", "deed:read", true),
        ("open", "open", "deed:read", true),
        ("click", "click", "deed:active", true),
        ("view", "portal", "deed:active", true),
        ("act", "imap", "deed:act", true),
        ("compose", "imap", "deed:write", true),
        ("write", "webmail", "deed:write", true),
        ("sync", "imap", "deed:sync", false),
        ("idle", "imap", "deed:sync", false),
        ("change", "imap", "deed:change", false),
    ];
    for (kind, source, reason, fires) in table {
        let answer = house.operator().post("/v1/signals", &statement(kind, source)).await.with(202);
        assert_eq!(
            (&answer["reason"], &answer["taken"]),
            (&json!(reason), &json!("queued")),
            "{kind} {source}"
        );
        let Some(Report::Seen(signal)) = told(&mut house) else { panic!("{kind} {source}") };
        assert_eq!(signal.judgement.settled().fires, fires, "{kind} {source}");
    }
    for away in ["leave", "logout", "hidden", "away"] {
        house.operator().post("/v1/signals", &statement(away, "portal")).await.with(202);
        assert!(matches!(told(&mut house), Some(Report::Gone(_, Leaving::Left))), "{away}");
        assert!(told(&mut house).is_none(), "{away}");
    }
}

#[tokio::test]
async fn what_was_long_ago_or_has_not_come_is_no_presence() {
    let mut house = House::open().await;
    let at = |at: Value| json!({"email": WHO, "kind": "active", "at": at});
    for fresh in [
        json!(null),
        json!(now().to_string()),
        json!((now() - 60.seconds()).as_second()),
        json!("2026-03-02T10:00:05+01:00"),
    ] {
        let answer = house.operator().post("/v1/signals", &at(fresh.clone())).await.with(202);
        assert_eq!(answer["taken"], "queued", "{fresh}");
        assert!(told(&mut house).is_some(), "{fresh}");
    }
    for stale in [json!((now() - 61.seconds()).to_string()), json!((now() - 8000.hours()).as_second())] {
        let answer = house.operator().post("/v1/signals", &at(stale.clone())).await.with(202);
        assert_eq!((&answer["taken"], &answer["verdict"]), (&json!("stale"), &json!("human")), "{stale}");
    }
    let millis = now().as_millisecond();
    for wrong in [
        json!((now() + 6.seconds()).to_string()),
        json!((now() - 8761.hours()).to_string()),
        json!("9999-12-30T00:00:00Z"),
        json!(millis),
        json!(0),
        json!("yesterday"),
        json!("2026-03-02T09:00:00"),
        json!(true),
    ] {
        let problem = house.operator().post("/v1/signals", &at(wrong.clone())).await.problem(422);
        assert_eq!(problem["field"], "at", "{wrong}: {problem}");
        assert!(!problem.to_string().contains("yesterday"), "{problem}");
    }
    assert!(told(&mut house).is_none(), "nothing of it is presence");
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let mut house = House::open().await;
    let cases = [
        (json!({"email": WHO, "kind": "active", "colour": "red"}), "colour"),
        (json!({"email": WHO}), "kind"),
        (json!({"email": WHO, "kind": "dance"}), "kind"),
        (json!({"email": WHO, "kind": 5}), "kind"),
        (json!({"email": WHO, "kind": "active", "source": ""}), "source"),
        (json!({"email": WHO, "kind": "active", "source": "two words"}), "source"),
        (json!({"email": WHO, "kind": "active", "source": "x".repeat(65)}), "source"),
        (json!({"kind": "active"}), "email"),
        (json!({"email": WHO, "recipient": "00".repeat(16), "kind": "active"}), "email"),
        (json!({"email": "nobody", "kind": "active"}), "email"),
        (json!({"email_sha256": "abc", "kind": "active"}), "email_sha256"),
        (json!({"recipient": "abc", "kind": "active"}), "recipient"),
    ];
    for (body, field) in cases {
        let problem = house.operator().post("/v1/signals", &body).await.problem(422);
        assert_eq!(problem["field"], field, "{body}: {problem}");
    }
    let twice = r#"{"email":"a@example.org","email":"b@example.org","kind":"active"}"#;
    house.operator().call("POST", "/v1/signals", "application/json", twice).await.problem(400);
    house.operator().call("POST", "/v1/signals", "text/plain", "{}").await.problem(415);
    house.producer().post("/v1/signals", &statement("active", "portal")).await.problem(403);
    assert!(told(&mut house).is_none());
}

#[tokio::test]
async fn many_are_answered_line_by_line() {
    let house = House::open().await;
    let good = statement("active", "portal");
    let stale = json!({"email": WHO, "kind": "active", "at": (now() - 1.hours()).to_string()});
    let body = format!("{good}\n{{\"email\":\n{stale}\n{}\n{good}", json!({"email": WHO, "kind": "x"}));
    let lines = house.caller("signals").bulk("/v1/signals", &body).await.lines();
    let status: Vec<_> = lines.iter().map(|line| line["status"].as_u64().expect("a status")).collect();
    assert_eq!(status, [202, 400, 202, 422, 202]);
    assert_eq!((&lines[0]["line"], &lines[0]["taken"]), (&json!(1), &json!("queued")));
    assert_eq!((&lines[0]["confidence"], &lines[2]["taken"]), (&json!(0.95), &json!("stale")));
    assert_eq!(lines[3]["problem"]["field"], "kind");
}

/// Posts this many chunks, reading what is answered meanwhile; returns how many lines that were, and how many of them
/// were refused.
async fn flood(gateway: &Gateway, chunk: Vec<u8>, chunks: usize) -> (usize, usize) {
    let stream = TcpStream::connect(gateway.api()).await.expect("connected");
    let (read, mut write) = stream.into_split();
    let length = chunk.len() * chunks;
    let head = format!(
        "POST /v1/signals HTTP/1.0\r\nHost: vigie\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/x-ndjson\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    let writing = tokio::spawn(async move {
        write.write_all(head.as_bytes()).await?;
        for _ in 0..chunks {
            write.write_all(&chunk).await?;
        }
        // Who hangs up, if only half, is gone.
        Ok::<_, std::io::Error>(write)
    });
    let mut lines = BufReader::new(read).lines();
    let (mut answered, mut refused) = (0, 0);
    while let Some(line) = lines.next_line().await.expect("text") {
        answered += usize::from(line.contains("\"line\":"));
        refused += usize::from(line.contains("\"problem\""));
    }
    let _write = writing.await.expect("no panic").expect("it reads to the end");
    (answered, refused)
}

#[tokio::test]
async fn a_hundred_megabytes_are_read_and_not_kept() {
    const CHUNK: usize = 1000 * 1000;
    let gateway = Gateway::start(&[]).await;
    let memory = || gateway.metrics().sum("process_resident_memory_bytes", &[]);
    let before = memory();
    // Lines of 20 kB, most of it blanks.
    let line =
        format!("{{\"email\":\"canary-flood@example.test\",{}\"kind\":\"active\"}}\n", " ".repeat(19_946));
    assert_eq!(line.len(), 20_000);
    assert_eq!(flood(&gateway, line.repeat(CHUNK / 20_000).into_bytes(), 100).await, (5000, 0));
    assert_eq!(flood(&gateway, vec![b'x'; CHUNK], 100).await, (1, 1), "one line without an end");
    assert_eq!(flood(&gateway, b"[]\n".repeat(20_000), 2).await, (40_000, 40_000));
    let grown = memory() - before;
    assert!(grown < 64e6, "grew by {grown} bytes");
    gateway.queue("one", "canary-flood-2@example.test").await;
    let signal = json!({"email": "canary-flood-2@example.test", "kind": "active"});
    assert_eq!(gateway.call(Method::POST, "/v1/signals", &signal).await.status, 202);
    gateway.reaches("one", "sent").await;
}

#[tokio::test]
async fn what_a_person_did_fires_and_what_their_client_did_does_not() {
    let mut gateway =
        Gateway::start(&[("VIGIE__INTAKE__SHARDS", "1"), ("VIGIE__CLASSIFY__HINT_TTL", "60s")]).await;
    gateway.queue("one", "canary-one@example.test").await;
    gateway.queue("two", "canary-two@example.test").await;
    let say = async |email: &str, kind: &str, source: &str, age: Duration| {
        let at = Clock::system().now() - age;
        let signal = json!({"email": email, "kind": kind, "source": source, "at": at.to_string()});
        assert_eq!(gateway.call(Method::POST, "/v1/signals", &signal).await.status, 202);
    };
    let fresh = Duration::ZERO;
    for kind in ["login", "sync", "idle", "change", "login"] {
        say("canary-one@example.test", kind, "imap", fresh).await;
    }
    say("canary-one@example.test", "active", "portal", Duration::from_secs(100)).await;
    say("canary-two@example.test", "read", "imap", fresh).await;
    gateway.reaches("two", "sent").await;
    gateway.settled().await;
    assert_eq!(gateway.state("one").await, "waiting");
    gateway.leaves_undecided(1);
    let stale = gateway.metrics().count("vigie_reports_total", &["source=\"api\"", "what=\"stale\""]);
    assert_eq!(stale, 1);
}
