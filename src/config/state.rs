//! `[presence]`, `[store]`: who is online, and where everything lives.

use std::time::Duration;

use serde::Deserialize;

use super::span::duration;
use super::store_url::StoreUrl;
use crate::redact::Secret;

/// `[presence]`: who counts as online, and how often one person is written to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    /// How long a signal means "online now".
    #[serde(deserialize_with = "duration")]
    pub window: Duration,
    /// A recipient touched less than this ago costs no store call. Never more than a quarter of `window`:
    /// a larger value is brought down to it, so that shortening the window alone is enough.
    #[serde(deserialize_with = "duration")]
    pub refresh: Duration,
    /// Recently touched recipients that are remembered, at most.
    pub recent_capacity: u64,
    /// Between two sends to one person lies at least this.
    #[serde(deserialize_with = "duration")]
    pub min_gap: Duration,
    /// An image or a proxy's fetch of a mail younger than this is no presence.
    #[serde(deserialize_with = "duration")]
    pub scan_grace: Duration,
    /// A mail seen so soon after the relay's 250 landed while its recipient was online.
    #[serde(deserialize_with = "duration")]
    pub landed_within: Duration,
    /// Whether to remember in which hours of the week people are seen who agreed to it.
    pub history: bool,
    /// People the embedded store remembers as online, at most (about 60 bytes each).
    pub max_online: usize,
}

/// `[store]`: where sends and presence live.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// Where: `embedded:DIR` (a path relative to `data.dir`), or a Redis.
    pub url: StoreUrl,
    /// Sends that may wait; beyond it new ones are refused with 503.
    pub max_waiting: u64,
    /// How long finished sends stay visible and their ids taken.
    #[serde(deserialize_with = "duration")]
    pub keep_finished: Duration,
    /// How long closed cases are remembered.
    #[serde(deserialize_with = "duration")]
    pub keep_cases: Duration,
    /// Memory the embedded store may use for caches and write buffers, in MiB.
    pub cache_mib: u64,
    /// The ACL user of Redis; empty means the URL's, or `default`.
    #[serde(default)]
    pub user: String,
    /// Their password; set it as `VIGIE__STORE__PASSWORD`.
    #[serde(default = "no_password")]
    pub password: Secret,
    /// Replicas of Redis that must have a send before its producer hears of it.
    pub enqueue_wait: u16,
    /// How long to wait for them, at most.
    #[serde(deserialize_with = "duration")]
    pub enqueue_wait_timeout: Duration,
    /// Start on a Redis that may lose sends. Only from the command line: in a file nobody would remember it.
    #[serde(skip)]
    pub accept_losing_sends: bool,
    /// This process only passes by (a demonstration): it has secrets of its own, and leaves to others what time brings
    /// for their sends. Never from a file.
    #[serde(skip)]
    pub guest: bool,
}

impl Store {
    /// The address with the user and the password that stand beside it.
    pub fn address(&self) -> StoreUrl {
        let mut address = self.url.clone();
        if let StoreUrl::Redis(redis) = &mut address {
            if !self.user.is_empty() {
                redis.user = Some(self.user.clone());
            }
            if !self.password.expose().is_empty() {
                redis.password = Some(self.password.clone());
            }
        }
        address
    }
}

fn no_password() -> Secret {
    Secret::new("")
}
