//! `[presence]`, `[store]`: who is online, and where everything lives.

use std::time::Duration;

use serde::Deserialize;

use super::span::duration;

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
    /// An open of a mail younger than this is no presence.
    #[serde(deserialize_with = "duration")]
    pub scan_grace: Duration,
    /// People remembered as online, at most (embedded store: about 60 bytes each).
    pub max_online: usize,
}

/// `[store]`: where sends and presence live.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// `embedded:DIR`, a path relative to `data.dir`.
    pub url: String,
    /// Sends that may wait; beyond it new ones are refused with 503.
    pub max_waiting: u64,
    /// How long finished sends stay visible and their ids taken.
    #[serde(deserialize_with = "duration")]
    pub keep_finished: Duration,
    /// Memory the embedded store may use for caches and write buffers, in MiB.
    pub cache_mib: u64,
}
