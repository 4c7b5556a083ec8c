//! How many signals of one partner are taken: in this second, and on this day.
//!
//! Fixed windows rather than a leaky bucket: a contract says "so many a day", and the day it means is the calendar's.

use std::sync::{Mutex, PoisonError};

const SECOND: i64 = 1;
const DAY: i64 = 86_400;

/// Both quotas of one partner on this gateway.
#[derive(Debug)]
pub(super) struct Quota(Mutex<[Window; 2]>);

#[derive(Debug)]
struct Window {
    seconds: i64,
    most: u64,
    /// Which window the count is of.
    number: i64,
    taken: u64,
}

impl Quota {
    pub(super) fn new(per_second: u64, per_day: u64) -> Self {
        let window = |seconds, most| Window { seconds, most, number: 0, taken: 0 };
        Self(Mutex::new([window(SECOND, per_second), window(DAY, per_day)]))
    }

    /// Whether one more fits at `now` (seconds since 1970); it then counts.
    pub(super) fn take(&self, now: i64) -> bool {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = windows.iter_mut().all(|window| window.has_room(now));
        if fits {
            windows.iter_mut().for_each(|window| window.taken += 1);
        }
        fits
    }
}

impl Window {
    fn has_room(&mut self, now: i64) -> bool {
        let number = now.div_euclid(self.seconds);
        if number != self.number {
            (self.number, self.taken) = (number, 0);
        }
        self.taken < self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_and_a_day_have_their_shares() {
        let quota = Quota::new(2, 3);
        let noon = 20_000 * DAY + 43_200;
        assert_eq!([0, 0, 0].map(|later| quota.take(noon + later)), [true, true, false]);
        assert_eq!([1, 1].map(|later| quota.take(noon + later)), [true, false], "three a day");
        assert!(!quota.take(noon + 43_199), "the last second of the day");
        assert!(quota.take(noon + 43_200), "a new day");
    }

    #[test]
    fn what_is_refused_does_not_count() {
        let quota = Quota::new(1, 2);
        assert_eq!([0, 0, 0, 1].map(|now| quota.take(now)), [true, false, false, true]);
    }
}
