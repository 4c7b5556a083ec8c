//! The README's first try: a letter waits, its reader comes online, it lies in the outbox.

use hyper::{Method, StatusCode};
use serde_json::Value;

use crate::support::gateway::{Gateway, IPHONE, letter};
use crate::support::letter::Letter;
use crate::support::metrics::Metrics;
use crate::support::wait::{SOON, wait_until};

const MARIE: &str = "canary-marie@mail.example";

#[tokio::test]
async fn a_letter_waits_for_its_reader() {
    let gateway = Gateway::start(&[]).await;
    let mut reminder = letter("first-1", MARIE);
    reminder["to"]["name"] = "Marie Curie".into();
    gateway.push(&reminder).await;
    let waiting = gateway.send("first-1").await;
    assert_eq!((&waiting["id"], &waiting["brand"]), (&"first-1".into(), &"demo".into()));
    assert_eq!(waiting["state"], "waiting");
    assert!(gateway.outbox().is_empty(), "nobody has seen her yet");

    gateway.comes_online(MARIE).await;
    let sent = gateway.reaches("first-1", "sent").await;
    assert_eq!(events(&sent), ["accepted", "claimed", "sent"]);
    assert!(!sent.to_string().contains(MARIE), "the address is gone with the final state: {sent}");

    let outbox = gateway.outbox();
    assert_eq!(outbox.len(), 1);
    let mail = Letter::read(&outbox[0]);
    reads_as_promised(&mail);
    leads_where_it_says(&gateway, &mail).await;
    // What is said of a mail is counted once the store has said how old the mail is.
    let unknown = ["source=\"open\"", "verdict=\"unknown\""];
    wait_until("the mail's own pixel is counted", SOON, async || {
        (gateway.metrics().count("vigie_signals_total", &unknown) == 1).then_some(())
    })
    .await;
    counted(&gateway.metrics());
}

#[tokio::test]
async fn the_same_push_again_changes_nothing() {
    let mut gateway = Gateway::start(&[]).await;
    gateway.leaves_undecided(1);
    let reminder = letter("twice", MARIE);
    gateway.push(&reminder).await;
    let again = gateway.call(Method::POST, "/v1/sends", &reminder).await;
    assert_eq!(again.status, StatusCode::OK, "{}", again.text());
    let mut other = reminder.clone();
    other["vars"]["amount"] = "1.00 €".into();
    let conflict = gateway.call(Method::POST, "/v1/sends", &other).await;
    assert_eq!(conflict.status, StatusCode::CONFLICT, "{}", conflict.text());
    other["id"] = "incomplete".into();
    other["vars"].as_object_mut().expect("variables are an object").remove("due_date");
    let refused = gateway.call(Method::POST, "/v1/sends", &other).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text());
    assert_eq!(refused.header("content-type"), "application/problem+json");
    assert!(refused.text().contains("due_date"), "it names what is missing: {}", refused.text());
    assert_eq!(gateway.metrics().count("vigie_sends_accepted_total", &[]), 1);
}

#[tokio::test]
async fn a_letter_for_somebody_online_leaves_at_once() {
    let gateway = Gateway::start(&[super::ONE_SHARD]).await;
    gateway.comes_online(MARIE).await;
    gateway.settled().await;
    gateway.queue("now", MARIE).await;
    gateway.reaches("now", "sent").await;
}

/// The events of a send's history, in order.
fn events(send: &Value) -> Vec<&str> {
    let history = send["history"].as_array().expect("a history is a list");
    history.iter().map(|entry| entry["event"].as_str().expect("an event is a word")).collect()
}

fn reads_as_promised(mail: &Letter) {
    assert_eq!(mail.header("message-id"), "<first-1@demo.example>");
    assert_eq!(mail.header("x-vigie-send"), "first-1");
    assert_eq!(mail.header("auto-submitted"), "auto-generated");
    assert_eq!(mail.header("from"), "Demo Collections <reminders@demo.example>");
    assert_eq!(mail.header("to"), "Marie Curie <canary-marie@mail.example>");
    assert_eq!(mail.content_type, "multipart/alternative");
    for part in [&mail.text, &mail.html] {
        assert!(part.contains("120.00 €") && part.contains("1 December 2026"), "{part}");
    }
}

/// Its pixel is answered and its links redirect to the page where the case is paid.
async fn leads_where_it_says(gateway: &Gateway, mail: &Letter) {
    let pixel = gateway.visit(Method::GET, &mail.pixel(), IPHONE).await;
    assert_eq!((pixel.status, pixel.body.len()), (StatusCode::OK, 43));
    let links = mail.links();
    assert!(!links.is_empty(), "no link in {}", mail.html);
    for link in links {
        let click = gateway.visit(Method::GET, &link, IPHONE).await;
        assert_eq!(click.status, StatusCode::FOUND, "{link}");
        let to = click.header("location");
        assert!(to.starts_with("https://pay.demo.example/case?"), "{to}");
    }
}

fn counted(metrics: &Metrics) {
    let once = [
        ("vigie_signal_to_accepted_seconds_count", "brand=\"demo\""),
        ("vigie_sends_accepted_total", "brand=\"demo\""),
        ("vigie_sends_finished_total", "outcome=\"sent\""),
        ("vigie_sends", "state=\"sent\""),
        ("vigie_relay_transactions_total", "relay="),
        ("vigie_presence_online", ""),
    ];
    for (name, label) in once {
        assert_eq!(metrics.count(name, &[label]), 1, "{name} {label}\n{}", metrics.text);
    }
    // The older mail's pixel; this mail's own came too soon to be somebody's.
    assert_eq!(metrics.count("vigie_signals_total", &["source=\"open\"", "verdict=\"human\""]), 1);
    assert_eq!(metrics.count("vigie_edge_requests_total", &["status=\"200\""]), 2);
    assert!(metrics.count("vigie_edge_requests_total", &["status=\"302\""]) >= 1);
    for name in ["vigie_stage_seconds_count", "vigie_store_seconds_count"] {
        assert!(metrics.count(name, &[]) > 0, "{name}");
    }
}
