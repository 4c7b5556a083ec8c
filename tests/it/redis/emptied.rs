//! A Redis that forgot everything, or its functions only: gateways go on without a restart.

use hyper::StatusCode;
use serde_json::Value;

use super::load::{SETTINGS, ready};
use crate::support::gateway::{Gateway, letter};
use crate::support::redis::{Options, RedisServer};
use crate::support::wait::{SOON, wait_until};

/// A letter through the API and one through the stream reach their readers, and the store knows whose it is.
async fn all_is_well(gateways: &[&Gateway], redis: &RedisServer, round: &str) {
    for (number, gateway) in gateways.iter().enumerate() {
        let [pushed, added] = ["pushed", "added"].map(|way| format!("{way}-{round}-{number}"));
        let email = |id: &str| format!("canary-{id}@example.test");
        let accepted = async || {
            let send = letter(&pushed, &email(&pushed)).to_string();
            let answer = gateway.try_call(hyper::Method::POST, "/v1/sends", "application/json", send).await;
            let status = answer.expect("the API answers").status;
            assert_ne!(status, StatusCode::CONFLICT, "{pushed}");
            status.is_success().then_some(())
        };
        wait_until(&format!("{pushed} is accepted"), SOON, accepted).await;
        let send = letter(&added, &email(&added)).to_string();
        redis.text(&["XADD", "vigie:sends", "*", "send", &send]).await;
        wait_until(&format!("{added} is taken from the stream"), SOON, async || {
            let answer = gateway.call(hyper::Method::GET, &format!("/v1/sends/{added}"), &Value::Null).await;
            (answer.status == StatusCode::OK).then_some(())
        })
        .await;
        for id in [&pushed, &added] {
            gateway.comes_online(&email(id)).await;
            gateway.reaches(id, "sent").await;
        }
        wait_until("it is ready", SOON, async || (ready(gateway).await.0 == StatusCode::OK).then_some(()))
            .await;
    }
    let alive =
        async || (redis.text(&["ZCARD", "vigie:gateways"]).await == gateways.len().to_string()).then_some(());
    wait_until("all gateways are known", SOON, alive).await;
}

async fn meta(redis: &RedisServer) -> Vec<String> {
    let answer =
        redis.ask(&["HMGET", "vigie:meta", "format", "partitions", "identity"]).await.expect("an answer");
    let facts: Vec<Option<String>> = redis::from_redis_value(answer).expect("three fields");
    facts.into_iter().map(Option::unwrap_or_default).collect()
}

#[tokio::test]
async fn gateways_go_on_without_a_restart() {
    let redis = RedisServer::start(Options::default()).await;
    let url = format!("{}/?partitions=16", redis.url());
    let settings: Vec<_> = SETTINGS.into_iter().chain([("VIGIE__STORE__URL", url.as_str())]).collect();
    let first = Gateway::start(&settings).await;
    let second = first.beside(&settings).await;
    let gateways = [&first, &second];
    all_is_well(&gateways, &redis, "new").await;
    let facts = meta(&redis).await;
    assert_eq!((facts[0].as_str(), facts[1].as_str(), facts[2].len()), ("1", "16", 16), "{facts:?}");
    let come_again = async |what: &str| {
        all_is_well(&gateways, &redis, what).await;
        wait_until("the store says again whose it is", SOON, async || {
            (meta(&redis).await == facts).then_some(())
        })
        .await;
    };

    redis.restart_empty().await;
    come_again("restarted").await;
    redis.text(&["FUNCTION", "FLUSH", "SYNC"]).await;
    come_again("functions").await;
    redis.text(&["FLUSHALL", "SYNC"]).await;
    come_again("flushed").await;
    redis.text(&["FLUSHALL", "SYNC"]).await;
    redis.text(&["FUNCTION", "FLUSH", "SYNC"]).await;
    come_again("both").await;
    // Somebody who comes new finds the store that the others left.
    let third = first.beside(&settings).await;
    all_is_well(&[&first, &second, &third], &redis, "third").await;
}

#[tokio::test]
async fn a_store_that_became_somebody_elses_is_said_to_be() {
    let redis = RedisServer::start(Options::default()).await;
    let url = redis.url();
    let settings: Vec<_> = SETTINGS.into_iter().chain([("VIGIE__STORE__URL", url.as_str())]).collect();
    let gateway = Gateway::start(&settings).await;
    redis.ask(&["HSET", "vigie:meta", "identity", "0000000000000000"]).await.expect("it is set");
    wait_until("it is said", SOON, async || {
        gateway.log().contains("has become another installation's").then_some(())
    })
    .await;
}
