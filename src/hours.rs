//! When a brand may write: its hours and holidays, by the recipient's own clock.
//!
//! A [`Timetable`] says of any instant whether it is open or quiet, and if it is quiet, until when. It looks at nothing but
//! what a clock on the recipient's wall shows: an instant is open if that clock stands inside one of the day's windows and
//! the day is no holiday. So nights in which clocks are changed need no rule of their own: an hour that is left out is no
//! part of any window, one that comes twice is open both times or neither.
//!
//! Times begin at `from` and end before `to`; a window stays inside its day. Whoever writes past midnight gives two, one
//! until 24:00 and one from 00:00 of the day after, so that it is clear which day's holidays count.

mod easter;
mod holidays;
mod search;
mod window;
mod zone;

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;

pub use holidays::{Country, Holiday, Holidays};
pub use window::{Days, TimeOfDay, Window};
pub use zone::{BadZone, Zone, Zones};

use crate::config::duration;

/// `[hours]` of a brand: when it may write.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timetable {
    /// Where recipients are of whom neither a send nor its case says it.
    pub zone: Zone,
    /// The week: open within any of these.
    pub open: Vec<Window>,
    /// Days that are closed all the same.
    #[serde(default)]
    pub holidays: Holidays,
    /// Over how long after an opening those sends are spread whose deadline passed before it.
    #[serde(default = "half_an_hour", deserialize_with = "duration")]
    pub spread: Duration,
}

const fn half_an_hour() -> Duration {
    Duration::from_mins(30)
}

/// What a timetable says of an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// One may write.
    Open,
    /// One may not.
    Quiet {
        /// The next instant that is open.
        until: Timestamp,
        /// Why it is quiet.
        why: Quiet,
    },
}

/// Why it is quiet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quiet {
    /// No window is open.
    Hours,
    /// It is a holiday: one of a country, or one of the brand's own.
    Holiday(Holiday),
}

impl fmt::Display for Quiet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hours => f.write_str("outside the brand's hours"),
            Self::Holiday(Holiday::Public(name)) => write!(f, "a holiday ({name})"),
            Self::Holiday(Holiday::Own) => f.write_str("a holiday of the brand"),
        }
    }
}

impl Timetable {
    /// Most days of a brand's own: with them, too, a day that is open comes within [`HORIZON`](search::HORIZON) days.
    pub const MOST_DATES: usize = 100;

    /// Whether one may write at this instant to somebody in this zone, and if not, from when on.
    pub fn at(&self, now: Timestamp, zone: &TimeZone) -> Verdict {
        let shown = zone.to_datetime(now);
        if self.window(shown).is_none() {
            return Verdict::Quiet { until: self.next(now, zone), why: Quiet::Hours };
        }
        match self.holidays.on(shown.date()) {
            Some(holiday) => Verdict::Quiet { until: self.next(now, zone), why: Quiet::Holiday(holiday) },
            None => Verdict::Open,
        }
    }

    fn is_open(&self, at: Timestamp, zone: &TimeZone) -> bool {
        let shown = zone.to_datetime(at);
        self.window(shown).is_some() && self.holidays.on(shown.date()).is_none()
    }

    /// The window in which a clock that shows this stands, holidays aside.
    fn window(&self, shown: DateTime) -> Option<&Window> {
        self.open.iter().find(|window| window.contains(shown))
    }

    /// The turn of a send whose deadline passed before the opening at hand: a moment within `spread` after the opening,
    /// and within its window, by a `share` from 0 to 1. None if `now` is not open, has been since before `deadline`, or
    /// the turn has come.
    pub fn turn(
        &self,
        deadline: Timestamp,
        share: f64,
        now: Timestamp,
        zone: &TimeZone,
    ) -> Option<Timestamp> {
        let (opened, window) = self.opened(now, zone).filter(|(opened, _)| deadline <= *opened)?;
        let turn = opened.checked_add(self.spread.min(window.length()).mul_f64(share)).ok()?;
        (now < turn).then_some(turn)
    }
}

#[cfg(test)]
mod tests;
