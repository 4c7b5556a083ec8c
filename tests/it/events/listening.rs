//! Listeners of `GET /v1/events`: that come back, that hear only what is theirs, that are too slow.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::house::default_events;
use crate::api::house::{House, Plan};
use crate::support::gateway::{Gateway, KEY};
use crate::support::redis::{Options, RedisServer};
use crate::support::wait::{SOON, wait_until};

/// Somebody who listens.
struct Listener {
    response: Response<Incoming>,
    heard: String,
    /// Keeps the connection.
    _sender: SendRequest<Empty<Bytes>>,
}

impl Listener {
    async fn start(at: SocketAddr, key: &str, path: &str, last: Option<&str>) -> Listener {
        let stream = TcpStream::connect(at).await.expect("it listens");
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.expect("HTTP");
        tokio::spawn(connection);
        let mut request =
            Request::get(path).header("host", "vigie").header("authorization", format!("Bearer {key}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = sender.send_request(request.body(Empty::<Bytes>::new()).expect("a request")).await;
        Listener { response: response.expect("an answer"), heard: String::new(), _sender: sender }
    }

    /// Listens until it has heard enough.
    async fn until(&mut self, enough: impl Fn(&Listener) -> bool) {
        let listen = async {
            while !enough(self) {
                let frame =
                    self.response.body_mut().frame().await.expect("more is to come").expect("it comes");
                self.heard += &String::from_utf8_lossy(frame.data_ref().expect("data"));
            }
        };
        timeout(SOON, listen).await.expect("it is heard");
    }

    /// Listens to the end.
    async fn reach_the_end(&mut self) {
        let listen = async {
            while let Some(Ok(frame)) = self.response.body_mut().frame().await {
                self.heard += &String::from_utf8_lossy(frame.data_ref().expect("data"));
            }
        };
        timeout(SOON, listen).await.expect("it ends");
    }

    fn events(&self) -> Vec<Value> {
        let data = self.heard.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|data| serde_json::from_str(data).expect("JSON")).collect()
    }

    fn last_id(&self) -> String {
        self.heard.lines().rev().find_map(|line| line.strip_prefix("id: ")).expect("an id").to_owned()
    }
}

async fn comes_back(settings: &[(&str, &str)]) {
    let mut gateway = Gateway::start(settings).await;
    let mut listener = Listener::start(gateway.api(), KEY, "/v1/events", None).await;
    assert_eq!(listener.response.headers()["content-type"], "text/event-stream");
    listener.until(|listener| listener.heard.contains("id: ")).await;
    let from_the_start = listener.last_id();
    let marie = |n: usize| format!("canary-marie-{n}@example.test");
    for n in 0..3 {
        gateway.queue(&format!("s-{n}"), &marie(n)).await;
        gateway.comes_online(&marie(n)).await;
        gateway.reaches(&format!("s-{n}"), "sent").await;
    }
    listener.until(|listener| listener.events().len() >= 3).await;
    let heard = listener.events();
    assert_eq!(heard[0]["type"], "send.sent");
    assert!(listener.heard.contains("event: send.sent\n") && !listener.heard.contains("canary-"));
    let last = listener.last_id();
    gateway.stop().await;
    listener.reach_the_end().await;
    assert!(listener.heard.ends_with(": this gateway stops\n\n"), "{}", listener.heard);
    gateway.restart().await;
    gateway.queue("s-3", &marie(3)).await;
    gateway.call(Method::DELETE, "/v1/sends/s-3", &Value::Null).await;
    let mut again = Listener::start(gateway.api(), KEY, "/v1/events", Some(&last)).await;
    again.until(|listener| !listener.events().is_empty()).await;
    assert_eq!(again.events()[0]["type"], "send.cancelled", "what came after, and nothing else");
    let path = format!("/v1/events?after={from_the_start}&types=send.sent");
    let mut all = Listener::start(gateway.api(), KEY, &path, None).await;
    all.until(|listener| listener.events().len() >= 3).await;
    assert_eq!(all.events(), heard, "the same, from the beginning");
    drop((again, all));
}

const SETTINGS: (&str, &str) = ("VIGIE__PRESENCE__REFRESH", "200ms");

#[tokio::test]
async fn a_listener_comes_back_to_an_embedded_store() {
    comes_back(&[SETTINGS]).await;
}

#[tokio::test]
async fn a_listener_comes_back_to_redis() {
    let redis = RedisServer::start(Options::default()).await;
    comes_back(&[SETTINGS, ("VIGIE__STORE__URL", &redis.url())]).await;
}

fn event(brand: &str, n: usize) -> vigie::model::Event {
    vigie::model::Event {
        id: format!("e-{n}"),
        kind: if n.is_multiple_of(2) { "send.sent" } else { "case.settled" }.into(),
        at: "2026-03-02T09:00:00Z".parse().expect("a moment"),
        brand: brand.parse().expect("a name"),
        data: json!({ "n": n, "more": "x".repeat(300) }),
    }
}

#[tokio::test]
async fn everybody_hears_what_is_theirs() {
    let house = House::open().await;
    for n in 0..20 {
        house.store.announce(event(if n < 10 { "demo" } else { "other" }, n)).await.expect("announce works");
    }
    let heard = async |who: &str, more: &str| {
        let answer = house.caller(who).get(&format!("/v1/events?format=json{more}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let page: Value = serde_json::from_str(&answer.text).expect("JSON");
        page["events"].as_array().expect("a list").len()
    };
    assert_eq!(heard("operator", "").await, 20);
    assert_eq!(heard("demo", "").await, 10);
    assert_eq!(heard("other", "&types=case.*").await, 5);
    assert_eq!(heard("demo", "&brand=other").await, 0);
    assert_eq!(heard("operator", "&brand=other&types=send.sent,case.settled&limit=15").await, 5);
    assert_eq!(house.caller("signals").get("/v1/events").await.status, StatusCode::FORBIDDEN);
    for (bad, status) in [
        ("types=sent", 422),
        ("after=yesterday", 422),
        ("format=xml", 422),
        ("format=json&limit=0", 422),
        ("after=99999999999", 410),
        ("format=json&after=99999999999", 410),
        ("surprise=1", 400),
    ] {
        let answer = house.operator().get(&format!("/v1/events?{bad}")).await;
        assert_eq!(answer.status.as_u16(), status, "{bad}: {}", answer.text);
    }
}

#[tokio::test]
async fn heartbeats_come_and_listeners_are_few() {
    let events =
        vigie::config::Events { heartbeat: Duration::from_millis(50), listeners: 1, ..default_events() };
    let house = House::with(Plan { events, ..Plan::default() }).await;
    let mut listener = Listener::start(house.address, "key of operator", "/v1/events", None).await;
    listener.until(|listener| listener.heard.matches(": still here\n").count() >= 2).await;
    let second = Listener::start(house.address, "key of operator", "/v1/events", None).await;
    assert_eq!(second.response.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(listener);
    house.shutdown.cancel();
}

#[tokio::test]
async fn who_is_too_slow_is_cut_off_and_goes_on_later() {
    // More than sockets and buffers hold.
    const MANY: usize = 4000;
    let patience = Duration::from_secs(1);
    let events = vigie::config::Events { patience, listeners: 1, ..default_events() };
    let house = House::with(Plan { events, ..Plan::default() }).await;
    let mut slow = Listener::start(house.address, "key of operator", "/v1/events", None).await;
    slow.until(|listener| listener.heard.contains("id: ")).await;
    for n in 0..MANY {
        let mut event = event("demo", n);
        event.data["more"] = "x".repeat(4000).into();
        house.store.announce(event).await.expect("announce works");
    }
    // It reads nothing for longer than anybody waits for it: there is room for another one.
    wait_until("it is given up", SOON, async || {
        let other = Listener::start(house.address, "key of operator", "/v1/events", None).await;
        (other.response.status() == StatusCode::OK).then_some(())
    })
    .await;
    slow.reach_the_end().await;
    assert!(
        slow.heard.ends_with(": too slow: come back and go on from the last id\n\n"),
        "{}",
        slow.heard.len()
    );
    let before = slow.events().len();
    assert!(before < MANY, "{before} of them were buffered somewhere");
    let mut again =
        Listener::start(house.address, "key of operator", "/v1/events", Some(&slow.last_id())).await;
    // Looking through all of it each time would make this one too slow as well.
    let last = format!("\"id\":\"e-{}\"", MANY - 1);
    again.until(|listener| listener.heard[listener.heard.len().saturating_sub(5000)..].contains(&last)).await;
    assert_eq!(before + again.events().len(), MANY, "nothing is missing between");
}
