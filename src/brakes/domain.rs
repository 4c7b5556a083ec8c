//! One recipient's domain: how often it said that we are too many, and how much it took meanwhile.

use jiff::Timestamp;

use super::recent::Recent;
use crate::config;

/// What a domain said within `throttled_within`.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    refused: Recent,
    took: Recent,
}

impl Throttle {
    /// It took a mail.
    pub(super) fn took(&mut self, now: Timestamp, settings: &config::Brakes) {
        self.took.count(now, settings.throttled_within);
    }

    /// It said that we are too many. If it has said so often enough: how often, and how many mails a second it took
    /// meanwhile; then counting begins anew.
    pub(super) fn refused(&mut self, now: Timestamp, settings: &config::Brakes) -> Option<(u32, f64)> {
        let within = settings.throttled_within;
        self.refused.count(now, within);
        let replies = self.refused.many(now, within);
        if settings.throttled == 0 || replies < settings.throttled {
            return None;
        }
        self.refused.clear();
        Some((replies, self.took.per_second(now, within)))
    }
}
