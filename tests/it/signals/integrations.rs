//! The configurations that operators copy, filled in for a test; and Stalwart's, which runs nowhere here.

use std::net::SocketAddr;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::Full;
use hyper::Request;
use serde_json::{Value, json};
use sha2::Sha256;
use vigie::clock::Clock;

use crate::support::gateway::{Gateway, KEY};
use crate::support::http::{Answer, ask};

/// What stands for a secret of the operator's own.
pub const SECRET: &str = "a secret of these tests";

/// A file of `config/integrations`, as its operator is told to fill it in, for a gateway on this machine.
pub fn filled(file: &str, api: SocketAddr) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/integrations").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let host = "vigie.example.org";
    assert!(text.contains(host), "{file} has a place for vigie's address");
    let clear =
        |line: &str| if line.contains(host) { line.replace("https://", "http://") } else { line.to_owned() };
    let lines: Vec<_> = text.lines().map(clear).collect();
    lines.join("\n").replace(host, &api.to_string()).replace("SECRET", SECRET).replace("KEY", KEY)
}

#[tokio::test]
async fn stalwarts_webhook_fires_what_waits() {
    let gateway = Gateway::start(&[("VIGIE__SIGNALS__STALWART_SECRET", SECRET)]).await;
    let configuration: toml::Table = filled("stalwart.toml", gateway.api()).parse().expect("TOML");
    let hook = &configuration["webhook"]["vigie"];
    let text = |value: &toml::Value| value.as_str().expect("a text").to_owned();
    let url = text(&hook["url"]);
    let (_, path) = url.split_once(&gateway.api().to_string()).expect("where the gateway is");
    let secret = text(&hook["signature-key"]);
    let basic =
        STANDARD.encode(format!("{}:{}", text(&hook["auth"]["username"]), text(&hook["auth"]["secret"])));
    let post = async |events: &Value, secret: &str| -> Answer {
        let body = json!({"events": events}).to_string();
        let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key").chain_update(&body);
        let request = Request::post(path)
            .header("authorization", format!("Basic {basic}"))
            .header("x-signature", STANDARD.encode(mac.finalize().into_bytes()))
            .header("content-type", "application/json");
        ask(gateway.api(), request.body(Full::from(body)).expect("a request")).await.expect("an answer")
    };
    gateway.queue("one", "canary-stalwart@example.test").await;
    let now = Clock::system().now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let event = |id: u64, kind: &str, data: &Value| json!({"id": id.to_string(), "createdAt": now, "type": kind, "data": data});
    let name = json!({"accountName": "canary-stalwart@example.test", "accountId": 7, "spanId": 1, "remoteIp": "192.0.2.1"});
    let login = event(1, "auth.success", &name);
    let read = event(2, "imap.store", &json!({"accountId": 7, "spanId": 1, "details": ["\\Seen"]}));
    assert_eq!(post(&json!([login, read]), "forged").await.status, 401);
    assert_eq!(post(&json!([login]), &secret).await.status, 204);
    assert_eq!(post(&json!([login, read]), &secret).await.status, 204);
    gateway.reaches("one", "sent").await;
    for (id, event_of_guide) in (10..).zip(hook["events"].as_array().expect("a list")) {
        let event = event(id, &text(event_of_guide), &json!({"accountId": 7, "spanId": 1}));
        assert_eq!(post(&json!([event]), &secret).await.status, 204);
    }
    let reports = |what: &str| {
        let what = format!("what=\"{what}\"");
        gateway.metrics().count("vigie_reports_total", &["source=\"stalwart\"", &what])
    };
    let heard = reports("login") + reports("read") + reports("act") + reports("change");
    assert_eq!((reports("unauthorised"), reports("repeated"), reports("unknown")), (1, 1, 0));
    assert!(heard >= 2, "{heard}");
}
