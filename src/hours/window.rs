//! A part of the week: some days, from a time to a time.

use std::time::Duration;

use jiff::civil::{DateTime, Time, Weekday};
use serde::Deserialize;

/// Some days of the week, from a time to a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// On which days.
    pub days: Days,
    /// From this time on.
    pub from: TimeOfDay,
    /// Until before this time: later on the same day, at most 24:00.
    pub to: TimeOfDay,
}

impl Window {
    /// Whether a clock that shows this stands in it.
    pub(super) fn contains(&self, shown: DateTime) -> bool {
        let time = TimeOfDay::of(shown.time());
        self.days.has(shown.date().weekday()) && (self.from..self.to).contains(&time)
    }

    /// From its beginning to its end, as a clock counts that is not changed meanwhile.
    pub(super) fn length(&self) -> Duration {
        Duration::from_secs(u64::from(self.to.0.saturating_sub(self.from.0)))
    }
}

/// Days of the week: `"mon-fri"`, `"sat"`, `"mon, wed, fri-sun"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Days(u8);

const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Days {
    /// Whether this is one of them.
    pub fn has(self, day: Weekday) -> bool {
        self.0 & bit(day) != 0
    }
}

fn bit(day: Weekday) -> u8 {
    1 << day.to_monday_zero_offset()
}

impl TryFrom<String> for Days {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const EXPECTED: &str = "days such as \"mon-fri\", \"sat\" or \"mon, wed, fri\"";
        let mut days = 0;
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (weekday(first).ok_or(EXPECTED)?, weekday(last).ok_or(EXPECTED)?);
            let mut all = WEEK.iter().cycle().skip_while(|day| **day != first).take(WEEK.len());
            let upto = all.position(|day| *day == last).ok_or(EXPECTED)?;
            let span = WEEK.iter().cycle().skip_while(|day| **day != first).take(upto + 1);
            days |= span.fold(0, |days, day| days | bit(*day));
        }
        Ok(Self(days))
    }
}

/// `mon`, `Mon`.
pub(super) fn weekday(name: &str) -> Option<Weekday> {
    let name = name.trim();
    let at = NAMES.iter().position(|known| known.eq_ignore_ascii_case(name))?;
    Some(WEEK[at])
}

/// What a clock shows: `"08:00"`, `"18:30"`; `"24:00"` is the day's end. Counted in seconds from midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct TimeOfDay(u32);

impl TimeOfDay {
    /// Midnight at the end of a day.
    const END: Self = Self(24 * 60 * 60);

    fn of(time: Time) -> Self {
        let part = |part: i8| u32::from(part.unsigned_abs());
        Self(part(time.hour()) * 3600 + part(time.minute()) * 60 + part(time.second()))
    }

    /// As a time of its day; none for the day's end.
    pub(super) fn time(self) -> Option<Time> {
        let part = |part: u32| i8::try_from(part).ok();
        Time::new(part(self.0 / 3600)?, part(self.0 / 60 % 60)?, part(self.0 % 60)?, 0).ok()
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text = text.trim();
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b':');
        match text.parse::<Time>() {
            _ if text == "24:00" => Ok(Self::END),
            Ok(time) if plain => Ok(Self::of(time)),
            _ => Err("a time such as \"08:00\" or \"18:30\", at most \"24:00\""),
        }
    }
}
