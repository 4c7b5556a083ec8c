//! A relay that is down or full: letters wait, and are not retried blindly in the night.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use serde_json::Value;
use vigie::clock::Clock;

use super::ONE_SHARD;
use crate::support::gateway::Gateway;
use crate::support::sink::{Act, Event, Manner, Step};
use crate::support::tap::Tap;
use crate::support::wait::{SOON, wait_until};

const PERSON: &str = "canary-night@example.test";

/// An address nobody listens at.
fn nobody() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("a bound listener has an address")
}

fn deferrals(send: &Value) -> usize {
    let history = send["history"].as_array().expect("a history is a list");
    history.iter().filter(|entry| entry["event"] == "deferred").count()
}

#[tokio::test]
async fn a_letter_outlives_its_relay() {
    let relay = nobody();
    let url = format!("smtp://{relay}?tls=none");
    let gateway = Gateway::start(&[
        ONE_SHARD,
        ("VIGIE__RELAY__URL", &url),
        ("VIGIE__PRESENCE__WINDOW", "500ms"),
        ("VIGIE__DISPATCH__RETRY__FIRST", "1s"),
    ])
    .await;
    gateway.queue("held", PERSON).await;
    gateway.comes_online(PERSON).await;
    wait_until("it is deferred", SOON, async || {
        Some(gateway.send("held").await).filter(|send| send["state"] == "waiting" && deferrals(send) > 0)
    })
    .await;

    // Its next try is due, the relay is back, but nobody is there to read.
    let sink = Manner::modern().start().await;
    let _tap = Tap::at(relay, sink.addr()).await;
    let due = Clock::system().now() + std::time::Duration::from_millis(1500);
    wait_until("its next try is due", SOON, async || passed(due).then_some(())).await;
    gateway.settled().await;
    assert_eq!(gateway.state("held").await, "waiting", "never blindly in the night");
    assert_eq!(sink.taken().len(), 1, "only the barrier's own");

    gateway.comes_online(PERSON).await;
    gateway.reaches("held", "sent").await;
    assert_eq!(sink.taken().len(), 2);
}

/// Twenty people are online, and the relay's disk is full for a while.
#[tokio::test]
async fn a_relay_that_is_full_is_left_in_peace_until_it_is_well() {
    let full = Arc::new(AtomicBool::new(true));
    let says = Arc::clone(&full);
    let script = move |event: &Event| match event.step {
        Step::Mail if says.load(Ordering::SeqCst) => Act::say("452 4.3.1 Insufficient system storage"),
        _ => Act::Usual,
    };
    let sink = Manner::modern().script(script).start().await;
    let url = format!("smtp://{}?tls=none", sink.addr());
    let gateway =
        Gateway::start(&[("VIGIE__RELAY__URL", &url), ("VIGIE__DISPATCH__RETRY__FIRST", "200ms")]).await;
    for n in 0..20 {
        gateway.queue(&format!("s-{n}"), &format!("canary-{n}@example.test")).await;
        gateway.comes_online(&format!("canary-{n}@example.test")).await;
    }
    let left_in_peace = || gateway.metrics().count("vigie_relay_transactions_total", &["reply=\"respite\""]);
    wait_until("it is left in peace", SOON, async || (left_in_peace() > 20).then_some(())).await;
    let (asked, connections) = (sink.count(Step::Mail), sink.connections());
    // Twenty times twenty tries later, which would have been as many commands.
    wait_until("all try again and again", SOON, async || (left_in_peace() > 400).then_some(())).await;
    let (asked_since, connections_since) = (sink.count(Step::Mail) - asked, sink.connections() - connections);
    assert!(
        asked_since <= 5 && connections_since <= 5,
        "{asked_since} mails, {connections_since} connections"
    );
    let held = gateway.send("s-7").await;
    assert_eq!((&held["state"], &held["attempts"]), (&"waiting".into(), &0.into()), "{held}");
    assert!(held.to_string().contains("gets a respite, as it said 452 4.3.1"), "{held}");
    full.store(false, Ordering::SeqCst);
    for n in 0..20 {
        let sent = wait_until("it is well again", SOON * 2, async || {
            Some(gateway.send(&format!("s-{n}")).await).filter(|send| send["state"] == "sent")
        });
        let sent = sent.await;
        assert_eq!(sent["attempts"], 0, "it was never about the mail: {sent}");
    }
    assert_eq!(sink.taken().len(), 20);
}

fn passed(moment: Timestamp) -> bool {
    Clock::system().now() >= moment
}
