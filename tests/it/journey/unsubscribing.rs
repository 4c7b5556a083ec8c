//! Somebody unsubscribes; what they are told is true, also if the gateway stops that moment.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::ONE_SHARD;
use crate::support::gateway::{Gateway, IPHONE};

const PERSON: &str = "canary-leaver@example.test";

async fn consents(gateway: &Gateway) -> Value {
    let answer = gateway.call(Method::POST, "/v1/recipients/lookup", &json!({"email": PERSON})).await;
    answer.json()["consents"].clone()
}

#[tokio::test]
async fn a_scanner_unsubscribes_nobody_and_a_person_for_good() {
    let mut gateway = Gateway::start(&[ONE_SHARD]).await;
    let minted = gateway.mint(&json!({"brand": "demo", "email": PERSON, "kind": "unsubscribe"})).await;
    let path = format!("/u/{}", minted["token"].as_str().expect("a token"));
    let pixel = gateway.pixel(PERSON).await;
    for method in [Method::GET, Method::HEAD] {
        let answer = gateway.visit(method, &path, "Mozilla/5.0 (compatible; LinkScanner/1.0)").await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    assert_eq!(consents(&gateway).await, json!([]));

    let answer = gateway.visit(Method::POST, &path, IPHONE).await;
    assert!(answer.text().contains("Demo Collections"), "{}", answer.text());
    gateway.stop().await;
    gateway.restart().await;
    let said = consents(&gateway).await;
    assert_eq!((&said[0]["granted"], &said[0]["brand"]), (&json!(false), &json!("demo")), "{said}");

    gateway.queue("held", PERSON).await;
    gateway.open(&pixel).await;
    gateway.settled().await;
    assert_eq!(gateway.state("held").await, "waiting", "no pixel makes them present any more");
    gateway.leaves_undecided(1);
}
