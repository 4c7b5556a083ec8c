//! Operators stop a flow and start it again; producers take back what they asked for.

use hyper::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::ONE_SHARD;
use crate::support::gateway::{Gateway, letter};
use crate::support::wait::{SOON, wait_until};

const PERSON: &str = "canary-paused@example.test";

async fn set_flow(gateway: &Gateway, flow: &str, setting: Value) {
    let answer = gateway.call(Method::PUT, &format!("/v1/flows/{flow}"), &setting).await;
    assert!(answer.status.is_success(), "{}", answer.text());
}

#[tokio::test]
async fn a_paused_brand_holds_its_letters() {
    let gateway = Gateway::start(&[]).await;
    set_flow(&gateway, "demo", json!({"state": "paused", "reason": "complaints"})).await;
    gateway.queue("held", PERSON).await;
    gateway.comes_online(PERSON).await;
    wait_until("she is online", SOON, async || {
        let lookup = gateway.call(Method::POST, "/v1/recipients/lookup", &json!({"email": PERSON})).await;
        (lookup.json()["online"] == true).then_some(())
    })
    .await;
    let held = gateway.send("held").await;
    assert_eq!(held["state"], "waiting");
    assert!(held.to_string().contains("complaints"), "it says why it has not gone out: {held}");
    assert!(gateway.outbox().is_empty());

    set_flow(&gateway, "demo", json!({"state": "running"})).await;
    gateway.comes_online(PERSON).await;
    gateway.reaches("held", "sent").await;
}

#[tokio::test]
async fn a_paused_campaign_holds_its_letters_and_no_others() {
    let gateway = Gateway::start(&[ONE_SHARD]).await;
    set_flow(&gateway, "demo/wave", json!({"state": "paused"})).await;
    let mut held = letter("held", PERSON);
    held["campaign"] = "wave".into();
    gateway.push(&held).await;
    gateway.comes_online(PERSON).await;
    gateway.settled().await;
    assert_eq!(gateway.state("held").await, "waiting");
    set_flow(&gateway, "demo/wave", json!({"state": "running"})).await;
    gateway.comes_online(PERSON).await;
    gateway.reaches("held", "sent").await;
}

#[tokio::test]
async fn what_was_settled_or_cancelled_does_not_go_out() {
    let gateway = Gateway::start(&[ONE_SHARD]).await;
    for (id, case) in [("first", "A"), ("second", "A"), ("other-case", "B"), ("taken-back", "C")] {
        let mut reminder = letter(id, &format!("canary-{id}@example.test"));
        reminder["case"] = case.into();
        gateway.push(&reminder).await;
    }
    let settled = gateway.call(Method::POST, "/v1/cases/demo/A/settle", &json!({"reason": "paid"})).await;
    assert_eq!(settled.status, StatusCode::OK, "{}", settled.text());
    for _ in 0..2 {
        let cancelled = gateway.call(Method::DELETE, "/v1/sends/taken-back", &Value::Null).await;
        assert!(cancelled.status.is_success(), "cancelling twice is no error: {}", cancelled.text());
    }
    for id in ["first", "second", "taken-back"] {
        assert_eq!(gateway.state(id).await, "cancelled");
        gateway.comes_online(&format!("canary-{id}@example.test")).await;
    }
    gateway.settled().await;
    assert_eq!(gateway.outbox().len(), 1, "only the barrier's own");
    gateway.comes_online("canary-other-case@example.test").await;
    gateway.reaches("other-case", "sent").await;
    let late = gateway.call(Method::DELETE, "/v1/sends/other-case", &Value::Null).await;
    assert_eq!(late.status, StatusCode::CONFLICT, "{}", late.text());
}

/// Eight people are online at once, and the brand may send four a second: nobody is left out, and no second sees more.
#[tokio::test]
async fn a_rate_holds_and_everybody_is_written_to_while_online() {
    let gateway = Gateway::start(&[]).await;
    set_flow(&gateway, "demo", json!({"state": "running", "rate_per_second": 4})).await;
    let people: Vec<String> = (0..8).map(|n| format!("canary-{n}@example.test")).collect();
    for (n, person) in people.iter().enumerate() {
        gateway.queue(&format!("s-{n}"), person).await;
        gateway.comes_online(person).await;
    }
    let mut sent: Vec<Timestamp> = Vec::new();
    for n in 0..people.len() {
        let letter = gateway.reaches(&format!("s-{n}"), "sent").await;
        let at = letter["sent_at"].as_str().expect("when it was sent");
        sent.push(at.parse().expect("a moment"));
    }
    sent.sort_unstable();
    // A token is taken before the hand-over, the relay's answer comes some milliseconds later.
    let apart = sent.windows(5).map(|five| five[4].duration_since(five[0]).as_millis()).min();
    assert!(apart.is_some_and(|millis| millis >= 900), "{apart:?} ms between five mails");
}

/// Limits of the configuration are shown beside an operator's, a send says what limits it, and a change is told.
#[tokio::test]
async fn flows_show_who_limits_them() {
    let settings = [
        ("VIGIE__BRANDS__DEMO__LIMITS__PER_DAY", "1"),
        ("VIGIE__LIMITS__DOMAINS__GMAIL__RATE_PER_SECOND", "50"),
    ];
    let mut gateway = Gateway::start(&settings).await;
    gateway.leaves_undecided(1);
    let shown = async |brand: &str| {
        let answer = gateway.call(Method::GET, "/v1/flows", &Value::Null).await.json();
        let flows = answer["flows"].as_array().expect("a list").clone();
        flows.into_iter().find(|flow| flow["brand"] == brand).map(|flow| flow["in_force"].clone())
    };
    assert_eq!(shown("demo").await, Some(json!({"per_day": 1, "per_day_by": "configuration"})));
    let gmail = json!({"rate_per_second": 50.0, "rate_by": "configuration"});
    assert_eq!(shown("domain").await, Some(gmail));
    gateway.queue("first", "canary-1@gmail.com").await;
    gateway.comes_online("canary-1@gmail.com").await;
    gateway.reaches("first", "sent").await;
    gateway.queue("second", "canary-2@gmail.com").await;
    gateway.comes_online("canary-2@gmail.com").await;
    let held = wait_until("it waits for its turn", SOON, async || {
        Some(gateway.send("second").await.to_string())
            .filter(|held| held.contains("brand demo is at its limit"))
    })
    .await;
    assert!(held.contains("at most 1 within 24 hours (by configuration)"), "{held}");
    set_flow(&gateway, "demo", json!({"state": "running", "per_day": 5, "reason": "a good day"})).await;
    let theirs = shown("demo").await.expect("the brand");
    assert_eq!((&theirs["per_day"], &theirs["per_day_by"]), (&json!(5), &json!("operator")));
}

#[tokio::test]
async fn a_domain_is_paused_and_others_are_not() {
    let mut gateway = Gateway::start(&[ONE_SHARD]).await;
    gateway.leaves_undecided(1);
    let pause = json!({"state": "paused", "reason": "blocked there"});
    set_flow(&gateway, "domain/slow.test", pause).await;
    gateway.queue("held", "canary@slow.test").await;
    gateway.queue("free", "canary@quick.test").await;
    gateway.comes_online("canary@slow.test").await;
    gateway.comes_online("canary@quick.test").await;
    gateway.reaches("free", "sent").await;
    gateway.settled().await;
    let held = gateway.reaches("held", "waiting").await;
    assert_eq!(held["attempts"], 0, "a pause is no attempt: {held}");
    assert!(held.to_string().contains("domain slow.test is paused"), "{held}");
}
