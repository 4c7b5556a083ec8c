//! A relay pointed at a sink, and the words the tests speak.

use std::time::Duration;

use vigie::config;
use vigie::model::Letter;
use vigie::redact::Secret;
use vigie::relay::{Decision, Delivery, Refusal, Relay};
use vigie::telemetry::Registry;

use crate::support::sink::Sink;

/// Deadlines of tests in which no deadline should pass.
pub const LONG: Duration = Duration::from_secs(20);

/// Deadlines of tests that wait for one to pass.
pub const SHORT: Duration = Duration::from_millis(150);

/// A relay and its metrics.
pub struct Rig {
    pub relay: Relay,
    registry: Registry,
}

/// Settings for a sink, without TLS.
pub fn settings(sink: &Sink) -> config::Relay {
    settings_for(&format!("smtp://{}?tls=none", sink.addr()))
}

/// Settings with long deadlines and few limits.
pub fn settings_for(url: &str) -> config::Relay {
    config::Relay {
        url: url.to_owned(),
        user: String::new(),
        password: Secret::new(""),
        hello: "gateway.example".into(),
        ca: None,
        connections: 4,
        idle: LONG,
        max_age: LONG,
        max_mails: 1000,
        timeouts: config::RelayTimeouts { connect: LONG, greeting: LONG, command: LONG, message: LONG },
    }
}

/// Settings whose deadlines pass soon.
pub fn impatient(sink: &Sink) -> config::Relay {
    let timeouts = config::RelayTimeouts { connect: LONG, greeting: SHORT, command: SHORT, message: SHORT };
    config::Relay { timeouts, ..settings(sink) }
}

impl Rig {
    /// A relay for these settings.
    pub fn new(settings: &config::Relay) -> Self {
        let registry = Registry::new();
        let relay = Relay::new(settings, &std::env::temp_dir(), &registry).expect("good settings");
        Self { relay, registry }
    }

    /// A relay pointed at the sink.
    pub fn to(sink: &Sink) -> Self {
        Self::new(&settings(sink))
    }

    /// A checkout and a delivery.
    pub async fn send(&self, letter: &Letter) -> Delivery {
        let session = self.relay.checkout().await.expect("a session");
        session.deliver(letter).await
    }

    /// Why no session is to be had.
    pub async fn refused(&self) -> Refusal {
        match self.relay.checkout().await {
            Ok(_) => panic!("there should be no session"),
            Err(refusal) => refusal,
        }
    }

    /// Waits until no connection is open on our side.
    pub async fn wait_closed(&self) {
        let closed = async {
            while self.metric(&["vigie_relay_connections", "open"]) > 0.5 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LONG, closed).await.expect("all connections should be closed");
    }

    /// The exposition text's value for a metric line that holds all these words.
    pub fn metric(&self, words: &[&str]) -> f64 {
        let text = self.registry.text();
        let line =
            text.lines().find(|line| !line.starts_with('#') && words.iter().all(|word| line.contains(word)));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0)
    }
}

/// A letter to `to@example.net`.
pub fn letter(to: &str) -> Letter {
    content(to, b"Subject: hello\r\n\r\nGood day.\r\n")
}

/// A letter with this content.
pub fn content(to: &str, bytes: &[u8]) -> Letter {
    Letter { from: "sender@example.org".into(), to: format!("{to}@example.net"), bytes: bytes.to_vec() }
}

/// The decision of a refusal, or what there was instead.
pub fn decision(delivery: &Delivery) -> Result<Decision, String> {
    match delivery {
        Delivery::Refused(refusal) => Ok(refusal.decision),
        other => Err(format!("{other:?}")),
    }
}

/// Whether the relay took it.
pub fn accepted(delivery: &Delivery) -> bool {
    matches!(delivery, Delivery::Accepted { .. })
}

/// Whether nobody can know.
pub fn unknown(delivery: &Delivery) -> bool {
    matches!(delivery, Delivery::Unknown { .. })
}
