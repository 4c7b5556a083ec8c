//! A mail that must go today goes when its recipient is used to read: a whole gateway by a clock that is moved.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

use hyper::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use vigie::app::{Gateway, Sockets};
use vigie::clock::Clock;
use vigie::config::Config;
use vigie::secrets;

use crate::support::gateway::{KEY, Knocker, api_request, letter};
use crate::support::http::ask;
use crate::support::wait::{SOON, wait_until};

const PERSON: &str = "canary-evening@example.test";
const DAY: Duration = Duration::from_hours(24);

struct House {
    gateway: Gateway,
    clock: Clock,
    home: tempfile::TempDir,
}

impl House {
    async fn open(start: &str) -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        let data = home.path().join("data").display().to_string();
        let settings = [
            ("VIGIE__DATA__DIR", data.as_str()),
            ("VIGIE__EDGE__LISTEN", "127.0.0.1:0"),
            ("VIGIE__API__LISTEN", "127.0.0.1:0"),
            ("VIGIE__OPS__LISTEN", "127.0.0.1:0"),
            // Who was seen a moment ago is by the time of the machine, which passes no days here.
            ("VIGIE__PRESENCE__REFRESH", "1ms"),
        ];
        let settings = settings.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let config = Config::load(&[], settings).expect("settings");
        let prepared =
            secrets::prepare(&config.data.dir, &secrets::owners(&config), Some(KEY)).expect("secrets");
        let clock = Clock::manual(start.parse().expect("a moment"));
        let gateway = Box::pin(Gateway::start(config, prepared, clock.clone(), Sockets::none())).await;
        Self { gateway: gateway.expect("it starts"), clock, home }
    }

    fn api(&self) -> SocketAddr {
        self.gateway.addresses().api
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = ask(self.api(), api_request(method, path, "application/json", body)).await;
        let answer = answer.expect("the API answers");
        assert!(answer.status.is_success(), "{path}: {}", answer.text());
        if answer.status == StatusCode::NO_CONTENT { Value::Null } else { answer.json() }
    }

    async fn send(&self, id: &str) -> Value {
        self.call(Method::GET, &format!("/v1/sends/{id}"), &Value::Null).await
    }

    /// Comes online, and is seen: what is known of them says so.
    async fn is_seen(&self) {
        let minted = json!({"brand": "demo", "email": PERSON, "kind": "open"});
        let minted = self.call(Method::POST, "/v1/tokens", &minted).await;
        let pixel = format!("/o/{}.gif", minted["token"].as_str().expect("a token is text"));
        Knocker(self.gateway.addresses().edge).open(&pixel).await.expect("the edge answers");
        wait_until("they are seen", SOON, async || {
            let person = self.call(Method::POST, "/v1/recipients/lookup", &json!({"email": PERSON})).await;
            (person["online"] == true).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn what_goes_at_its_deadline_goes_when_its_recipient_reads() {
    // A Monday; they look at their mail at 18:20 of three days.
    let house = House::open("2026-11-23T18:20:00Z").await;
    let said =
        json!({"brand": "demo", "email": PERSON, "purpose": "presence", "granted": true, "proof": "form 3"});
    house.call(Method::PUT, "/v1/consents", &said).await;
    for _ in 0..3 {
        house.is_seen().await;
        house.clock.advance(DAY);
    }
    // Thursday at 18:20, of which nothing is known; it must go by Friday at 22:00.
    let mut reminder = letter("evening", PERSON);
    reminder["deadline"] = "2026-11-27T22:00:00Z".into();
    reminder["on_deadline"] = "send".into();
    house.call(Method::POST, "/v1/sends", &reminder).await;
    house.clock.advance(Duration::from_hours(4));
    let aimed = wait_until("it is aimed", SOON, async || {
        house.send("evening").await["aimed"].as_str().map(str::to_owned)
    });
    let aimed: Timestamp = aimed.await.parse().expect("a moment");
    assert_eq!(aimed.strftime("%A %H").to_string(), "Friday 18");
    let why = house.call(Method::GET, "/v1/sends/evening", &Value::Null).await.to_string();
    assert!(why.contains("when the recipient is often seen"), "{why}");
    assert_eq!(house.send("evening").await["state"], "waiting");
    house.clock.advance(Duration::from_hours(20));
    wait_until("it is sent", SOON, async || (house.send("evening").await["state"] == "sent").then_some(()))
        .await;
    house.gateway.stop().await;
    drop(house.home);
}
