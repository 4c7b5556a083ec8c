//! Somebody unsubscribes; what they are told is true, also if the gateway stops that moment.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::{ONE_SHARD, OTHER_BRAND};
use crate::support::gateway::{Gateway, IPHONE, letter};
use crate::support::wait::{SOON, wait_until};

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
    assert!(answer.text().contains("Letters about a contract"), "they go on: {}", answer.text());
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

/// A letter of the second brand.
fn promotion(id: &str) -> Value {
    let mut promotion = letter(id, PERSON);
    promotion["brand"] = "other".into();
    promotion["case"] = Value::Null;
    promotion
}

/// Whoever unsubscribes from a promotional brand, in one click, gets no more of its mail; another brand's goes on.
pub(crate) async fn no_more_promotions(gateway: &Gateway) {
    gateway.push(&promotion("waits")).await;
    gateway.queue("contract", PERSON).await;
    let minted = gateway.mint(&json!({"brand": "other", "email": PERSON, "kind": "unsubscribe"})).await;
    let path = format!("/u/{}", minted["token"].as_str().expect("a token"));
    let page = gateway.visit(Method::POST, &path, IPHONE).await;
    assert!(page.text().contains("sends you no more mails like this"), "{}", page.text());

    let waited = gateway.reaches("waits?brand=other", "handed_off").await;
    assert!(waited["history"].to_string().contains("suppressed: unsubscribed"), "{waited}");
    gateway.push(&promotion("later")).await;
    gateway.reaches("later?brand=other", "handed_off").await;
    let person = gateway.call(Method::POST, "/v1/recipients/lookup", &json!({"email": PERSON})).await.json();
    let stopped = &person["suppressions"];
    assert_eq!(stopped.as_array().map(Vec::len), Some(1), "{person}");
    assert_eq!((&stopped[0]["brand"], &stopped[0]["why"]), (&json!("other"), &json!("unsubscribed")));
    wait_until("what they said of being seen is kept, too", SOON, async || {
        (consents(gateway).await[0]["granted"] == json!(false)).then_some(())
    })
    .await;
    gateway.comes_online(PERSON).await;
    gateway.reaches("contract?brand=demo", "sent").await;
    assert_eq!(gateway.outbox().len(), 1);

    let lift = json!({"email": PERSON, "brand": "other", "suppressed": false});
    assert_eq!(gateway.call(Method::PUT, "/v1/suppressions", &lift).await.json()["changed"], true);
    gateway.push(&promotion("again")).await;
    assert_ne!(gateway.state("again?brand=other").await, "handed_off");
    let cancel = gateway.call(Method::DELETE, "/v1/sends/again?brand=other", &Value::Null).await;
    assert!(cancel.status.is_success(), "{}", cancel.text());
}

#[tokio::test]
async fn a_promotional_brand_writes_no_more() {
    let settings = [OTHER_BRAND.as_slice(), &[("VIGIE__BRANDS__OTHER__CLASS", "promotional")]].concat();
    no_more_promotions(&Gateway::start(&settings).await).await;
}
