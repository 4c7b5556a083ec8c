//! One visit, one mail.

use std::time::Duration;

use hyper::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use vigie::clock::Clock;

use super::{ONE_SHARD, OTHER_BRAND};
use crate::support::gateway::{Gateway, letter};
use crate::support::letter::Letter;
use crate::support::wait::{SOON, wait_until};

const PERSON: &str = "canary-visitor@example.test";

/// When the relay took it.
fn taken(send: &Value) -> Timestamp {
    let history = send["history"].as_array().expect("a history is a list");
    let entry = history.iter().find(|entry| entry["event"] == "sent").expect("it was sent");
    entry["at"].as_str().expect("a moment is text").parse().expect("a moment is RFC 3339")
}

#[tokio::test]
async fn two_brands_do_not_write_to_one_person_at_once() {
    const GAP: Duration = Duration::from_secs(3);
    // Every signal reaches the store, as the next one may release the next letter.
    let presence = [("VIGIE__PRESENCE__MIN_GAP", "3s"), ("VIGIE__PRESENCE__RECENT_CAPACITY", "0")];
    let settings: Vec<_> = OTHER_BRAND.into_iter().chain(presence).collect();
    let gateway = Gateway::start(&settings).await;
    gateway.queue("of-demo", PERSON).await;
    let mut other = letter("of-other", PERSON);
    other["brand"] = "other".into();
    gateway.push(&other).await;
    let pixel = gateway.pixel(PERSON).await;
    let sends = wait_until("both are sent", SOON, async || {
        gateway.open(&pixel).await;
        let sends = [gateway.send("of-demo").await, gateway.send("of-other").await];
        sends.iter().all(|send| send["state"] == "sent").then_some(sends)
    });
    let sends = sends.await;
    let mut taken = sends.each_ref().map(taken);
    taken.sort();
    // The gap is counted in milliseconds, from the record of the first to the claim of the second.
    assert!(taken[1].duration_since(taken[0]).unsigned_abs() >= GAP, "{sends:?}");
}

#[tokio::test]
async fn a_scanner_that_opens_a_mail_on_arrival_does_not_release_the_next() {
    let settings = [ONE_SHARD, ("VIGIE__PRESENCE__MIN_GAP", "0s")];
    let gateway = Gateway::start(&settings).await;
    let mut first = letter("on-arrival", PERSON);
    first["deadline"] = (Clock::system().now() + Duration::from_millis(500)).to_string().into();
    gateway.push(&first).await;
    gateway.queue("next", PERSON).await;
    gateway.reaches("on-arrival", "sent").await;

    // A machine at the mailbox provider opens what has just arrived, in the guise of a phone.
    let own_pixel = Letter::read(&gateway.outbox()[0]).pixel();
    gateway.open(&own_pixel).await;
    gateway.settled().await;
    assert_eq!(gateway.state("next").await, "waiting");
    let lookup = gateway.call(Method::POST, "/v1/recipients/lookup", &json!({"email": PERSON})).await.json();
    assert_eq!(lookup["online"], false, "{lookup}");

    gateway.comes_online(PERSON).await;
    gateway.reaches("next", "sent").await;
}
