//! `[signals]`: what is heard of people from mail servers, webmails and portals.

use std::time::Duration;

use serde::Deserialize;

use super::network::Network;
use super::span::duration;
use crate::redact::Secret;

/// `[signals]`: whom to believe about whom, and for how long.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signals {
    /// What was done longer ago than this when `POST /v1/signals` tells it is no presence.
    #[serde(deserialize_with = "duration")]
    pub max_age: Duration,
    /// The same for what mail servers and webmails report by themselves.
    #[serde(deserialize_with = "duration")]
    pub server_max_age: Duration,
    /// Others' clocks may be ahead of ours by so much.
    #[serde(deserialize_with = "duration")]
    pub max_ahead: Duration,
    /// A webmail's signature is good for so long, before and after its time.
    #[serde(deserialize_with = "duration")]
    pub signature_max_age: Duration,
    /// Reports of servers that may wait to be read; beyond it they are dropped and counted.
    pub queue: usize,
    /// The same in bytes.
    pub queue_bytes: usize,
    /// What to append to a user's name that is no address; empty: nothing.
    pub domain: String,
    /// Where webmails log in to the mail server from: such a login is a click.
    pub webmail_addresses: Vec<Network>,
    /// What Stalwart signs its webhooks with; empty: it does not.
    pub stalwart_secret: Secret,
    /// What webmails sign with; empty: they give a key.
    pub webmail_secret: Secret,
    /// Whose activity is nobody's.
    pub ignore: Ignore,
}

/// `[signals.ignore]`: migrations, backups, monitors, and vigie's own watchers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ignore {
    /// By where they come from.
    pub addresses: Vec<Network>,
    /// By the user they log in as.
    pub users: Vec<String>,
    /// By a part of what their client calls itself (IMAP ID).
    pub client_ids: Vec<String>,
}
