//! `[dispatch]`, `[relay]`: how claims become mails, and who takes them.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::span::duration;
use crate::redact::Secret;

/// `[dispatch]`: claims, attempts and retries.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dispatch {
    /// So long before its deadline a send that goes without presence then is timed for an hour in which its recipient is
    /// often seen; zero: it goes at its deadline.
    #[serde(deserialize_with = "duration")]
    pub best_hour: Duration,
    /// How long a claim lasts without being renewed; a third of it is how often it is.
    #[serde(deserialize_with = "duration")]
    pub lease: Duration,
    /// A whole attempt takes at most this: longer than all relay timeouts together.
    #[serde(deserialize_with = "duration")]
    pub attempt_timeout: Duration,
    /// Attempts under way at the same time.
    pub max_in_flight: usize,
    /// Sends claimed for one person by one signal, at most.
    pub claims_per_touch: usize,
    /// After a stop was asked for, attempts may take this long to finish.
    #[serde(deserialize_with = "duration")]
    pub drain: Duration,
    /// When a deferred send may be claimed again.
    pub retry: Retry,
}

/// `[dispatch.retry]`: when a deferred send may be claimed again, at the recipient's next presence.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// After the first deferral; doubled with each further one.
    #[serde(deserialize_with = "duration")]
    pub first: Duration,
    /// Never more than this.
    #[serde(deserialize_with = "duration")]
    pub longest: Duration,
    /// The deferral after this many attempts fails the send.
    pub max_attempts: u32,
}

/// `[relay]`: the SMTP server that takes our mail, or a directory for a first try.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relay {
    /// `outbox:DIR`, `smtp://host:port?tls=required|opportunistic|none`, `smtps://host:port`.
    pub url: String,
    /// User for AUTH; empty means no AUTH.
    #[serde(default)]
    pub user: String,
    /// Password for AUTH; set it as `VIGIE__RELAY__PASSWORD`.
    #[serde(default = "nothing")]
    pub password: Secret,
    /// The name we greet with; empty means the machine's.
    #[serde(default)]
    pub hello: String,
    /// A PEM file with the relay's CA, beside the system's own.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Connections at the same time: a real limit, one transaction each.
    pub connections: usize,
    /// Idle connections are closed after this (relays cut at 30–300 s).
    #[serde(deserialize_with = "duration")]
    pub idle: Duration,
    /// Connections are closed at this age.
    #[serde(deserialize_with = "duration")]
    pub max_age: Duration,
    /// Connections are closed after this many mails.
    pub max_mails: u32,
    /// How long the relay may take at each step.
    pub timeouts: RelayTimeouts,
}

fn nothing() -> Secret {
    Secret::new("")
}

/// `[relay.timeouts]`: per command, as RFC 5321 section 4.5.3.2 asks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelayTimeouts {
    /// TCP connect.
    #[serde(deserialize_with = "duration")]
    pub connect: Duration,
    /// Greeting, EHLO, STARTTLS, AUTH, each.
    #[serde(deserialize_with = "duration")]
    pub greeting: Duration,
    /// MAIL, RCPT, DATA, each.
    #[serde(deserialize_with = "duration")]
    pub command: Duration,
    /// The reply to the end of the message.
    #[serde(deserialize_with = "duration")]
    pub message: Duration,
}
