//! Live sends by the UTC day on which they were accepted, and by that of their deadline.
//!
//! Each brand's live sends are counted by whole days, so that reading how old they are and when their deadlines come looks
//! at no send. What a day is called (`today`, `this week`) is found when it is read, so the counts need no midnight.

use std::collections::BTreeMap;

use super::time::{Millis, NEVER};

/// A UTC day: days since 1970.
pub(in crate::store) type Day = u16;

/// A deadline more than [`HORIZON`] days after the acceptance.
pub(in crate::store) const FAR: Day = Day::MAX - 1;

/// No deadline.
pub(in crate::store) const NONE: Day = Day::MAX;

/// Milliseconds of a day.
const DAY: Millis = 24 * 60 * 60 * 1000;

/// Who was accepted so many days ago or more is older than all ages that are told apart, so it is kept as that old.
const AGED: Day = 30;

/// Deadlines are told apart by their days up to so many after the acceptance: two years.
const HORIZON: Day = 730;

/// The UTC day of a moment, between 1970 and the year 2149.
pub(in crate::store) fn day(at: Millis) -> Day {
    Day::try_from(at.div_euclid(DAY).max(0)).unwrap_or(FAR).min(FAR - 1)
}

/// The day under which the acceptance is counted of a send that is taken in now.
pub(in crate::store) fn accepted_on(accepted: Millis, now: Millis) -> Day {
    day(accepted).clamp(day(now).saturating_sub(AGED), day(now))
}

/// The day under which the deadline is counted of a send that was accepted on this day.
pub(in crate::store) fn deadline_on(deadline: Millis, accepted_on: Day) -> Day {
    match deadline {
        NEVER => NONE,
        _ if day(deadline) > accepted_on.saturating_add(HORIZON) => FAR,
        _ => day(deadline).max(accepted_on.saturating_sub(1)),
    }
}

/// How many of a brand's live sends were accepted on which day, and have their deadline on which.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::store) struct Days {
    accepted: BTreeMap<Day, u64>,
    deadlines: BTreeMap<Day, u64>,
}

impl Days {
    /// One more is alive.
    pub(in crate::store) fn count(&mut self, accepted: Day, deadline: Day) {
        self.add_accepted(accepted, 1);
        self.add_deadline(deadline, 1);
    }

    /// So many more were accepted on this day.
    pub(in crate::store) fn add_accepted(&mut self, day: Day, count: u64) {
        *self.accepted.entry(day).or_default() += count;
    }

    /// So many more have their deadline on this day.
    pub(in crate::store) fn add_deadline(&mut self, day: Day, count: u64) {
        *self.deadlines.entry(day).or_default() += count;
    }

    /// One that was counted has ended.
    pub(in crate::store) fn uncount(&mut self, accepted: Day, deadline: Day) {
        for (days, day) in [(&mut self.accepted, accepted), (&mut self.deadlines, deadline)] {
            if let Some(count) = days.get_mut(&day) {
                *count -= 1;
                if *count == 0 {
                    days.remove(&day);
                }
            }
        }
    }

    /// Whether none is counted.
    pub(in crate::store) fn is_empty(&self) -> bool {
        self.accepted.is_empty() && self.deadlines.is_empty()
    }

    /// As operators see it on this day.
    pub(in crate::store) fn on(&self, today: Day) -> Open {
        let mut open = Open::default();
        for (day, count) in &self.accepted {
            open.by_age[age(today.saturating_sub(*day))] += count;
        }
        for (day, count) in &self.deadlines {
            open.by_deadline[ahead(*day, today)] += count;
        }
        open
    }
}

/// The place among [`Open::AGES`].
fn age(days: Day) -> usize {
    match days {
        0 => 0,
        1..7 => 1,
        7..AGED => 2,
        _ => 3,
    }
}

/// The place among [`Open::DEADLINES`].
fn ahead(deadline: Day, today: Day) -> usize {
    match deadline {
        NONE => 5,
        FAR => 4,
        _ if deadline < today => 0,
        _ => match deadline - today {
            0 => 1,
            1..7 => 2,
            7..AGED => 3,
            _ => 4,
        },
    }
}

/// A brand's live sends by their age and by their deadline, in whole UTC days by the store's clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Open {
    /// By when they were accepted, in the order of [`AGES`](Self::AGES).
    pub by_age: [u64; 4],
    /// By when their deadlines come, in the order of [`DEADLINES`](Self::DEADLINES).
    pub by_deadline: [u64; 6],
}

impl Open {
    /// Accepted today; on one of the six days before; on one of the 23 before these; before.
    pub const AGES: [&str; 4] = ["day", "week", "month", "older"];

    /// Its day is over; today; on one of the six days after; on one of the 23 after these; later, or on a day more than two
    /// years after the acceptance; there is none.
    pub const DEADLINES: [&str; 6] = ["overdue", "day", "week", "month", "later", "none"];
}

#[cfg(test)]
mod tests {
    use super::super::time::EVER;
    use super::*;

    const TODAY: Day = 20_000;

    /// By the stores' way: accepted and due so many days from today.
    fn open(sends: &[(i64, Option<i64>)]) -> Open {
        let now = Millis::from(TODAY) * DAY + DAY / 2;
        let mut days = Days::default();
        for (accepted, deadline) in sends {
            let accepted = accepted_on(now + accepted * DAY, now);
            let deadline = deadline.map_or(NEVER, |days| now + days * DAY);
            days.count(accepted, deadline_on(deadline, accepted));
        }
        days.on(TODAY)
    }

    #[test]
    fn ages_are_told_apart_by_days() {
        let ages = [0, -1, -6, -7, -29, -30, -5000, 3].map(|days| (days, None));
        assert_eq!(open(&ages).by_age, [2, 2, 2, 2]);
    }

    #[test]
    fn deadlines_are_told_apart_by_days() {
        let deadlines = [-1, 0, 1, 6, 7, 29, 30, 730, 731, 90_000_000].map(|days| (0, Some(days)));
        assert_eq!(open(&deadlines).by_deadline, [1, 1, 2, 2, 4, 0]);
        assert_eq!(open(&[(0, None)]).by_deadline, [0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn deadlines_that_nobody_tells_apart_are_one_day() {
        assert_eq!(deadline_on(EVER, TODAY), TODAY - 1);
        assert_eq!(deadline_on(NEVER - 1, TODAY), FAR);
        assert_eq!(day(NEVER), FAR - 1);
    }

    #[test]
    fn what_has_ended_leaves_nothing() {
        let mut days = Days::default();
        days.count(TODAY, NONE);
        days.count(TODAY, FAR);
        days.uncount(TODAY, FAR);
        assert_eq!(days.on(TODAY).by_deadline, [0, 0, 0, 0, 0, 1]);
        days.uncount(TODAY, NONE);
        assert!(days.is_empty());
        days.uncount(TODAY, NONE);
        assert!(days.is_empty(), "what was never counted is not below zero");
    }
}
