//! What people do with a gateway, in one word each.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::{Gateway, KEY};
use crate::support::http::{Answer, ask};
use crate::support::wait::{SOON, wait_until};

/// Mail on an iPhone.
pub const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148";

/// A reminder of the sample brand, as a producer pushes it.
pub fn letter(id: &str, email: &str) -> Value {
    json!({
        "id": id, "brand": "demo", "case": format!("case-{id}"), "template": "reminder", "to": {"email": email},
        "vars": {"amount": "120.00 €", "due_date": "1 December 2026"},
    })
}

/// A request to the API, as an operator.
pub fn api_request(method: Method, path: &str, kind: &str, body: String) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(path)
        .header(AUTHORIZATION, format!("Bearer {KEY}"))
        .header(CONTENT_TYPE, kind)
        .body(Full::new(Bytes::from(body)))
        .expect("a valid request")
}

/// Knocks at the edge of one life of a gateway, also from tasks of their own.
#[derive(Debug, Clone, Copy)]
pub struct Knocker(pub SocketAddr);

impl Knocker {
    /// Asks the edge, as this agent; an error if the gateway is gone.
    pub async fn visit(self, method: Method, path: &str, agent: &str) -> Result<Answer, String> {
        let request = Request::builder().method(method).uri(path).header(USER_AGENT, agent);
        ask(self.0, request.body(Full::default()).expect("a valid request")).await
    }

    /// Somebody's mail client fetches a pixel; an error if the gateway is gone.
    pub async fn open(self, pixel: &str) -> Result<Answer, String> {
        self.visit(Method::GET, pixel, IPHONE).await
    }
}

impl Gateway {
    /// Whoever knocks at its edge in this life.
    pub fn knocker(&self) -> Knocker {
        Knocker(self.edge())
    }

    /// Asks the API, as an operator.
    pub async fn call(&self, method: Method, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.try_call(method, path, "application/json", body).await.expect("the API answers")
    }

    /// Asks the API with any body; an error if the gateway is gone.
    pub async fn try_call(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: String,
    ) -> Result<Answer, String> {
        ask(self.api(), api_request(method, path, kind, body)).await
    }

    /// Pushes a send, which must be accepted as new.
    pub async fn push(&self, send: &Value) {
        let answer = self.call(Method::POST, "/v1/sends", send).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{send} was answered {}", answer.text());
    }

    /// Pushes a reminder of the sample brand.
    pub async fn queue(&self, id: &str, email: &str) {
        self.push(&letter(id, email)).await;
    }

    /// What the API says of a case.
    pub async fn case(&self, brand: &str, case: &str) -> Value {
        let answer = self.call(Method::GET, &format!("/v1/cases/{brand}/{case}"), &Value::Null).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()
    }

    /// What the API says of a send.
    pub async fn send(&self, id: &str) -> Value {
        let answer = self.call(Method::GET, &format!("/v1/sends/{id}"), &Value::Null).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()
    }

    /// The word for where a send stands.
    pub async fn state(&self, id: &str) -> String {
        self.send(id).await["state"].as_str().expect("a state is a word").to_owned()
    }

    /// Waits until a send is in a state, and returns what the API says of it then.
    pub async fn reaches(&self, id: &str, state: &str) -> Value {
        wait_until(&format!("{id} is {state}"), SOON, async || {
            Some(self.send(id).await).filter(|send| send["state"] == state)
        })
        .await
    }

    /// Mints a token and returns what the API says of it.
    pub async fn mint(&self, token: &Value) -> Value {
        let answer = self.call(Method::POST, "/v1/tokens", token).await;
        assert_eq!(answer.status, StatusCode::OK, "{token} was answered {}", answer.text());
        let minted = answer.json();
        self.secret(minted["token"].as_str().expect("a token is text"));
        minted
    }

    /// The path of a pixel as an older mail of the sample brand to this person carries it.
    pub async fn pixel(&self, email: &str) -> String {
        let minted = self.mint(&json!({"brand": "demo", "email": email, "kind": "open"})).await;
        format!("/o/{}.gif", minted["token"].as_str().expect("a token is text"))
    }

    /// Asks the edge, as this agent.
    pub async fn visit(&self, method: Method, path: &str, agent: &str) -> Answer {
        self.knocker().visit(method, path, agent).await.expect("the edge answers")
    }

    /// Somebody's mail client fetches a pixel.
    pub async fn open(&self, pixel: &str) {
        let answer = self.visit(Method::GET, pixel, IPHONE).await;
        assert_eq!(answer.status, StatusCode::OK);
    }

    /// Somebody comes online: their mail client fetches the pixel of an older mail.
    pub async fn comes_online(&self, email: &str) {
        self.open(&self.pixel(email).await).await;
    }

    /// Waits until every signal before this call has had its effect: with one shard, signals take effect in order,
    /// and this one's is seen. Needs `VIGIE__INTAKE__SHARDS=1`.
    pub async fn settled(&self) {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let (id, email) = (format!("barrier-{number}"), format!("canary-barrier-{number}@example.test"));
        self.queue(&id, &email).await;
        self.comes_online(&email).await;
        self.reaches(&id, "sent").await;
    }

    /// How many letters the outbox holds, and what is in them, oldest first by name.
    pub fn outbox(&self) -> Vec<Vec<u8>> {
        let Ok(files) = std::fs::read_dir(self.data().join("outbox")) else { return Vec::new() };
        let mut paths: Vec<_> = files.map(|file| file.expect("the directory is readable").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
        paths.sort();
        paths.iter().map(|path| std::fs::read(path).expect("the outbox is readable")).collect()
    }
}
