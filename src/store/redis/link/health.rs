//! When a server was last away: leases that ran out meanwhile are nobody's fault.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;

/// What the links to one server know together.
pub(in crate::store::redis) struct Health {
    clock: Clock,
    /// When the last outage ended, or the server started.
    back: Mutex<Option<Timestamp>>,
    replaced: AtomicU64,
}

impl Health {
    /// Nothing is known of the server yet.
    pub(in crate::store::redis) fn new(clock: Clock) -> Self {
        Self { clock, back: Mutex::default(), replaced: AtomicU64::default() }
    }

    /// The server was up for this long when a connection was made. Unknown means that it may just have started. Redis
    /// counts the seconds of the clock that began, so one of them may be hardly any.
    pub(super) fn up_for(&self, uptime: Option<Duration>) {
        let uptime = uptime.unwrap_or_default().saturating_sub(Duration::from_secs(1));
        let started = self.clock.now().checked_sub(uptime).ok();
        if let Some(started) = started {
            self.back_since(started);
        }
    }

    /// An outage ended now.
    pub(in crate::store::redis) fn is_back(&self) {
        self.back_since(self.clock.now());
    }

    /// What was the case for another server's keys is the case for this one's.
    pub(in crate::store::redis) fn inherit(&self, before: &Self) {
        let back = *before.back.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(back) = back {
            self.back_since(back);
        }
    }

    /// How long ago the server came back, or started; none if it never was away as far as we know.
    pub(in crate::store::redis) fn back_for(&self) -> Option<Duration> {
        self.back
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .map(|back| self.clock.now().duration_since(back).unsigned_abs())
    }

    /// Connections replaced since the start.
    pub(in crate::store::redis) fn replaced(&self) -> u64 {
        self.replaced.load(Ordering::Relaxed)
    }

    /// Counts a connection that was replaced.
    pub(super) fn count_replaced(&self) {
        self.replaced.fetch_add(1, Ordering::Relaxed);
    }

    fn back_since(&self, moment: Timestamp) {
        let mut back = self.back.lock().unwrap_or_else(PoisonError::into_inner);
        *back = (*back).max(Some(moment));
    }
}

/// Whether one link's calls fail.
pub(super) struct Trouble {
    on: AtomicBool,
    pub(super) health: Arc<Health>,
}

impl Trouble {
    pub(super) fn new(health: &Arc<Health>) -> Arc<Self> {
        Arc::new(Self { on: AtomicBool::new(false), health: Arc::clone(health) })
    }

    /// A call timed out, or there is no connection.
    pub(super) fn begins(&self) {
        self.on.store(true, Ordering::Release);
    }

    /// The server answered.
    pub(super) fn ends(&self) {
        if self.on.load(Ordering::Acquire) {
            // First the moment, then the flag: whoever looks in between finds the server still away.
            self.health.is_back();
            self.on.store(false, Ordering::Release);
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.on.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_long_up_was_not_away() {
        let health = Health::new(Clock::system());
        assert_eq!(health.back_for(), None);
        health.up_for(Some(Duration::from_secs(20)));
        assert!(health.back_for().is_some_and(|back| back >= Duration::from_secs(19)));
    }

    #[test]
    fn an_unknown_uptime_counts_as_a_start() {
        let health = Health::new(Clock::system());
        health.up_for(None);
        assert!(health.back_for().is_some_and(|back| back < Duration::from_secs(5)));
    }

    #[test]
    fn the_last_outage_counts() {
        let health = Arc::new(Health::new(Clock::system()));
        let trouble = Trouble::new(&health);
        trouble.ends();
        assert_eq!(health.back_for(), None, "nothing had begun");
        trouble.begins();
        trouble.ends();
        health.up_for(Some(Duration::from_mins(1)));
        assert!(health.back_for().is_some_and(|back| back < Duration::from_secs(5)));
    }
}
