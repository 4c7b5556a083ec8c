//! A partner's newsletter tells that somebody is there, until an operator has enough of it.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::ONE_SHARD;
use crate::support::gateway::{Gateway, IPHONE};

const PERSON: &str = "canary-reader@example.test";

const PARTNER: [(&str, &str); 2] = [
    ("VIGIE__PARTNERS__NEWS__TRACKING_URL", "https://t.news.example"),
    ("VIGIE__PARTNERS__NEWS__HASHED_PIXEL", "true"),
];

async fn gateway() -> Gateway {
    Gateway::start(&[ONE_SHARD, PARTNER[0], PARTNER[1]]).await
}

async fn agree(gateway: &Gateway) {
    let said = json!({"email": PERSON, "partner": "news", "purpose": "presence", "granted": true, "proof": "form 3"});
    assert_eq!(gateway.call(Method::PUT, "/v1/consents", &said).await.status, StatusCode::OK);
}

async fn set(gateway: &Gateway, flow: &str, state: &str) -> StatusCode {
    gateway.call(Method::PUT, &format!("/v1/flows/{flow}"), &json!({"state": state})).await.status
}

async fn figures(gateway: &Gateway) -> Value {
    gateway.call(Method::GET, "/v1/partners", &Value::Null).await.json()["partners"][0].clone()
}

#[tokio::test]
async fn a_partners_pixel_fires_for_people_who_agreed() {
    let gateway = gateway().await;
    let minted = gateway.mint(&json!({"partner": "news", "email": PERSON, "kind": "open"})).await;
    assert!(minted["url"].as_str().expect("an address").starts_with("https://t.news.example/o/"), "{minted}");
    let signed = format!("/o/{}.gif", minted["token"].as_str().expect("a token"));
    gateway.queue("held", PERSON).await;
    gateway.open(&signed).await;
    gateway.settled().await;
    assert_eq!(gateway.state("held").await, "waiting", "nobody agreed to that");
    agree(&gateway).await;
    gateway.open(&signed).await;
    gateway.reaches("held", "sent").await;
}

#[tokio::test]
async fn a_hash_alone_fires_too_until_the_partner_is_paused() {
    let gateway = gateway().await;
    let pixel = format!("/p/news/{}.gif", const_hex::encode(Sha256::digest(PERSON)));
    agree(&gateway).await;
    for flow in ["partner/news", "partner"] {
        assert_eq!(set(&gateway, flow, "paused").await, StatusCode::OK);
        assert_eq!(figures(&gateway).await["state"], "paused");
        gateway.open(&pixel).await;
        let paused = |gateway: &Gateway| {
            gateway.metrics().count("vigie_partner_refused_total", &["partner=\"news\"", "reason=\"paused\""])
        };
        let seen = paused(&gateway);
        gateway.open(&pixel).await;
        crate::support::wait::wait_until("it is refused", crate::support::wait::SOON, async || {
            (paused(&gateway) > seen).then_some(())
        })
        .await;
        assert_eq!(set(&gateway, flow, "running").await, StatusCode::OK);
    }
    gateway.queue("held", PERSON).await;
    gateway.open(&pixel).await;
    gateway.reaches("held", "sent").await;
    let figures = figures(&gateway).await;
    assert_eq!((&figures["partner"], &figures["state"]), (&json!("news"), &json!("running")));
    assert_eq!(
        (&figures["signals"]["human"], &figures["human_share"]),
        (&json!(1), &json!(1.0)),
        "{figures}"
    );
    assert_eq!(figures["refused"]["paused"], 4);
    assert_eq!(set(&gateway, "partner/others", "paused").await, StatusCode::NOT_FOUND);
    let flows = gateway.call(Method::GET, "/v1/flows", &Value::Null).await.text();
    assert!(flows.contains(r#""brand":"partner","campaign":"news""#), "{flows}");
    assert_eq!(gateway.visit(Method::GET, &pixel, IPHONE).await.status, StatusCode::OK);
}
