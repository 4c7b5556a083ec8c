//! `[brakes]`: when vigie slows mail down by itself.

use std::time::Duration;

use serde::Deserialize;

use super::span::duration;
use crate::model::Rate;

/// `[brakes]`: of recipients' domains that want less, and of brands whose mail is not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brakes {
    /// So many replies "too many of you" of one domain ...
    pub throttled: u32,
    /// ... within this slow it down. Zero replies: never.
    #[serde(deserialize_with = "duration")]
    pub throttled_within: Duration,
    /// How long a domain is paused that took nothing meanwhile.
    #[serde(deserialize_with = "duration")]
    pub pause: Duration,
    /// A domain that was slowed may have twice as many with every such span ...
    #[serde(deserialize_with = "duration")]
    pub doubling: Duration,
    /// ... and after this as many as before.
    #[serde(deserialize_with = "duration")]
    pub release: Duration,
    /// No brake makes a flow slower than this.
    pub slowest: Rate,
    /// Shares are judged from so many mails within 24 hours on.
    pub min_mails: u32,
    /// The share of complaints from which on a brand is slowed; 0: never.
    pub complaints_slow: f64,
    /// The share from which on it is paused.
    pub complaints_pause: f64,
    /// Fewer complaints do nothing.
    pub min_complaints: u32,
    /// The share of mails refused for good from which on a brand is slowed; 0: never.
    pub bounces_slow: f64,
    /// The share from which on it is paused.
    pub bounces_pause: f64,
    /// Fewer bounces do nothing.
    pub min_bounces: u32,
    /// How long a brand is slowed before its share is looked at again.
    #[serde(deserialize_with = "duration")]
    pub hold: Duration,
    /// For so long after an operator had a flow run without limits no brake touches it.
    #[serde(deserialize_with = "duration")]
    pub after_operator: Duration,
}
