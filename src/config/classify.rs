//! `[classify]`: what decides whether somebody is there. The rules are in [`crate::classify`].

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::span::duration;

/// `[classify]`: thresholds, windows and files of the classifier.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classify {
    /// Files of agent rules, asked before the built-in ones.
    pub agents: Vec<PathBuf>,
    /// Files of networks, asked before the built-in ones.
    pub networks: Vec<PathBuf>,
    /// From this confidence on, a signal fires.
    pub fire_threshold: f32,
    /// From this confidence on, it is presence.
    pub online_threshold: f32,
    /// An image fetched sooner after the relay's 250 may be a machine's.
    #[serde(deserialize_with = "duration")]
    pub window_open: Duration,
    /// So may a link followed sooner.
    #[serde(deserialize_with = "duration")]
    pub window_click: Duration,
    /// So may an image fetched by a provider's proxy sooner.
    #[serde(deserialize_with = "duration")]
    pub window_proxy: Duration,
    /// So is, from networks of mail gateways, anything sooner.
    #[serde(deserialize_with = "duration")]
    pub window_probable: Duration,
    /// What Gmail's fetching ahead into an open session is worth.
    pub gmail_prefetch: Ahead,
    /// What Apple's fetching ahead is worth.
    pub apple_privacy: Ahead,
    /// Whether an image proxy's name counts where its address cannot be known.
    pub require_proxy_network: bool,
    /// What a request from a datacentre's network is.
    pub hosting: Hosting,
    /// How long a hint counts; two of different kinds make presence together. Zero: they do not.
    #[serde(deserialize_with = "duration")]
    pub hint_ttl: Duration,
    /// For so long after a mail what mail servers hint at is its echo.
    #[serde(deserialize_with = "duration")]
    pub echo: Duration,
    /// So many different links of one mail within `burst_within` are a scanner.
    pub burst_links: usize,
    /// See `burst_links`.
    #[serde(deserialize_with = "duration")]
    pub burst_within: Duration,
    /// So many people from one address within `fanout_within` are a scanner.
    pub fanout_people: usize,
    /// See `fanout_people`.
    #[serde(deserialize_with = "duration")]
    pub fanout_within: Duration,
    /// For so long after an address followed a decoy all it does is a scanner's.
    #[serde(deserialize_with = "duration")]
    pub quarantine: Duration,
    /// Domains of which this share of mails is opened within `window_open` are under a scanner.
    pub domain_scan_ratio: f32,
    /// What a mail loses that is older than `forward_age` and shown in a network new to its recipient.
    pub forward_penalty: f32,
    /// See `forward_penalty`.
    #[serde(deserialize_with = "duration")]
    pub forward_age: Duration,
    /// People, addresses and mails whose last signals are remembered, at most, each.
    pub remember: u64,
}

/// What fetching ahead of a reader is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ahead {
    /// Nothing.
    Off,
    /// A hint.
    Weak,
    /// Presence.
    Fire,
}

/// What a request from a datacentre's network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hosting {
    /// A scanner.
    Scanner,
    /// Nobody knows.
    Unknown,
    /// As any other.
    Ignore,
}
