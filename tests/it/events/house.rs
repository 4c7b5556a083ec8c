//! A store, its log, and webhooks, by a clock that is moved.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use vigie::clock::Clock;
use vigie::config::{self, Brand, Config};
use vigie::model::{Event, Name};
use vigie::store::embedded::Embedded;
use vigie::store::{Rules, Store};
use vigie::telemetry::Registry;
use vigie::webhooks::{Standing, Webhooks};

use super::receiver::Receiver;
use crate::support::wait::{SOON, wait_until};

/// What the first secret is.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// What replaces it.
pub const NEXT: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

pub struct House {
    pub store: Arc<dyn Store>,
    pub clock: Clock,
    pub registry: Registry,
    pub settings: config::Webhooks,
    pub webhooks: Option<Webhooks>,
    directory: tempfile::TempDir,
}

impl House {
    /// With a log that keeps so many events.
    pub fn keeping(keep_events: u64) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::manual(Clock::system().now());
        let rules = Rules { keep_events, lease: Duration::from_secs(30), ..Rules::default() };
        let store =
            Embedded::open(&directory.path().join("store"), 8, rules, clock.clone()).expect("a store");
        std::fs::write(directory.path().join("one"), SECRET).expect("it is ours");
        std::fs::write(directory.path().join("two"), NEXT).expect("it is ours");
        let settings = config::Webhooks {
            timeout: Duration::from_millis(500),
            first: Duration::from_secs(5),
            longest: Duration::from_hours(1),
            refusals: 3,
            allow_private: true,
            ca: None,
        };
        let store = Arc::new(store);
        Self { store, clock, registry: Registry::new(), settings, webhooks: None, directory }
    }

    pub fn new() -> Self {
        Self::keeping(0)
    }

    /// A brand with these webhooks: names, receivers, more.
    pub fn brands(&self, webhooks: &[(&str, &Receiver, &str)]) -> BTreeMap<Name, Brand> {
        let addressed: Vec<_> = webhooks
            .iter()
            .map(|(name, receiver, more)| {
                (*name, format!("http://localhost:{}/hook?token=hidden", receiver.address.port()), *more)
            })
            .collect();
        self.addressed(&addressed)
    }

    /// The same, by addresses.
    pub fn addressed(&self, webhooks: &[(&str, String, &str)]) -> BTreeMap<Name, Brand> {
        let mut text = String::from(
            "from = 'D <d@demo.example>'\ntracking_url = 'https://t.demo.example'\nlanguage = 'fr'\n",
        );
        for (name, url, more) in webhooks {
            let secret = self.directory.path().join("one");
            write!(text, "[[webhooks]]\nname = '{name}'\nurl = '{url}'\n").expect("text");
            if !more.contains("secrets") {
                writeln!(text, "secrets = ['file:{}']", secret.display()).expect("text");
            }
            text += &more.replace("DIR", &self.directory.path().display().to_string());
            text += "\n";
        }
        [("demo".parse().expect("a name"), toml::from_str(&text).expect("a brand"))].into()
    }

    /// Couriers of a gateway begin.
    pub fn open(&mut self, brands: &BTreeMap<Name, Brand>) {
        self.webhooks = Some(self.gateway(brands, &self.registry));
    }

    /// Couriers of one more gateway.
    pub fn gateway(&self, brands: &BTreeMap<Name, Brand>, registry: &Registry) -> Webhooks {
        let webhooks = Webhooks::new(Arc::clone(&self.store), self.clock.clone(), &self.settings, registry);
        let webhooks = webhooks.expect("no file is read");
        webhooks.follow(brands);
        webhooks
    }

    /// Waits until a webhook's courier has begun, and knows where.
    pub async fn begun(&self, name: &str) {
        let errand = format!("webhook:demo/{name}");
        wait_until("a courier has begun", SOON, async || {
            self.store.errand(&errand).await.expect("errand works")
        })
        .await;
    }

    /// These happen.
    pub async fn happen(&self, numbers: impl IntoIterator<Item = i64>) {
        for n in numbers {
            self.happens("demo", "send.sent", n).await;
        }
    }

    /// This happens.
    pub async fn happens(&self, brand: &str, kind: &str, n: i64) {
        let event = Event {
            id: format!("e-{n}"),
            kind: kind.into(),
            at: self.clock.now(),
            brand: brand.parse().expect("a name"),
            data: json!({ "n": n }),
        };
        self.store.announce(event).await.expect("announce works");
    }

    /// How it stands with a webhook.
    pub async fn standing(&self, name: &str) -> Standing {
        let standings = self.webhooks.as_ref().expect("open").standings().await.expect("the store answers");
        standings.into_iter().find(|standing| standing.name.as_str() == name).expect("it is known")
    }

    /// Waits until it stands so.
    pub async fn stands(&self, name: &str, what: &str, so: impl Fn(&Standing) -> bool) -> Standing {
        wait_until(what, SOON, async || Some(self.standing(name).await).filter(&so)).await
    }
}

/// The default settings of listeners.
pub fn default_events() -> config::Events {
    Config::load(&[], []).expect("the default file").events
}
