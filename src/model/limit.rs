//! How fast a flow may go: so many mails a second, so many within 24 hours, and a ramp after a pause.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::FlowScope;

/// Mails a second, kept in thousandths: at least one in 1000 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u32);

impl Rate {
    /// The slowest: one mail in 1000 seconds.
    pub const SLOWEST: Self = Self(1);
    /// The fastest that is told apart from no limit: ten thousand a second.
    pub const FASTEST: Self = Self(10_000_000);

    /// So many a second; none if that is not between [`SLOWEST`](Self::SLOWEST) and [`FASTEST`](Self::FASTEST).
    pub fn per_second(rate: f64) -> Option<Self> {
        let thousandths = (rate * 1000.0).round();
        let fits = (f64::from(Self::SLOWEST.0)..=f64::from(Self::FASTEST.0)).contains(&thousandths);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to fit")]
        fits.then_some(Self(thousandths as u32))
    }

    /// As many in 1000 seconds.
    pub const fn thousandths(self) -> u32 {
        self.0
    }

    /// As many a second.
    pub fn as_per_second(self) -> f64 {
        f64::from(self.0) / 1000.0
    }

    /// How many may go at once, and how far apart they are in the long run, in microseconds.
    ///
    /// Of rates up to 20 one goes at a time. Of faster ones a twentieth may go at once, and the rest is spread a little
    /// thinner, so that no second sees more than the rate, wherever it begins: `burst + (rate - burst + 1) - 1`.
    pub fn burst_and_interval(self) -> (i64, i64) {
        let burst = i64::from(self.0).div_euclid(20_000).max(1);
        let sustained = i64::from(self.0) - (burst - 1) * 1000;
        // Rounded up: a microsecond early would be one too many within a second.
        (burst, 1_000_000_000_i64.div_euclid(sustained) + i64::from(1_000_000_000 % sustained != 0))
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_per_second())
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rate = f64::deserialize(deserializer)?;
        let expected = "a number of mails a second from 0.001 to 10000";
        Self::per_second(rate)
            .ok_or_else(|| serde::de::Error::invalid_value(serde::de::Unexpected::Float(rate), &expected))
    }
}

/// A flow that begins again begins slowly: at `start`, twice as fast with every `doubling`, until it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ramp {
    /// When it begins.
    pub from: Timestamp,
    /// When it is over, and only the flow's own limits hold.
    pub until: Timestamp,
    /// The rate at the beginning.
    pub start: Rate,
    /// Milliseconds in which the rate doubles.
    pub doubling: u32,
}

impl Ramp {
    /// The rate at `now`; none where there is no ramp.
    pub fn rate(&self, now: Timestamp) -> Option<Rate> {
        if now < self.from || self.until <= now {
            return None;
        }
        let passed = now.as_millisecond() - self.from.as_millisecond();
        // Whole doublings: the same in every store, to the last digit.
        let doublings = u32::try_from(passed / i64::from(self.doubling.max(1))).unwrap_or(u32::MAX);
        let thousandths = u64::from(self.start.0).checked_shl(doublings.min(40)).unwrap_or(u64::MAX);
        Some(Rate(u32::try_from(thousandths).unwrap_or(u32::MAX).min(Rate::FASTEST.0)))
    }
}

/// What holds a flow back that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// At most so many within any second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// At most so many within any 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day: Option<u32>,
}

impl Limits {
    /// Whether nothing is held back.
    pub fn is_empty(&self) -> bool {
        self.rate.is_none() && self.per_day.is_none()
    }
}

/// A flow that a send belongs to, with the limits that hold where no operator has set others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toll {
    /// The flow.
    pub scope: FlowScope,
    /// Its limits by configuration.
    pub limits: Limits,
}

/// Whether a send may be handed over now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pass {
    /// A token of every limit was taken.
    Go,
    /// This flow is paused; nothing was taken. Worth asking again then, where claims are not held back for it.
    Paused(FlowScope, Timestamp),
    /// This flow is at its limit; nothing was taken. Worth asking again then, which is before there is a token if that takes
    /// long: meanwhile the limit may be raised.
    Wait(FlowScope, Timestamp),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_second: f64) -> Rate {
        Rate::per_second(per_second).expect("a rate")
    }

    #[test]
    fn no_second_sees_more_than_the_rate() {
        for (per_second, whole) in
            [(0.001, 1), (0.5, 1), (1.0, 1), (19.9, 20), (45.0, 45), (100.0, 100), (10_000.0, 10_000)]
        {
            let (burst, interval) = rate(per_second).burst_and_interval();
            let most = burst + (1_000_000 - 1) / interval;
            assert!(most <= whole, "{per_second}: {most}");
            assert!(most * 100 >= whole * 94, "{per_second} is not wasted: {most}");
        }
    }

    #[test]
    fn a_ramp_doubles_until_it_is_over() {
        let at = |seconds: i64| Timestamp::from_second(1_764_590_400 + seconds).expect("a moment");
        let ramp = Ramp { from: at(0), until: at(60), start: rate(5.0), doubling: 10_000 };
        assert_eq!([-1, 60].map(|s| ramp.rate(at(s))), [None, None]);
        assert_eq!([0, 9, 10, 59].map(|s| ramp.rate(at(s))), [5.0, 5.0, 10.0, 160.0].map(|r| Some(rate(r))));
    }

    #[test]
    fn rates_are_numbers_within_bounds() {
        for bad in [0.0, 0.0004, -1.0, 200_000.0, f64::NAN] {
            assert_eq!(Rate::per_second(bad), None, "{bad}");
        }
        assert_eq!(serde_json::to_string(&rate(2.5)).expect("a number"), "2.5");
        assert_eq!(serde_json::from_str::<Rate>("3").expect("a rate"), rate(3.0));
    }
}
