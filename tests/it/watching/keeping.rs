//! One gateway: what it watches, what it sends, and what it never shows.

use std::path::Path;

use hyper::Method;
use serde_json::{Value, json};

use super::{ALICE, LETTER, gateway, order, reads};
use crate::support::dovecot::{Dovecot, PASSWORD, Setup};
use crate::support::gateway::Gateway;
use crate::support::redis::{Options, RedisServer};
use crate::support::wait::{SOON, wait_until};
use crate::watch_imap::token_server::{TokenServer, answer};
use crate::watch_imap::tokens::{signed, with_tokens};

const MARIE: &str = "canary-marie@mail.example";

/// A letter waits; its reader reads another in a watched mailbox, and it goes out.
async fn a_reader_is_seen(dovecot: &Dovecot, gateway: &mut Gateway) {
    dovecot.deliver(ALICE, LETTER).await;
    gateway.watch(&order(dovecot, MARIE, ALICE)).await;
    gateway.has("idle", 1).await;
    let view = gateway.mailbox(MARIE).await;
    assert_eq!((&view["state"], &view["trouble"]), (&json!("idle"), &Value::Null));
    gateway.queue("watched", MARIE).await;
    reads(dovecot, ALICE).await;
    gateway.reaches("watched", "sent").await;
    let metrics = gateway.metrics();
    assert_eq!(metrics.count("vigie_signals_total", &["source=\"imap\"", "verdict=\"human\""]), 1);
    // It watches again after a restart, without being told.
    gateway.stop().await;
    gateway.restart().await;
    gateway.has("idle", 1).await;
}

#[tokio::test]
async fn a_reader_in_a_watched_mailbox_sets_the_letter_off() {
    let dovecot = Dovecot::start(Setup::default()).await;
    let mut gateway = gateway(&dovecot, None, &[]).await;
    a_reader_is_seen(&dovecot, &mut gateway).await;
    gateway.stop().await;
    shows_nothing(&gateway, &[&gateway.data().join("store")]);
}

#[tokio::test]
async fn a_reader_in_a_watched_mailbox_sets_the_letter_off_on_redis() {
    let dovecot = Dovecot::start(Setup::default()).await;
    let redis = RedisServer::start(Options::default()).await;
    let mut gateway = gateway(&dovecot, None, &[("VIGIE__STORE__URL", &redis.url())]).await;
    a_reader_is_seen(&dovecot, &mut gateway).await;
    redis.text(&["SAVE"]).await;
    let files = redis.path(".");
    shows_nothing(&gateway, &[&files]);
    // The dump may be compressed: every value as it is, too.
    let keys = redis.ask(&["KEYS", "*:m"]).await.expect("Redis answers");
    let keys: Vec<String> = redis::from_redis_value(keys).expect("names of keys");
    assert_eq!(keys.len(), 1, "one partition has a mailbox");
    let held = redis.ask(&["HVALS", &keys[0]]).await.expect("Redis answers");
    let held: Vec<Vec<u8>> = redis::from_redis_value(held).expect("bytes");
    for secret in [PASSWORD, "alice", "localhost"] {
        let found = |held: &Vec<u8>| held.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!held.iter().any(found), "{secret} is in {}", keys[0]);
    }
    gateway.stop().await;
}

/// Neither address nor password is in these directories, nor in what the gateway said.
fn shows_nothing(gateway: &Gateway, directories: &[&Path]) {
    let said = gateway.log();
    for secret in [ALICE, "marie", &format!("\"{PASSWORD}\"")] {
        assert!(!said.contains(secret), "{secret} is in the log:\n{said}");
    }
    for directory in directories {
        let (mut files, mut open) = (0, vec![directory.to_path_buf()]);
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(
                    std::fs::read_dir(&path).expect("readable").map(|entry| entry.expect("readable").path()),
                );
                continue;
            }
            let bytes = std::fs::read(&path).expect("readable");
            files += 1;
            for secret in [ALICE.as_bytes(), br#""password""#, br#""refresh_token""#] {
                let found = bytes.windows(secret.len()).any(|part| part == secret);
                assert!(!found, "{} holds {}", path.display(), String::from_utf8_lossy(secret));
            }
        }
        assert!(files > 0, "there was something to look at in {}", directory.display());
    }
}

#[tokio::test]
async fn a_wrong_password_is_shown_and_not_tried_again() {
    let dovecot = Dovecot::start(Setup::default()).await;
    let gateway = gateway(&dovecot, None, &[]).await;
    let mut wrong = order(&dovecot, MARIE, ALICE);
    wrong["password"] = "a-wrong-one".into();
    gateway.watch(&wrong).await;
    gateway.has("refused", 1).await;
    let view = gateway.mailbox(MARIE).await;
    assert_eq!((&view["state"], &view["trouble"]), (&json!("refused"), &json!("refused")));
    // Another mailbox comes and goes: that is no reason to try this one again.
    gateway.watch(&order(&dovecot, "canary-bob@mail.example", "bob@example.test")).await;
    gateway.has("idle", 1).await;
    gateway.call(Method::POST, "/v1/mailboxes/remove", &json!({"email": "canary-bob@mail.example"})).await;
    gateway.has("idle", 0).await;
    let tries = || gateway.metrics().count("vigie_watch_reconnects_total", &["reason=\"refused\""]);
    assert_eq!(tries(), 1);
    // The right one is tried at once.
    gateway.watch(&order(&dovecot, MARIE, ALICE)).await;
    gateway.has("idle", 1).await;
    assert_eq!(tries(), 1);
    assert!(!gateway.log().contains("a-wrong-one"));
}

#[tokio::test]
async fn who_is_forgotten_is_not_watched() {
    let dovecot = Dovecot::start(Setup::default()).await;
    let gateway = gateway(&dovecot, None, &[]).await;
    gateway.watch(&order(&dovecot, MARIE, ALICE)).await;
    gateway.has("idle", 1).await;
    gateway.call(Method::POST, "/v1/recipients/forget", &json!({"email": MARIE})).await;
    gateway.has("idle", 0).await;
    assert_eq!(gateway.mailbox(MARIE).await, Value::Null);
    wait_until("the session has ended", SOON, async || {
        dovecot.log().contains("Disconnected: Logged out").then_some(())
    })
    .await;
}

/// A public name may stand for an address inside; that is found out when it is connected to.
#[tokio::test]
async fn names_that_lead_inside_are_not_connected_to() {
    let dovecot = Dovecot::start(Setup::default()).await;
    let mut gateway = gateway(&dovecot, None, &[]).await;
    gateway.watch(&order(&dovecot, MARIE, ALICE)).await;
    gateway.has("idle", 1).await;
    gateway.stop().await;
    gateway.set("VIGIE__WATCH__ALLOW_PRIVATE", "false");
    gateway.restart().await;
    gateway.has("refused", 1).await;
    assert_eq!(gateway.mailbox(MARIE).await["trouble"], "unsupported");
}

/// What another key sealed is not watched, and everybody can see it.
#[tokio::test]
async fn a_lost_key_is_noticed() {
    let dovecot = Dovecot::start(Setup::default()).await;
    let mut gateway = gateway(&dovecot, None, &[]).await;
    gateway.watch(&order(&dovecot, MARIE, ALICE)).await;
    gateway.has("idle", 1).await;
    gateway.stop().await;
    let file = gateway.data().join("secrets.toml");
    let text = std::fs::read_to_string(&file).expect("readable");
    let (before, rest) = text.split_once("[vault]\n").expect("a vault");
    let (_, after) = rest.split_once('\n').expect("a secret");
    std::fs::write(&file, format!("{before}{after}")).expect("writable");
    gateway.restart().await;
    wait_until("it is noticed", SOON, async || {
        (gateway.metrics().count("vigie_watch_unreadable_mailboxes", &[]) == 1).then_some(())
    })
    .await;
    gateway.has("idle", 0).await;
}

/// A token server may replace the refresh token with each answer, and take no other from then on.
#[tokio::test]
async fn a_new_refresh_token_outlives_the_gateway() {
    let dovecot = Dovecot::start(with_tokens()).await;
    let granted = |refresh: &str| {
        let token = json!({"access_token": signed(true), "expires_in": 3600, "refresh_token": refresh});
        answer("200 OK", &token.to_string())
    };
    let server = TokenServer::answering(vec![granted("refresh-2"), granted("refresh-3")]).await;
    let mut gateway = gateway(&dovecot, None, &[]).await;
    let mut order = order(&dovecot, MARIE, ALICE);
    order.as_object_mut().expect("an object").remove("password");
    let endpoint = server.grant().endpoint.to_string();
    order["oauth"] = json!({"token_url": endpoint, "client_id": "vigie", "refresh_token": "refresh-1"});
    gateway.watch(&order).await;
    gateway.has("idle", 1).await;
    assert_eq!(gateway.mailbox(MARIE).await["login"], "oauth");
    gateway.stop().await;
    gateway.restart().await;
    gateway.has("idle", 1).await;
    let forms = server.forms();
    assert_eq!(forms.len(), 2, "one token for each life: that it was stored is no reason to log in again");
    for (form, refresh) in forms.iter().zip(["refresh-1", "refresh-2"]) {
        assert!(form.contains(&format!("refresh_token={refresh}")), "{form}");
    }
    assert!(!gateway.log().contains("refresh-"));
}
