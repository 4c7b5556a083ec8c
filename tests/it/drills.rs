//! What an operator sees when something breaks: the drills of the README's table, each with the metrics that its dashboards
//! show and its alerts go by.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use hyper::{Method, StatusCode};
use serde_json::Value;

use crate::support::gateway::{Gateway, IPHONE};
use crate::support::redis::{Options, RedisServer};
use crate::support::sink::{Act, Manner, Step};
use crate::support::tap::Tap;
use crate::support::wait::{SOON, wait_until};

const PERSON: &str = "canary-drill@example.test";

/// The shortest lease there is, so that nobody waits for it.
const SHORT_LEASE: (&str, &str) = ("VIGIE__DISPATCH__LEASE", "3s");

/// An address nobody listens at.
fn nobody() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("a bound listener has an address")
}

/// A relay that takes a mail and never answers.
fn hanging() -> Manner {
    Manner::modern().script(|event| match event.step {
        Step::Message => Act::Stall,
        _ => Act::Usual,
    })
}

/// Waits until this metric, summed over the series with this label, is what was expected.
async fn shows(gateway: &Gateway, name: &str, label: &str, expected: impl Fn(u64) -> bool) {
    let labels: Vec<&str> = if label.is_empty() { Vec::new() } else { vec![label] };
    wait_until(&format!("{name} shows it"), SOON, async || {
        expected(gateway.metrics().count(name, &labels)).then_some(())
    })
    .await;
}

/// Mail clients never see any of it.
async fn answers_pixels(gateway: &Gateway, pixel: &str) {
    let answer = gateway.visit(Method::GET, pixel, IPHONE).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 43));
}

#[tokio::test]
async fn a_relay_that_is_away_is_seen_and_costs_nothing() {
    let relay = nobody();
    let gateway = Gateway::start(&[
        ("VIGIE__RELAY__URL", &format!("smtp://{relay}?tls=none")),
        ("VIGIE__PRESENCE__WINDOW", "500ms"),
    ])
    .await;
    gateway.queue("held", PERSON).await;
    let pixel = gateway.pixel(PERSON).await;
    answers_pixels(&gateway, &pixel).await;
    shows(&gateway, "vigie_relay_transactions_total", "reply=\"unreachable\"", |count| count > 0).await;
    shows(&gateway, "vigie_sends", "state=\"waiting\"", |count| count == 1).await;
    let held = gateway.send("held").await;
    assert_eq!(held["attempts"], 0, "it was never about the mail: {held}");

    let sink = Manner::modern().start().await;
    let _tap = Tap::at(relay, sink.addr()).await;
    wait_until("it goes at the next signal", SOON, async || {
        gateway.comes_online(PERSON).await;
        (gateway.state("held").await == "sent").then_some(())
    })
    .await;
    shows(&gateway, "vigie_relay_transactions_total", "reply=\"250\"", |count| count == 1).await;
}

#[tokio::test]
async fn a_relay_that_hangs_is_seen_while_it_does() {
    let sink = hanging().start().await;
    let relay = format!("smtp://{}?tls=none", sink.addr());
    let mut gateway = Gateway::start(&[("VIGIE__RELAY__URL", &relay)]).await;
    gateway.leaves_undecided(1);
    gateway.queue("stuck", PERSON).await;
    let pixel = gateway.pixel(PERSON).await;
    answers_pixels(&gateway, &pixel).await;
    shows(&gateway, "vigie_attempts_under_way", "", |count| count == 1).await;
    shows(&gateway, "vigie_sends", "state=\"claimed\"", |count| count == 1).await;
    shows(&gateway, "vigie_relay_connections", "state=\"busy\"", |count| count == 1).await;
    answers_pixels(&gateway, &pixel).await;
    gateway.kill().await;
}

#[tokio::test]
async fn a_redis_that_hangs_is_seen_and_pixels_are_answered() {
    let redis = RedisServer::start(Options::default()).await;
    let gateway = Gateway::start(&[("VIGIE__STORE__URL", &redis.url())]).await;
    gateway.queue("held", PERSON).await;
    let pixel = gateway.pixel(PERSON).await;
    shows(&gateway, "vigie_redis_up", "", |up| up == 1).await;
    redis.stop();
    shows(&gateway, "vigie_redis_up", "", |up| up == 0).await;
    answers_pixels(&gateway, &pixel).await;
    shows(&gateway, "vigie_signals_lost_total", "", |lost| lost > 0).await;
    redis.cont();
    shows(&gateway, "vigie_redis_up", "", |up| up == 1).await;
    wait_until("it goes at the next signal", SOON, async || {
        gateway.comes_online(PERSON).await;
        (gateway.state("held").await == "sent").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_gateway_that_is_killed_in_a_hand_over_leaves_doubt_that_others_show_on_redis() {
    let redis = RedisServer::start(Options::default()).await;
    let sink = hanging().start().await;
    let (store, relay) = (redis.url(), format!("smtp://{}?tls=none", sink.addr()));
    let settings = [SHORT_LEASE, ("VIGIE__STORE__URL", &store), ("VIGIE__RELAY__URL", &relay)];
    let mut first = Gateway::start(&settings).await;
    let mut second = first.beside(&settings).await;
    first.queue("doubtful", PERSON).await;
    first.comes_online(PERSON).await;
    shows(&second, "vigie_sends", "state=\"claimed\"", |count| count == 1).await;
    wait_until("the relay has it", SOON, async || (sink.count(Step::Message) == 1).then_some(())).await;
    first.kill().await;
    shows(&second, "vigie_sends", "state=\"uncertain\"", |count| count == 1).await;
    shows(&second, "vigie_sends", "state=\"claimed\"", |count| count == 0).await;
    shows(&second, "vigie_conservation_gap", "", |gap| gap == 0).await;
    second.may_be_uncertain();
}

#[tokio::test]
async fn a_directory_that_was_copied_is_a_backup() {
    let mut gateway = Gateway::start(&[]).await;
    gateway.queue("kept", PERSON).await;
    gateway.stop().await;
    let backup = tempfile::tempdir().expect("a temporary directory");
    copy(&gateway.data(), backup.path());
    gateway.restart().await;
    gateway.queue("since", PERSON).await;
    gateway.kill().await;

    fs::remove_dir_all(gateway.data()).expect("its disk is lost");
    copy(backup.path(), &gateway.data());
    gateway.restart().await;
    assert_eq!(gateway.state("kept").await, "waiting");
    let since = gateway.call(Method::GET, "/v1/sends/since", &Value::Null).await;
    assert_eq!(since.status, StatusCode::NOT_FOUND, "what came since is lost");
    gateway.comes_online(PERSON).await;
    gateway.reaches("kept", "sent").await;
}

/// Copies a directory with all below it, as `cp -a` does.
fn copy(from: &Path, to: &Path) {
    let status = std::process::Command::new("cp").arg("-aT").args([from, to]).status().expect("cp is there");
    assert!(status.success(), "cp: {status}");
}
