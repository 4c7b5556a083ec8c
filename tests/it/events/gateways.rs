//! Real gateways on one Redis, and a receiver.

use std::collections::BTreeMap;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use super::house::SECRET;
use super::receiver::{Post, Receiver};
use crate::support::gateway::Gateway;
use crate::support::redis::{Options, RedisServer};
use crate::support::wait::{SOON, wait_until};

/// What the API says of the webhook, once so many were delivered.
async fn delivered(gateway: &Gateway, many: u64) -> Value {
    wait_until(&format!("{many} are delivered"), SOON, async || {
        let answer = gateway.call(Method::GET, "/v1/webhooks", &Value::Null).await.json();
        Some(answer["webhooks"][0].clone()).filter(|webhook| webhook["delivered"] == many)
    })
    .await
}

/// How often each send was told of.
fn told(posts: &[Post]) -> BTreeMap<String, usize> {
    let mut told = BTreeMap::new();
    for post in posts {
        *told.entry(post.json()["data"]["id"].as_str().expect("an id").to_owned()).or_default() += 1;
    }
    told
}

async fn goes_out(gateway: &Gateway, id: &str) {
    let email = format!("canary-{id}@example.test");
    gateway.queue(id, &email).await;
    gateway.comes_online(&email).await;
    gateway.reaches(id, "sent").await;
}

#[tokio::test]
async fn one_of_them_delivers_and_the_other_takes_over() {
    let (redis, receiver) = (RedisServer::start(Options::default()).await, Receiver::start().await);
    let directory = tempfile::tempdir().expect("a directory");
    let secret = directory.path().join("secret");
    std::fs::write(&secret, SECRET).expect("it is ours");
    let webhooks = format!(
        "[{{ name = 'crm', url = 'http://{}/hook', secrets = ['file:{}'], types = ['send.*'] }}]",
        receiver.address,
        secret.display()
    );
    let url = redis.url();
    let settings = [
        ("VIGIE__STORE__URL", url.as_str()),
        ("VIGIE__BRANDS__DEMO__WEBHOOKS", &webhooks),
        ("VIGIE__WEBHOOKS__ALLOW_PRIVATE", "true"),
        ("VIGIE__PRESENCE__REFRESH", "200ms"),
    ];
    let mut one = Gateway::start(&settings).await;
    let other = one.beside(&settings).await;
    for (n, gateway) in [&one, &other, &one, &other].into_iter().enumerate() {
        goes_out(gateway, &format!("s-{n}")).await;
    }
    let view = delivered(&other, 4).await;
    assert_eq!(
        (&view["brand"], &view["name"], &view["disabled"]),
        (&json!("demo"), &json!("crm"), &json!(false))
    );
    assert_eq!((&view["position"], &view["failures"]), (&view["newest"], &json!(0)));
    let posts = receiver.posts();
    assert_eq!((posts.len(), told(&posts).len()), (4, 4), "each once");
    let verifier = Webhook::new(SECRET).expect("a secret");
    for post in &posts {
        verifier.verify(&post.body, &post.headers).expect("it fits");
        assert!(!String::from_utf8_lossy(&post.body).contains("canary-"), "nothing says who");
    }
    let replay = "/v1/webhooks/demo/crm/replay";
    let answer = other.call(Method::POST, replay, &json!({"from": "oldest"})).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    receiver.hears(8).await;
    assert!(told(&receiver.posts()).values().all(|times| *times == 2));
    for (path, body, status) in [
        (replay, json!({"from": "yesterday"}), 422),
        ("/v1/webhooks/demo/erp/replay", json!({"from": "now"}), 404),
    ] {
        assert_eq!(other.call(Method::POST, path, &body).await.status.as_u16(), status);
    }
    delivered(&other, 8).await;
    one.stop().await;
    goes_out(&other, "s-4").await;
    receiver.hears(9).await;
    delivered(&other, 9).await;
    assert_eq!(told(&receiver.posts())["s-4"], 1);
}
