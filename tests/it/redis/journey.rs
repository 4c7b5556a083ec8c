//! The same journey, whatever the store: a letter waits, its reader comes online, it goes out.

use hyper::StatusCode;
use serde_json::Value;

use super::load::SETTINGS;
use crate::support::gateway::{Gateway, letter};
use crate::support::redis::{Options, RedisCluster, RedisServer, Shape};
use crate::support::sink::Manner;
use crate::support::wait::{SOON, wait_until};

const MARIE: &str = "canary-marie@example.test";

async fn a_letter_waits_for_its_reader(url: &str) {
    let settings: Vec<_> = SETTINGS.into_iter().chain([("VIGIE__STORE__URL", url)]).collect();
    let gateway = Gateway::start(&settings).await;
    gateway.queue("first", MARIE).await;
    assert_eq!(gateway.state("first").await, "waiting");
    assert!(gateway.outbox().is_empty(), "nobody has seen her yet");
    gateway.comes_online(MARIE).await;
    let sent = gateway.reaches("first", "sent").await;
    let events: Vec<_> =
        sent["history"].as_array().expect("a list").iter().map(|line| &line["event"]).collect();
    assert_eq!(events, ["accepted", "claimed", "sent"]);
    assert!(!sent.to_string().contains(MARIE), "the address is gone with the final state: {sent}");
    assert_eq!(gateway.outbox().len(), 1);
}

#[tokio::test]
async fn on_one_server() {
    let redis = RedisServer::start(Options::default()).await;
    a_letter_waits_for_its_reader(&redis.url()).await;
}

#[tokio::test]
async fn on_a_cluster() {
    let cluster = RedisCluster::start(Shape::default(), Options::default()).await;
    a_letter_waits_for_its_reader(&cluster.url()).await;
}

#[tokio::test]
async fn from_the_stream_to_the_relay_to_the_events() {
    let redis = RedisServer::start(Options::default()).await;
    let sink = Manner::modern().start().await;
    let (url, relay) = (redis.url(), format!("smtp://{}?tls=none", sink.addr()));
    let more = [("VIGIE__STORE__URL", url.as_str()), ("VIGIE__RELAY__URL", relay.as_str())];
    let settings: Vec<_> = SETTINGS.into_iter().chain(more).collect();
    let gateway = Gateway::start(&settings).await;
    let send = letter("from-redis", MARIE).to_string();
    redis.text(&["XADD", "vigie:sends", "*", "send", &send]).await;
    wait_until("it is taken from the stream", SOON, async || {
        let answer = gateway.call(hyper::Method::GET, "/v1/sends/from-redis", &Value::Null).await;
        (answer.status == StatusCode::OK).then_some(())
    })
    .await;
    gateway.comes_online(MARIE).await;
    gateway.reaches("from-redis", "sent").await;
    let mail = sink.taken();
    assert_eq!(mail.len(), 1);
    assert!(String::from_utf8_lossy(&mail[0].content).contains("Message-ID: <from-redis@demo.example>"));
    let events = wait_until("an event tells of it", SOON, async || {
        let answer = redis.ask(&["XRANGE", "vigie:events", "-", "+"]).await.expect("an answer");
        let entries: Vec<(String, Vec<String>)> = redis::from_redis_value(answer).expect("entries");
        (!entries.is_empty()).then_some(entries)
    })
    .await;
    let [(_, fields)] = &events[..] else { panic!("one event, not {events:?}") };
    assert_eq!((fields[0].as_str(), fields[1].as_str(), fields[2].as_str()), ("event", "send.sent", "data"));
    let data: Value = serde_json::from_str(&fields[3]).expect("JSON");
    assert_eq!(
        (&data["id"], &data["brand"], &data["state"]),
        (&"from-redis".into(), &"demo".into(), &"sent".into())
    );
    assert!(!fields[3].contains(MARIE), "nothing in it says who was written to");
}
