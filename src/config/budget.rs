//! `[budget]` and `brands.NAME.budget`: how many mails one person gets.

use std::time::Duration;

use serde::Deserialize;

use super::span::duration;
use crate::model;

/// `[budget]`: what all brands together may send to one person.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// All of these hold.
    pub together: Vec<AtMost>,
}

/// At most so many mails to one person within a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtMost {
    /// How many: 1 to 256.
    pub at_most: u32,
    /// Within how long, wherever that begins.
    #[serde(deserialize_with = "duration")]
    pub within: Duration,
}

impl From<AtMost> for model::Budget {
    fn from(AtMost { at_most, within }: AtMost) -> Self {
        Self { at_most, within }
    }
}
