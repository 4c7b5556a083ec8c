//! Whatever stands in the token's place, a mail client sees no difference, and nobody is sent anywhere unsigned.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use vigie::secrets::Secrets;
use vigie::token::Token;

use super::ONE_SHARD;
use crate::support::gateway::{Gateway, IPHONE};
use crate::support::http::bytes;

const PERSON: &str = "canary-token@example.test";

/// The very bytes the edge answers to this pixel.
fn answer(gateway: &Gateway, path: &str) -> String {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: vigie.test\r\nUser-Agent: {IPHONE}\r\nConnection: close\r\n\r\n"
    );
    bytes(gateway.edge(), &request).expect("the edge answers")
}

/// The same token with its last character but one changed: the last may carry bits that decode to nothing.
fn forged(token: &str) -> String {
    let (at, last) = (token.len() - 2, token.len() - 1);
    let other = if token[at..last] == *"A" { "B" } else { "A" };
    format!("{}{other}{}", &token[..at], &token[last..])
}

/// The same token, valid until long ago. Nobody mints such a token, so it is signed here with the gateway's own keys.
fn expired(gateway: &Gateway, good: &str) -> String {
    let secrets = Secrets::read(&gateway.data()).expect("the tests may read them");
    let (mut token, key) = Token::read(good.as_bytes(), &secrets.ring).expect("it is good");
    token.expires = Some(1);
    token.mint(&secrets.ring, key.owner()).expect("the key that signed it signs again")
}

fn text(minted: &Value) -> String {
    minted["token"].as_str().expect("a token is text").to_owned()
}

#[tokio::test]
async fn every_pixel_is_answered_with_the_same_bytes() {
    let gateway = Gateway::start(&[ONE_SHARD]).await;
    let stranger = Gateway::start(&[]).await;
    gateway.queue("held", PERSON).await;
    let open = json!({"brand": "demo", "email": PERSON, "kind": "open"});
    let mut click = open.clone();
    (click["kind"], click["to"]) = ("click".into(), "https://example.org/".into());

    let good = text(&gateway.mint(&open).await);
    let bad = [
        forged(&good),
        text(&stranger.mint(&open).await),
        text(&gateway.mint(&click).await),
        "A".repeat(1500),
        good[..good.len() / 2].to_owned(),
        "%00%ff..%2f".to_owned(),
        String::new(),
    ];
    let answers: Vec<_> = bad.iter().map(|token| answer(&gateway, &format!("/o/{token}.gif"))).collect();
    gateway.settled().await;
    assert_eq!(gateway.state("held").await, "waiting", "none of them says who is online");

    let right = answer(&gateway, &format!("/o/{good}.gif"));
    assert!(right.starts_with("HTTP/1.1 200 OK\r\n") && right.contains("GIF89a"), "{right}");
    for (token, answer) in bad.iter().zip(answers) {
        assert_eq!(answer, right, "the answer to {token}");
    }
    assert_eq!(answer(&gateway, &format!("/o/{good}")), right, "with and without .gif");
    gateway.reaches("held", "sent").await;
}

#[tokio::test]
async fn an_expired_pixel_looks_like_any_other_and_does_nothing() {
    let gateway = Gateway::start(&[ONE_SHARD]).await;
    gateway.queue("held", PERSON).await;
    let good = text(&gateway.mint(&json!({"brand": "demo", "email": PERSON, "kind": "open"})).await);
    let expired = answer(&gateway, &format!("/o/{}.gif", expired(&gateway, &good)));
    gateway.settled().await;
    assert_eq!(gateway.state("held").await, "waiting");
    assert_eq!(gateway.metrics().count("vigie_tokens_refused_total", &["reason=\"expired\""]), 1);
    assert_eq!(expired, answer(&gateway, &format!("/o/{good}.gif")));
    gateway.reaches("held", "sent").await;
}

#[tokio::test]
async fn only_a_signed_link_redirects() {
    let gateway = Gateway::start(&[]).await;
    let destination = "https://pay.example.org/case?id=1&x=%20#top";
    let click = json!({"brand": "demo", "email": PERSON, "kind": "click", "to": destination});
    let good = text(&gateway.mint(&click).await);
    let visit = async |token: &str| gateway.visit(Method::GET, &format!("/c/{token}"), IPHONE).await;
    let followed = visit(&good).await;
    assert_eq!((followed.status, followed.header("location")), (StatusCode::FOUND, destination));

    let pixel = gateway.pixel(PERSON).await;
    let pixel = pixel.trim_start_matches("/o/").trim_end_matches(".gif");
    for bad in [&forged(&good), pixel, "https://evil.example/", "", &good[1..]] {
        let answer = visit(bad).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::NOT_FOUND, ""), "{bad}");
    }
    for method in ["javascript:alert(1)", "//evil.example", "ftp://example.org"] {
        let mut bad = click.clone();
        bad["to"] = method.into();
        let answer = gateway.call(Method::POST, "/v1/tokens", &bad).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{method}: {}", answer.text());
    }
}
