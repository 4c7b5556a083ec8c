//! Flows that wait for an operator: what they say then is felt within seconds, by those who are online and give no other sign.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};
use vigie::clock::{Clock, after};

use crate::support::gateway::Gateway;
use crate::support::sink::Manner;
use crate::support::wait::{SOON, wait_until};

/// What a machine that is busy with other tests may need.
const FELT: Duration = Duration::from_secs(10);

fn person(n: usize) -> String {
    format!("canary-{n}@example.test")
}

async fn set(gateway: &Gateway, flow: &str, setting: Value) -> Value {
    let answer = gateway.call(Method::PUT, &format!("/v1/flows/{flow}"), &setting).await;
    assert!(answer.status.is_success(), "{}", answer.text());
    answer.json()
}

/// The flow as all see it.
async fn shown(gateway: &Gateway) -> Value {
    let answer = gateway.call(Method::GET, "/v1/flows", &Value::Null).await.json();
    let flows = answer["flows"].as_array().expect("a list").clone();
    flows.into_iter().find(|flow| flow["brand"] == "demo").expect("the brand")
}

fn deferrals(send: &Value) -> usize {
    let history = send["history"].as_array().expect("a history is a list");
    history.iter().filter(|entry| entry["event"] == "deferred").count()
}

/// They are online, their sends were deferred so often, and then they stay as they are.
async fn all_wait(gateway: &Gateway, people: std::ops::Range<usize>, deferred: usize) {
    for n in people.clone() {
        gateway.queue(&format!("s-{n}"), &person(n)).await;
        gateway.comes_online(&person(n)).await;
    }
    for n in people {
        wait_until("it was deferred", SOON, async || {
            (deferrals(&gateway.send(&format!("s-{n}")).await) >= deferred).then_some(())
        })
        .await;
    }
}

/// All go, nobody gives a sign, and it cost no attempt.
async fn all_go(gateway: &Gateway, people: std::ops::Range<usize>) {
    let said = Instant::now();
    for n in people {
        let sent = gateway.reaches(&format!("s-{n}"), "sent").await;
        assert_eq!(sent["attempts"], 0, "{sent}");
    }
    assert!(said.elapsed() < FELT, "{:?} after the operator's word", said.elapsed());
}

#[tokio::test]
async fn a_day_limit_that_is_raised_is_felt_by_those_who_wait() {
    let sink = Manner::modern().start().await;
    let relay = format!("smtp://{}?tls=none", sink.addr());
    let settings = [("VIGIE__RELAY__URL", relay.as_str()), ("VIGIE__BRANDS__DEMO__LIMITS__PER_DAY", "1")];
    let gateway = Gateway::start(&settings).await;
    gateway.queue("first", "canary@example.test").await;
    gateway.comes_online("canary@example.test").await;
    gateway.reaches("first", "sent").await;
    all_wait(&gateway, 0..6, 3).await;
    assert!(sink.connections() <= 7, "{}: asking in vain costs no connection", sink.connections());
    let held = gateway.send("s-0").await;
    assert!(held.to_string().contains("brand demo is at its limit"), "{held}");
    set(&gateway, "demo", json!({"state": "running", "per_day": 50})).await;
    all_go(&gateway, 0..6).await;
}

#[tokio::test]
async fn a_domain_that_is_resumed_is_felt_by_those_who_wait() {
    let gateway = Gateway::start(&[]).await;
    set(&gateway, "domain/example.test", json!({"state": "paused"})).await;
    all_wait(&gateway, 0..6, 1).await;
    set(&gateway, "domain/example.test", json!({"state": "running"})).await;
    all_go(&gateway, 0..6).await;
}

#[tokio::test]
async fn a_limit_ends_by_itself() {
    let gateway = Gateway::start(&[]).await;
    let until = after(Clock::system().now(), Duration::from_secs(4));
    let limit =
        json!({"state": "running", "rate_per_second": 0.01, "per_day": 1, "until": until.to_string()});
    set(&gateway, "demo", limit).await;
    gateway.queue("first", "canary@example.test").await;
    gateway.comes_online("canary@example.test").await;
    all_wait(&gateway, 0..3, 1).await;
    let flow = shown(&gateway).await;
    assert_eq!((&flow["until"], &flow["in_force"]["until"]), (&json!(until), &json!(until)), "{flow}");
    let held = gateway.send("s-1").await.to_string();
    assert!(
        held.contains(&format!("at most 1 within 24 hours (set by an operator until {until})")),
        "{held}"
    );
    wait_until("it is over", SOON, async || (Clock::system().now() >= until).then_some(())).await;
    all_go(&gateway, 0..3).await;
    gateway.reaches("first", "sent").await;
    let flow = shown(&gateway).await;
    assert_eq!(
        (&flow["in_force"], &flow["per_day"], &flow["until"]),
        (&json!({}), &Value::Null, &Value::Null)
    );
}
