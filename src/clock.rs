//! Wall time that tests can move. The only place that reads the wall clock.
//!
//! Latencies are measured on [`std::time::Instant`]; what is stored, compared with deadlines or written into mails
//! is a [`Timestamp`] from here.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

/// The time of day. Cheap to clone; all clones of a manual clock move together.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// The manual time in milliseconds since 1970, or none for the system's own.
    manual: Option<Arc<watch::Sender<i64>>>,
}

/// Sleeps are taken in pieces no longer than this, so that a wall clock set forward is noticed.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands still at `start` until it is [advanced](Self::advance).
    pub fn manual(start: Timestamp) -> Self {
        Self { manual: Some(Arc::new(watch::channel(start.as_millisecond()).0)) }
    }

    /// Now, in whole milliseconds: what every store keeps.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    pub fn now(&self) -> Timestamp {
        let millis = match &self.manual {
            Some(manual) => *manual.borrow(),
            None => Timestamp::now().as_millisecond(),
        };
        Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
    }

    /// Moves a manual clock forward and wakes whoever sleeps towards the new time.
    ///
    /// # Panics
    /// On the system's clock: only tests move time, and they own the clock they move.
    pub fn advance(&self, by: Duration) {
        let manual = self.manual.as_ref().expect("only a manual clock can be advanced");
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        manual.send_modify(|now| *now = now.saturating_add(millis));
    }

    /// Sets a manual clock back, as somebody may do with any clock.
    ///
    /// # Panics
    /// On the system's clock.
    pub fn set_back(&self, by: Duration) {
        let manual = self.manual.as_ref().expect("only a manual clock can be set back");
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        manual.send_modify(|now| *now = now.saturating_sub(millis));
    }

    /// Waits until the clock shows `then` or later.
    pub async fn sleep_until(&self, then: Timestamp) {
        match &self.manual {
            Some(manual) => {
                let mut time = manual.subscribe();
                // The sender lives in `self`, so the wait only ends by the time being reached.
                let _ = time.wait_for(|now| *now >= then.as_millisecond()).await;
            }
            None => loop {
                let left = then.as_millisecond().saturating_sub(self.now().as_millisecond());
                let Ok(left @ 1..) = u64::try_from(left) else { return };
                tokio::time::sleep(Duration::from_millis(left).min(LONGEST_SLEEP)).await;
            },
        }
    }
}

/// `at` later by `by`; the end of time if that is beyond it.
pub fn after(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_wakes_its_sleepers() {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let then = after(clock.now(), Duration::from_secs(5));
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(then).await }
        });
        clock.advance(Duration::from_secs(4));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(1));
        sleeper.await.expect("the sleeper wakes");
    }
}
