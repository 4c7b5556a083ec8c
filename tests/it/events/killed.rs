//! Killed at any instruction, a gateway leaves no end of a send untold.

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::Method;
use serde_json::Value;

use crate::support::crowd::{Person, come_online, push};
use crate::support::gateway::Gateway;
use crate::support::redis::{Options, RedisServer};
use crate::support::wait::wait_until;

const LETTERS: usize = 60;
const ROUNDS: u64 = 3;

/// All that was told, by the id of the event.
async fn told(gateway: &Gateway) -> BTreeMap<String, Value> {
    let (mut all, mut path) = (BTreeMap::new(), String::from("/v1/events?format=json&limit=1000"));
    loop {
        let page = gateway.call(Method::GET, &path, &Value::Null).await.json();
        for event in page["events"].as_array().expect("a list") {
            all.insert(event["id"].as_str().expect("an id").to_owned(), event.clone());
        }
        if page["more"] != true {
            return all;
        }
        path =
            format!("/v1/events?format=json&limit=1000&after={}", page["next"].as_str().expect("a position"));
    }
}

async fn every_end_is_told(settings: &[(&str, &str)]) {
    let mut gateway = Gateway::start(settings).await;
    gateway.may_be_uncertain();
    let people = Person::several(&gateway, LETTERS * 3).await;
    for (round, people) in (1..=ROUNDS).zip(people.chunks(LETTERS)) {
        push(&gateway, people).await;
        let (edge, death) = (gateway.knocker(), Duration::from_millis(round * 60));
        let kill = async {
            tokio::time::sleep(death).await;
            gateway.kill().await;
        };
        tokio::join!(come_online(edge, people), kill);
        gateway.restart().await;
    }
    wait_until("every letter has a fate", Duration::from_mins(1), async || {
        come_online(gateway.knocker(), &people).await;
        (gateway.metrics().undecided() == 0).then_some(())
    })
    .await;
    let told = wait_until("every end is told", Duration::from_secs(30), async || {
        Some(told(&gateway).await).filter(|told| told.len() >= people.len())
    })
    .await;
    assert_eq!(told.len(), people.len(), "no other end is told");
    for person in &people {
        let state = gateway.state(&person.id).await;
        let event =
            told.values().find(|event| event["data"]["id"] == person.id.as_str()).expect("it is told");
        assert_eq!(event["type"], format!("send.{state}"));
    }
}

const SHORT: [(&str, &str); 2] = [("VIGIE__DISPATCH__LEASE", "3s"), ("VIGIE__LOG__FILTER", "info")];

#[tokio::test]
async fn on_the_embedded_store() {
    every_end_is_told(&SHORT).await;
}

#[tokio::test]
async fn on_redis() {
    let redis = RedisServer::start(Options::default()).await;
    let url = redis.url();
    every_end_is_told(&[SHORT[0], SHORT[1], ("VIGIE__STORE__URL", &url)]).await;
}
