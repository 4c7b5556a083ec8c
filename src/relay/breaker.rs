//! Not asking a relay again that just could not be reached.
//!
//! A relay that drops packets makes every connection wait for its whole timeout, and with it the claim that wants it;
//! soon every place among the attempts is taken by waiting. So after a failure one connection at a time finds out
//! whether the relay is back, and everybody else is told at once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::decision::Decision;
use super::reply::Trouble;

/// After a failure nobody tries for this long.
const PAUSE: Duration = Duration::from_secs(1);

/// What is known of the relay's being there.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When a connection failed last, if none has succeeded since.
    failed: Option<Instant>,
    /// Somebody is finding out whether the relay is back.
    trying: bool,
}

/// Leave to connect; says how that went, or that nobody knows.
#[derive(Debug)]
pub(super) struct Leave<'breaker> {
    breaker: &'breaker Breaker,
    /// Whether this is the one that finds out.
    trial: bool,
}

impl Breaker {
    /// Leave to connect now, or the trouble that everybody has with this relay.
    pub(super) fn leave(&self) -> Result<Leave<'_>, Trouble> {
        let mut state = self.state();
        let Some(failed) = state.failed else { return Ok(Leave { breaker: self, trial: false }) };
        if state.trying || failed.elapsed() < PAUSE {
            return Err(Trouble::Own(
                Decision::Unreachable,
                "the relay could not be reached a moment ago".into(),
            ));
        }
        state.trying = true;
        Ok(Leave { breaker: self, trial: true })
    }

    /// Whether the last connection that was tried failed.
    pub(super) fn open(&self) -> bool {
        self.state().failed.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leave<'_> {
    /// Whether the connection came about.
    pub(super) fn used(self, connected: bool) {
        self.breaker.state().failed = (!connected).then(Instant::now);
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if self.trial {
            self.breaker.state().trying = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failure_nobody_tries_for_a_while() {
        let breaker = Breaker::default();
        breaker.leave().expect("nothing is known yet").used(false);
        assert!(breaker.leave().is_err() && breaker.open());
        breaker.state().failed = Instant::now().checked_sub(PAUSE);
        let trial = breaker.leave().expect("one finds out");
        assert!(breaker.leave().is_err(), "and one only");
        trial.used(true);
        assert!(breaker.leave().is_ok() && breaker.leave().is_ok() && !breaker.open());
    }

    #[test]
    fn a_trial_that_is_dropped_lets_another_find_out() {
        let breaker = Breaker::default();
        breaker.state().failed = Instant::now().checked_sub(PAUSE);
        drop(breaker.leave().expect("one finds out"));
        assert!(breaker.leave().is_ok());
    }
}
