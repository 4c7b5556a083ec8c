//! A relay that is down: letters wait, and are not retried blindly in the night.

use std::net::{SocketAddr, TcpListener};

use jiff::Timestamp;
use serde_json::Value;
use vigie::clock::Clock;

use super::ONE_SHARD;
use crate::support::gateway::Gateway;
use crate::support::sink::Manner;
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

fn passed(moment: Timestamp) -> bool {
    Clock::system().now() >= moment
}
