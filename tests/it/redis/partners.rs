//! A partner that is paused at one gateway is paused at all.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::gateway::Gateway;
use crate::support::redis::{Options, RedisServer};
use crate::support::wait::{SOON, wait_until};

/// What operators are promised.
const EFFECTIVE: Duration = Duration::from_secs(1);

fn refused(gateway: &Gateway) -> u64 {
    gateway.metrics().count("vigie_partner_refused_total", &["partner=\"news\"", "reason=\"paused\""])
}

#[tokio::test]
async fn a_pause_is_effective_on_every_gateway_within_a_second() {
    let redis = RedisServer::start(Options::default()).await;
    let url = redis.url();
    let settings = [
        ("VIGIE__STORE__URL", url.as_str()),
        ("VIGIE__PARTNERS__NEWS__TRACKING_URL", "https://t.news.example"),
        ("VIGIE__PARTNERS__NEWS__HASHED_PIXEL", "true"),
    ];
    let first = Gateway::start(&settings).await;
    let second = first.beside(&settings).await;
    let pixel = format!("/p/news/{}.gif", const_hex::encode(Sha256::digest("canary-a@example.test")));
    second.open(&pixel).await;
    assert_eq!(refused(&second), 0);
    let asked = Instant::now();
    first.call(Method::PUT, "/v1/flows/partner/news", &json!({"state": "paused"})).await;
    wait_until("the other gateway refuses", SOON, async || {
        second.open(&pixel).await;
        (refused(&second) > 0).then_some(())
    })
    .await;
    let took = asked.elapsed();
    assert!(took < EFFECTIVE, "effective after {took:?}");
}
