//! What time brings: not-before and deadlines.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use vigie::clock::Clock;

use crate::support::gateway::{Gateway, letter};

/// Long enough to come online before, short enough to wait for.
const AHEAD: Duration = Duration::from_secs(2);

fn ahead() -> Timestamp {
    Clock::system().now() + AHEAD
}

/// When this happened last, as the history tells.
fn when(send: &Value, event: &str) -> Timestamp {
    let history = send["history"].as_array().expect("a history is a list");
    let entry = history.iter().rfind(|entry| entry["event"] == event);
    let at =
        entry.unwrap_or_else(|| panic!("no {event} in {send}"))["at"].as_str().expect("a moment is text");
    at.parse().expect("a moment is RFC 3339")
}

#[tokio::test]
async fn not_before_holds_a_letter_for_somebody_online() {
    let person = "canary-early@example.test";
    let gateway = Gateway::start(&[super::ONE_SHARD]).await;
    gateway.comes_online(person).await;
    gateway.settled().await;
    let not_before = ahead();
    let mut reminder = letter("later", person);
    reminder["not_before"] = not_before.to_string().into();
    gateway.push(&reminder).await;
    assert_eq!(gateway.state("later").await, "waiting");
    let sent = gateway.reaches("later", "sent").await;
    assert!(when(&sent, "claimed") >= not_before, "{sent}");
}

#[tokio::test]
async fn a_deadline_ends_the_wait_as_the_producer_wanted() {
    let gateway = Gateway::start(&[]).await;
    let deadline = ahead();
    let fates = [("send", "sent"), ("handoff", "handed_off"), ("drop", "dropped")];
    for (on_deadline, _) in fates {
        let mut reminder = letter(on_deadline, &format!("canary-{on_deadline}@example.test"));
        reminder["deadline"] = deadline.to_string().into();
        reminder["on_deadline"] = on_deadline.into();
        gateway.push(&reminder).await;
        assert_eq!(gateway.state(on_deadline).await, "waiting");
    }
    for (on_deadline, state) in fates {
        let send = gateway.reaches(on_deadline, state).await;
        assert!(when(&send, state) >= deadline, "{send}");
    }
    assert_eq!(gateway.outbox().len(), 1);
}
