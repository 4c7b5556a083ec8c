//! Somebody unsubscribes while Redis does not answer, or is gone.

use hyper::{Method, StatusCode};
use serde_json::json;

use crate::journey::{OTHER_BRAND, unsubscribing};
use crate::support::gateway::{Gateway, IPHONE};
use crate::support::redis::{Options, RedisServer};
use crate::support::wait::{SOON, wait_until};

const PERSON: &str = "canary-leaver@example.test";

/// Posts to a fresh unsubscribe address, which must be answered at once.
async fn unsubscribe(gateway: &Gateway) {
    let minted = gateway.mint(&json!({"brand": "demo", "email": PERSON, "kind": "unsubscribe"})).await;
    let path = format!("/u/{}", minted["token"].as_str().expect("a token"));
    let start = std::time::Instant::now();
    let answer = gateway.visit(Method::POST, &path, IPHONE).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(start.elapsed().as_secs() < 2, "answered after {:?}", start.elapsed());
}

/// Waits until so many unsubscriptions are written down, and looks whether the person's is.
async fn recorded(gateway: &Gateway, count: u64) {
    wait_until("it is written down", SOON, async || {
        let metrics = gateway.metrics();
        let written = metrics.count("vigie_unsubscribes_total", &["outcome=\"recorded\""]);
        (written == count).then_some(())
    })
    .await;
    let person = gateway.call(Method::POST, "/v1/recipients/lookup", &json!({"email": PERSON})).await.json();
    assert_eq!(person["consents"][0]["granted"], false, "{person}");
    assert_eq!(person["consents"][0]["proof"], "unsubscribe link");
}

#[tokio::test]
async fn unsubscriptions_are_written_down_when_the_server_answers_again() {
    let redis = RedisServer::start(Options::default()).await;
    let url = redis.url();
    let gateway = Gateway::start(&[("VIGIE__STORE__URL", url.as_str())]).await;
    redis.stop();
    unsubscribe(&gateway).await;
    redis.cont();
    recorded(&gateway, 1).await;
    redis.kill();
    unsubscribe(&gateway).await;
    redis.restart().await;
    recorded(&gateway, 2).await;
}

#[tokio::test]
async fn a_promotional_brand_writes_no_more() {
    let redis = RedisServer::start(Options::default()).await;
    let url = redis.url();
    let ours = [("VIGIE__STORE__URL", url.as_str()), ("VIGIE__BRANDS__OTHER__CLASS", "promotional")];
    let gateway = Gateway::start(&[OTHER_BRAND.as_slice(), &ours].concat()).await;
    unsubscribing::no_more_promotions(&gateway).await;
}
