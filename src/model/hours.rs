//! In which hours of the week somebody is seen in the mailbox: 88 bytes that forget.
//!
//! Each of the 168 hours of a week (UTC, Monday first) has a weight from 0 to 15 in half a byte. Being seen in an hour
//! adds 4 to it, once, and with each week all weights lose a quarter: somebody seen every week at that hour comes to 13, and
//! who was seen once is forgotten after four weeks, who was seen always after [`FORGOTTEN`](Hours::FORGOTTEN).
//!
//! For a mail that must go soon, the [`best`](Hours::best) hour is the one of this day of the week in which they were seen
//! most; what they do at that hour on other days counts too, but a quarter as much, as one week knows little.

use std::cmp::Reverse;
use std::time::Duration;

use jiff::Timestamp;

/// The hours of one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// The last hour they were seen in, since 1970.
    last: u32,
    /// Two hours in each byte, the earlier in the lower half.
    weights: [u8; Self::PAIRS],
}

impl Hours {
    /// Bytes of a record: the last hour, little-endian, and the weights.
    pub const BYTES: usize = 4 + Self::PAIRS;

    /// After so long without being seen all weights are zero.
    pub const FORGOTTEN: Duration = Duration::from_hours(9 * 168);

    /// What nobody has said yet.
    pub const EMPTY: Self = Self { last: 0, weights: [0; Self::PAIRS] };

    const PAIRS: usize = 84;
    const WEEK: u32 = 168;
    const ADDED: u8 = 4;
    const MOST: u8 = 15;
    /// 1970 began on a Thursday.
    const BEFORE_1970: u32 = 72;

    /// Reads a record; none if it is not one.
    pub fn read(record: &[u8]) -> Option<Self> {
        let (last, weights) = record.split_at_checked(4)?;
        Some(Self { last: u32::from_le_bytes(last.try_into().ok()?), weights: weights.try_into().ok()? })
    }

    /// The record.
    pub fn write(&self) -> [u8; Self::BYTES] {
        let mut record = [0; Self::BYTES];
        record[..4].copy_from_slice(&self.last.to_le_bytes());
        record[4..].copy_from_slice(&self.weights);
        record
    }

    /// The person was seen at this moment; says whether that was new. A clock that went back says nothing.
    pub fn seen(&mut self, at: Timestamp) -> bool {
        let hour = hour(at);
        if hour <= self.last {
            return false;
        }
        self.age(hour);
        let place = Self::place(hour);
        self.set(place, (self.get(place) + Self::ADDED).min(Self::MOST));
        true
    }

    /// The weights of the 168 hours as of this moment, from Monday 00:00 UTC on.
    pub fn weights(&self, at: Timestamp) -> Vec<u8> {
        let mut aged = *self;
        aged.age(hour(at).max(self.last));
        (0..2 * Self::PAIRS).map(|place| aged.get(place)).collect()
    }

    /// The best moment between `now` and `until` that `may` be taken, so far `into` its hour: that in which they are seen
    /// most, and of equals the earliest. Not in the hour at hand, in which they have just been here, if they have; none if
    /// nothing is known of the hours in between.
    pub fn best(
        &self,
        now: Timestamp,
        until: Timestamp,
        into: Duration,
        may: impl Fn(Timestamp) -> bool,
    ) -> Option<Timestamp> {
        let weights = self.weights(now);
        let score = |hour: u32| {
            let place = Self::place(hour);
            let days = (0..7).map(|day| u16::from(weights[(place + 24 * day) % (2 * Self::PAIRS)]));
            days.sum::<u16>() + 3 * u16::from(weights[place])
        };
        let next = hour(now) + 1..=hour(until);
        let begun = |hour: u32| Timestamp::from_second(i64::from(hour) * 3600).ok()?.checked_add(into).ok();
        let hours = next.take(2 * Self::PAIRS).filter(|hour| score(*hour) > 0);
        let moments = hours.filter_map(|hour| Some((score(hour), begun(hour)?)));
        let allowed = moments.filter(|(_, at)| *at < until && may(*at));
        allowed.min_by_key(|(score, _)| Reverse(*score)).map(|(_, at)| at)
    }

    /// Whether all weights are zero as of this moment.
    pub fn is_forgotten(&self, at: Timestamp) -> bool {
        let hours = u64::from(hour(at).saturating_sub(self.last));
        Duration::from_hours(hours) >= Self::FORGOTTEN
    }

    /// Lets the weeks up to this hour pass.
    fn age(&mut self, hour: u32) {
        let week = |hour: u32| (hour + Self::BEFORE_1970) / Self::WEEK;
        let passed = (week(hour) - week(self.last)).min(16);
        for _ in 0..passed {
            for place in 0..2 * Self::PAIRS {
                self.set(place, self.get(place) * 3 / 4);
            }
        }
        self.last = hour;
    }

    /// Where an hour stands in its week.
    fn place(hour: u32) -> usize {
        ((hour + Self::BEFORE_1970) % Self::WEEK) as usize
    }

    fn get(&self, hour: usize) -> u8 {
        let pair = self.weights[hour / 2];
        if hour.is_multiple_of(2) { pair & 15 } else { pair >> 4 }
    }

    fn set(&mut self, hour: usize, weight: u8) {
        let pair = &mut self.weights[hour / 2];
        *pair = if hour.is_multiple_of(2) { *pair & 0xf0 | weight } else { *pair & 15 | weight << 4 };
    }
}

/// Hours since 1970.
fn hour(at: Timestamp) -> u32 {
    u32::try_from(at.as_second().div_euclid(3600)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    #[test]
    fn an_hour_has_its_place_in_the_week() {
        let monday = at("2026-11-23T00:59:59Z");
        let mut hours = Hours::EMPTY;
        hours.seen(monday);
        hours.seen(at("2026-11-29T23:00:00Z"));
        let weights = hours.weights(monday);
        assert_eq!((weights[0], weights[167], weights.iter().sum::<u8>()), (4, 4, 8));
        assert_eq!(Hours::read(&hours.write()), Some(hours));
        assert_eq!(Hours::read(b"short"), None);
    }

    #[test]
    fn weeks_forget() {
        let first = at("2026-11-23T10:00:00Z");
        let weeks = |n: i64| first + jiff::SignedDuration::from_hours(168 * n);
        let mut once = Hours::EMPTY;
        once.seen(first);
        let weight = |hours: &Hours, n| hours.weights(weeks(n))[10];
        assert_eq!([0, 1, 2, 3, 4].map(|n| weight(&once, n)), [4, 3, 2, 1, 0]);
        let mut always = once;
        for n in 1..20 {
            always.seen(weeks(n));
        }
        assert_eq!(weight(&always, 19), 13);
        let forgotten = weeks(19) + jiff::SignedDuration::try_from(Hours::FORGOTTEN).expect("weeks");
        assert!(always.weights(forgotten).iter().all(|weight| *weight == 0));
    }

    #[test]
    fn the_best_hour_is_the_one_they_are_seen_in_most() {
        let mut hours = Hours::EMPTY;
        for seen in ["16T18", "17T07", "17T18", "18T18", "19T07", "20T12", "21T20"] {
            hours.seen(at(&format!("2026-11-{seen}:30:00Z")));
        }
        let (monday, quarter) = (at("2026-11-23T06:10:00Z"), Duration::from_mins(15));
        let until = |text| hours.best(monday, at(text), quarter, |_| true);
        assert_eq!(until("2026-11-23T18:15:00Z"), Some(at("2026-11-23T07:15:00Z")), "18:15 is too late");
        assert_eq!(until("2026-11-23T18:16:00Z"), Some(at("2026-11-23T18:15:00Z")));
        assert_eq!(until("2026-11-25T12:00:00Z"), Some(at("2026-11-23T18:15:00Z")), "of equals the earliest");
        assert_eq!(until("2026-11-23T07:10:00Z"), None, "nothing is known of that hour");
        let late = |at: Timestamp| at >= "2026-11-23T19:00:00Z".parse().expect("a moment");
        let best = hours.best(monday, at("2026-11-24T06:00:00Z"), quarter, late);
        assert_eq!(best, Some(at("2026-11-23T20:15:00Z")), "the best of those that may be");
        let later = at("2026-11-23T18:00:00Z");
        let best = hours.best(later, at("2026-11-23T20:00:00Z"), quarter, |_| true);
        assert_eq!(best, None, "the hour at hand does not count");
    }

    #[test]
    fn a_clock_that_goes_back_forgets_nothing() {
        let mut hours = Hours::EMPTY;
        assert!(hours.seen(at("2026-11-23T10:00:00Z")));
        assert!(!hours.seen(at("2026-11-23T10:59:59Z")), "an hour counts once");
        assert!(!hours.seen(at("2026-11-16T10:00:00Z")));
        assert_eq!(hours.weights(at("2026-11-16T10:00:00Z"))[10], 4);
    }
}
