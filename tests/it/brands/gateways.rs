//! Gateways with copies of one `secrets.toml`.

use std::fs;

use hyper::StatusCode;
use serde_json::json;

use super::{Folders, is_stale, offered};

#[tokio::test]
async fn a_copy_of_the_secrets_waits_for_a_new_brands_keys() {
    let folders = Folders::with_acme();
    let one = folders.gateway(&[]).await;
    let dir = folders.dir();
    let other = one
        .beside(&[
            ("VIGIE__BRAND_FOLDERS__DIR", dir.to_str().expect("TMPDIR has a readable name")),
            ("VIGIE__BRAND_FOLDERS__CHECK_EVERY", "50ms"),
            ("VIGIE__BRAND_FOLDERS__MAKE_KEYS", "false"),
        ])
        .await;
    folders.put("nova", "", "Nova");
    is_stale(&one, "nova", false).await;
    is_stale(&other, "nova", true).await;
    assert!(other.log().contains("no key of this brand signs"), "{}", other.log());
    assert_eq!(offered(&other, "nova").await, StatusCode::SERVICE_UNAVAILABLE);
    fs::copy(one.data().join("secrets.toml"), other.data().join("secrets.toml")).expect("both are ours");
    other.signal("HUP").await;
    is_stale(&other, "nova", false).await;

    // What one signs the other knows.
    let token = one.mint(&json!({"brand": "nova", "email": "canary-t@example.test", "kind": "open"})).await;
    other.open(&format!("/o/{}.gif", token["token"].as_str().expect("a token is text"))).await;
    assert_eq!(other.metrics().count("vigie_tokens_refused_total", &[]), 0);
}
