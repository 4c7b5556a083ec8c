//! `[flows]`: how flows begin again.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use super::span::duration;
use crate::clock::after;
use crate::model::{Ramp, Rate};

/// `[flows]`: the ramp on which a flow begins again after a pause.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flows {
    /// Mails a second at the beginning.
    pub resume_rate: Rate,
    /// How long it takes until there are twice as many.
    #[serde(deserialize_with = "duration")]
    pub resume_doubling: Duration,
    /// When only the flow's own limits hold again.
    #[serde(deserialize_with = "duration")]
    pub resume_within: Duration,
}

impl Flows {
    /// The ramp that begins at `from`; none where flows begin again at once.
    pub fn ramp(&self, from: Timestamp) -> Option<Ramp> {
        let doubling = u32::try_from(self.resume_doubling.as_millis()).unwrap_or(u32::MAX).max(1);
        let until = after(from, self.resume_within);
        (from < until).then_some(Ramp { from, until, start: self.resume_rate, doubling })
    }
}
