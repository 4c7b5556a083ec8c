//! A Redis without memory: new letters are refused, those that it has go out, and then there is room again.

use std::time::Instant;

use hyper::{Method, StatusCode};

use super::load::{SETTINGS, stats};
use crate::support::crowd::{Person, come_online, copies};
use crate::support::gateway::{Gateway, letter};
use crate::support::http::Answer;
use crate::support::redis::{Options, RedisServer};
use crate::support::sink::Manner;
use crate::support::wait::{SOON, wait_until};

/// Memory for some of them.
const LETTERS: usize = 1500;

async fn number(redis: &RedisServer, field: &str) -> u64 {
    let info = redis.text(&["INFO", "memory"]).await;
    let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.expect("it is said").trim().parse().expect("a number")
}

/// Pushes a letter that is large for one.
async fn push(gateway: &Gateway, person: &Person) -> Answer {
    let mut send: serde_json::Value = serde_json::from_str(&person.line()).expect("a letter is JSON");
    send["vars"]["small_print"] = "€".repeat(2000).into();
    gateway
        .try_call(Method::POST, "/v1/sends", "application/json", send.to_string())
        .await
        .expect("the API answers")
}

#[tokio::test]
async fn what_goes_out_makes_room_for_what_comes() {
    let redis = RedisServer::start(Options::default()).await;
    let sink = Manner::modern().start().await;
    let (url, relay) = (redis.url(), format!("smtp://{}?tls=none", sink.addr()));
    let more = [("VIGIE__STORE__URL", url.as_str()), ("VIGIE__RELAY__URL", relay.as_str())];
    // What is resumed is not what this is about.
    let at_once = [("VIGIE__FLOWS__RESUME_RATE", "10000")];
    let settings: Vec<_> = SETTINGS.into_iter().chain(more).chain(at_once).collect();
    let gateway = Gateway::start(&settings).await;
    let people = Person::several(&gateway, LETTERS).await;
    let room = number(&redis, "used_memory").await + 3_000_000;
    redis.text(&["CONFIG", "SET", "maxmemory", &room.to_string()]).await;

    let (mut accepted, mut refused) = (0, None);
    for person in &people {
        let start = Instant::now();
        let answer = push(&gateway, person).await;
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            refused = Some((answer, start.elapsed()));
            break;
        }
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
        accepted += 1;
    }
    let (answer, took) = refused.expect("memory ends");
    assert_eq!(answer.json()["type"], "urn:vigie:problem:full");
    assert!(took < std::time::Duration::from_secs(1), "refused after {took:?}");
    assert!(accepted > 100, "{accepted} letters fit");
    assert_eq!(stats(&gateway).await["accepted"], accepted, "what was refused is not there");

    // Not a byte more: results are recorded all the same.
    redis.text(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let (half, rest) = people[..accepted].split_at(accepted / 2);
    come_online(gateway.knocker(), half).await;
    wait_until("half of them went out", SOON, async || {
        (gateway.metrics().count("vigie_sends", &["state=\"sent\""]) == half.len() as u64).then_some(())
    })
    .await;
    assert_eq!(gateway.metrics().count("vigie_presence_online", &[]), 0, "nobody is remembered");
    assert_eq!(push(&gateway, &people[accepted]).await.status, StatusCode::SERVICE_UNAVAILABLE);
    for state in ["paused", "running"] {
        let setting = serde_json::json!({ "state": state }).to_string();
        let answer = gateway.try_call(Method::PUT, "/v1/flows/demo", "application/json", setting).await;
        assert_eq!(answer.expect("the API answers").status, StatusCode::OK, "{state} without memory");
    }

    redis.text(&["CONFIG", "SET", "maxmemory", &room.to_string()]).await;
    let again = wait_until("there is room again", SOON, async || {
        Some(push(&gateway, &people[accepted]).await.status)
            .filter(|status| *status != StatusCode::SERVICE_UNAVAILABLE)
    })
    .await;
    assert_eq!(again, StatusCode::ACCEPTED);
    come_online(gateway.knocker(), rest).await;
    come_online(gateway.knocker(), &people[accepted..=accepted]).await;
    wait_until("all went out", SOON, async || (gateway.metrics().undecided() == 0).then_some(())).await;
    let copies = copies(&sink.taken());
    assert_eq!(copies.len(), accepted + 1);
    assert!(copies.values().all(|count| *count == 1), "none went out twice");
    gateway.push(&letter("after", "canary-after@example.test")).await;
    gateway.comes_online("canary-after@example.test").await;
    gateway.reaches("after", "sent").await;
}
