//! How many there were a moment ago.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

/// So many parts of a window are counted apart.
const PARTS: i64 = 12;

/// A count over a window that moves, in twelve parts: exact to a twelfth of the window.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// Number of the part, and what was counted in it; the oldest first.
    parts: VecDeque<(i64, u32)>,
}

impl Recent {
    /// Counts one.
    pub(super) fn count(&mut self, now: Timestamp, window: Duration) {
        let part = self.forget(now, window);
        match self.parts.back_mut() {
            // A clock that was set back counts to the last part.
            Some((last, many)) if *last >= part => *many = many.saturating_add(1),
            _ => self.parts.push_back((part, 1)),
        }
    }

    /// How many there were within the window.
    pub(super) fn many(&mut self, now: Timestamp, window: Duration) -> u32 {
        self.forget(now, window);
        self.parts.iter().fold(0, |sum, (_, many)| sum.saturating_add(*many))
    }

    /// As many a second, over the time since the first of them: a burst after silence is not taken for a slow flow.
    pub(super) fn per_second(&mut self, now: Timestamp, window: Duration) -> f64 {
        let many = self.many(now, window);
        let Some((first, _)) = self.parts.front() else { return 0.0 };
        let millis = now.as_millisecond() - first * width(window);
        f64::from(many) * 1000.0 / f64::from(i32::try_from(millis).unwrap_or(i32::MAX).max(1000))
    }

    /// Begins anew.
    pub(super) fn clear(&mut self) {
        self.parts.clear();
    }

    /// Lets go of what is older than the window; the number of the part that is now.
    fn forget(&mut self, now: Timestamp, window: Duration) -> i64 {
        let part = now.as_millisecond().div_euclid(width(window));
        while self.parts.front().is_some_and(|(first, _)| *first <= part - PARTS) {
            self.parts.pop_front();
        }
        part
    }
}

/// The width of a part in milliseconds.
fn width(window: Duration) -> i64 {
    (i64::try_from(window.as_millis()).unwrap_or(i64::MAX) / PARTS).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::after;

    #[test]
    fn what_is_older_than_the_window_does_not_count() {
        let (start, minute) = (Timestamp::UNIX_EPOCH, Duration::from_mins(1));
        let mut recent = Recent::default();
        for second in 0..180 {
            recent.count(after(start, Duration::from_secs(second)), minute);
        }
        let now = after(start, Duration::from_secs(179));
        assert_eq!(recent.many(now, minute), 60);
        let rate = recent.per_second(now, minute);
        assert!((0.9..=1.1).contains(&rate), "{rate}");
        assert_eq!(recent.many(after(now, minute), minute), 0);
        assert!(recent.parts.len() <= 12);
    }

    #[test]
    fn a_burst_after_silence_is_a_burst() {
        let (minute, now) = (Duration::from_mins(1), Timestamp::UNIX_EPOCH);
        let mut recent = Recent::default();
        (0..30).for_each(|_| recent.count(now, minute));
        let rate = recent.per_second(after(now, Duration::from_secs(3)), minute);
        assert!((9.9..=10.1).contains(&rate), "{rate}");
        recent.clear();
        assert!(recent.per_second(now, minute) < 0.001);
    }
}
