//! The file for the call centre, of real gateways: what is in it, and that each case is in it once, whatever dies.

mod files;

use std::path::Path;
use std::time::Duration;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use self::files::Files;
use crate::support::gateway::{Gateway, IPHONE};
use crate::support::letter::Letter;
use crate::support::redis::{Options, RedisServer};
use crate::support::wait::{SOON, wait_until};

const CASES: usize = 240;
const ROUNDS: usize = 4;

/// Clicks and opens count whatever their mail's age.
const AT_ONCE: [(&str, &str); 4] = [
    ("VIGIE__PRESENCE__SCAN_GRACE", "0s"),
    ("VIGIE__CLASSIFY__WINDOW_OPEN", "0s"),
    ("VIGIE__CLASSIFY__WINDOW_CLICK", "0s"),
    ("VIGIE__CLASSIFY__WINDOW_PROBABLE", "0s"),
];

fn debt(email: &str) -> Value {
    json!({"to": {"email": email}, "amount": "120.50", "currency": "EUR", "due_date": "2026-03-01", "language": "fr"})
}

async fn closes(gateway: &Gateway, case: &str, door: &str, reason: &str) {
    let path = format!("/v1/cases/demo/{case}/{door}");
    let answer = gateway.call(Method::POST, &path, &json!({"reason": reason})).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}

async fn opens(gateway: &Gateway, case: &str, email: &str) {
    let answer = gateway.call(Method::PUT, &format!("/v1/cases/demo/{case}"), &debt(email)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
}

async fn what_is_known_is_in_the_file(settings: &[(&str, &str)]) {
    let directory = tempfile::tempdir().expect("a directory");
    let dir = directory.path().join("handoff").display().to_string();
    let settings = [settings, &AT_ONCE, &[("VIGIE__HANDOFF__DIR", &dir)]].concat();
    let gateway = Gateway::start(&settings).await;
    let email = "canary-marie@example.test";
    opens(&gateway, "K-1", email).await;
    let letter =
        json!({"id": "s-1", "brand": "demo", "template": "reminder", "case": "K-1", "to": {"email": email}});
    gateway.push(&letter).await;
    gateway.comes_online(email).await;
    gateway.reaches("s-1", "sent").await;
    let sent = Letter::read(&gateway.outbox()[0]);
    gateway.open(&sent.pixel()).await;
    for _ in 0..2 {
        let click = gateway.visit(Method::GET, &sent.links()[0], IPHONE).await;
        assert_eq!(click.status, StatusCode::FOUND);
    }
    let case = wait_until("its case counts both", SOON, async || {
        let case = gateway.case("demo", "K-1").await;
        Some(case).filter(|case| (&case["opens"], &case["clicks"]) == (&json!(1), &json!(1)))
    })
    .await;
    assert!(case["last_seen"].is_string() && case["first_mail"] == case["last_mail"], "{case}");
    let told = wait_until("the click is told", SOON, async || {
        let path = "/v1/events?format=json&types=link.clicked";
        let page = gateway.call(Method::GET, path, &Value::Null).await.json();
        Some(page["events"].as_array().expect("a list").clone()).filter(|told| !told.is_empty())
    })
    .await;
    assert_eq!((told.len(), &told[0]["data"]["id"]), (1, &json!("K-1")), "once a minute: {told:?}");

    opens(&gateway, "=1+1", "canary-paul@example.test").await;
    closes(&gateway, "K-1", "handoff", "wants a call, soon").await;
    closes(&gateway, "%3D1+1", "handoff", "asked").await;
    closes(&gateway, "K-1", "settle", "paid").await;
    let files = Files(Path::new(&dir));
    wait_until("all is written", SOON, async || (files.rows("settled").len() == 1).then_some(())).await;
    let rows = files.rows("handed_off");
    assert_eq!(rows.len(), 2, "{rows:?}");
    let row = &rows[0];
    for (column, value) in [
        ("case", "K-1"),
        ("brand", "demo"),
        ("reason", "wants a call, soon"),
        ("mails", "1"),
        ("opens", "1"),
        ("clicks", "1"),
        ("amount", "120.50"),
        ("currency", "EUR"),
        ("last_seen", case["last_seen"].as_str().expect("text")),
        ("first_mail", case["first_mail"].as_str().expect("text")),
        ("opened_at", case["opened_at"].as_str().expect("text")),
    ] {
        assert_eq!(row[column], value, "{column}");
    }
    assert_eq!(rows[1]["case"], "'=1+1", "no formula");
    assert_eq!(files.rows("settled")[0]["reason"], "paid");
    assert!(!files.text().contains("canary-"), "nobody is named");
    let lines = |file: &str| gateway.metrics().count("vigie_handoff_lines_total", &[file]);
    assert_eq!((lines("file=\"handed_off\""), lines("file=\"settled\"")), (2, 1));
}

#[tokio::test]
async fn what_is_known_of_a_case_is_in_the_file() {
    what_is_known_is_in_the_file(&[]).await;
}

#[tokio::test]
async fn what_is_known_of_a_case_is_in_the_file_on_redis() {
    let redis = RedisServer::start(Options::default()).await;
    let url = redis.url();
    what_is_known_is_in_the_file(&[("VIGIE__STORE__URL", &url)]).await;
}

/// Cases are handed off, every third settled after that, while whoever writes is killed again and again.
async fn each_case_once(writer: &mut Gateway, desk: Option<&Gateway>, dir: &Path) {
    let name = |n: usize| format!("K-{n}");
    for n in 0..CASES {
        opens(desk.unwrap_or(writer), &name(n), &format!("canary-{n}@example.test")).await;
    }
    for round in 0..ROUNDS {
        let part = (0..CASES).skip(round * CASES / ROUNDS).take(CASES / ROUNDS);
        for n in part {
            let gateway = desk.unwrap_or(writer);
            closes(gateway, &name(n), "handoff", "asked").await;
            if n % 3 == 0 {
                closes(gateway, &name(n), "settle", "paid").await;
            }
            if n % 20 == 7 {
                writer.kill().await;
                writer.restart().await;
            }
        }
    }
    let files = Files(dir);
    wait_until("all is written", Duration::from_mins(2), async || {
        (files.rows("handed_off").len() + files.rows("settled").len() >= CASES + CASES / 3).then_some(())
    })
    .await;
    let (handed_off, settled) = (files.cases("handed_off"), files.cases("settled"));
    assert_eq!((handed_off.len(), settled.len()), (CASES, CASES / 3));
    assert_eq!(files.rows("handed_off").len(), CASES, "each once");
    assert!(settled.iter().all(|case| handed_off.contains(case)));
    // The books of both channels agree.
    let counted = wait_until("the store has counted", SOON, async || {
        let metrics = desk.unwrap_or(writer).metrics();
        Some(metrics.count("vigie_cases", &["brand=\"demo\"", "state=\"handed_off\""])).filter(|n| *n > 0)
    })
    .await;
    assert_eq!(handed_off.len(), usize::try_from(counted).expect("few") + settled.len());
    assert!(!files.text().contains("canary-"), "nobody is named");
}

#[tokio::test]
async fn killed_again_and_again_each_case_is_written_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let dir = directory.path().join("handoff");
    let mut gateway = Gateway::start(&[("VIGIE__HANDOFF__DIR", &dir.display().to_string())]).await;
    each_case_once(&mut gateway, None, &dir).await;
}

#[tokio::test]
async fn of_two_gateways_one_writes_and_the_other_takes_over() {
    let redis = RedisServer::start(Options::default()).await;
    let directory = tempfile::tempdir().expect("a directory");
    let (dir, url) = (directory.path().join("handoff"), redis.url());
    let text = dir.display().to_string();
    let settings = [("VIGIE__HANDOFF__DIR", text.as_str()), ("VIGIE__STORE__URL", &url)];
    let mut one = Gateway::start(&settings).await;
    let other = one.beside(&settings).await;
    each_case_once(&mut one, Some(&other), &dir).await;
}
