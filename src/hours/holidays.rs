//! Days on which nobody is written to: a country's public holidays, by rules, and a brand's own.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};
use serde::Deserialize;

use super::{easter, window};

/// The rules of all countries.
const RULES: &str = include_str!("../../config/holidays.toml");

static COUNTRIES: LazyLock<BTreeMap<String, Vec<Rule>>> =
    LazyLock::new(|| toml::from_str(RULES).expect("the file is in the program, and a test reads it"));

/// Days that are closed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holidays {
    /// Whose public holidays.
    #[serde(default)]
    pub country: Option<Country>,
    /// The brand's own: a date, or a day of every year.
    #[serde(default)]
    pub dates: Vec<OwnDay>,
}

/// Which holiday a day is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holiday {
    /// A country's, by its name there.
    Public(&'static str),
    /// One of the brand's own.
    Own,
}

impl Holidays {
    /// The holiday that this day is.
    pub(super) fn on(&self, day: Date) -> Option<Holiday> {
        if self.dates.iter().any(|own| own.is(day)) {
            return Some(Holiday::Own);
        }
        self.country.and_then(|country| country.on(day)).map(Holiday::Public)
    }
}

/// A country (or a part of one) whose holidays are known.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct Country(&'static [Rule]);

impl Country {
    /// The name of its holiday on this day.
    pub fn on(self, day: Date) -> Option<&'static str> {
        let easter = easter::sunday(day.year());
        self.0.iter().find(|rule| rule.falls_on(day, easter)).map(|rule| rule.name.as_str())
    }
}

impl PartialEq for Country {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Country {}

impl TryFrom<String> for Country {
    type Error = String;

    fn try_from(code: String) -> Result<Self, String> {
        COUNTRIES.get(&code).map(|rules| Self(rules)).ok_or_else(|| {
            let known: Vec<_> = COUNTRIES.keys().map(String::as_str).collect();
            format!("one of {}; list other holidays in `dates`", known.join(", "))
        })
    }
}

/// A day of the brand's own: `"2026-12-24"`, or `"12-24"` of every year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct OwnDay {
    /// None: every year.
    year: Option<i16>,
    month: i8,
    day: i8,
}

impl OwnDay {
    fn is(self, day: Date) -> bool {
        self.day == day.day() && self.month == day.month() && self.year.is_none_or(|year| year == day.year())
    }
}

impl TryFrom<String> for OwnDay {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const EXPECTED: &str = "a day such as \"2026-12-24\", or \"12-24\" of every year";
        let yearly = text.len() == "12-24".len();
        // A year that has a 29 February.
        let written = if yearly { format!("2024-{text}") } else { text };
        let plain = written.len() == "2026-12-24".len();
        let day: Date = written.parse().ok().filter(|_| plain).ok_or(EXPECTED)?;
        Ok(Self { year: (!yearly).then(|| day.year()), month: day.month(), day: day.day() })
    }
}

/// A holiday, by the rule that says when it is.
#[derive(Debug, Deserialize)]
struct Rule {
    /// What it is called there.
    name: String,
    #[serde(flatten)]
    when: When,
    /// The first year that has it.
    #[serde(default)]
    since: Option<i16>,
}

/// When a holiday is.
#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum When {
    /// The same date every year.
    Fixed {
        on: OwnDay,
        /// If it falls on one of these weekdays there is a day off, so many days later, too.
        #[serde(default)]
        also: BTreeMap<DayName, i8>,
        /// If it falls on one of these weekdays it is kept so many days later instead.
        #[serde(default)]
        instead: BTreeMap<DayName, i8>,
    },
    /// So many days after Easter Sunday.
    Easter { easter: i16 },
    /// The first, second… or (-1) last such weekday of a month.
    Weekday { weekday: DayName, nth: i8, month: i8 },
}

/// A weekday by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct DayName(i8);

impl TryFrom<String> for DayName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let day = window::weekday(&text).ok_or("a day such as \"mon\"")?;
        Ok(Self(day.to_monday_zero_offset()))
    }
}

impl From<Weekday> for DayName {
    fn from(day: Weekday) -> Self {
        Self(day.to_monday_zero_offset())
    }
}

impl Rule {
    fn falls_on(&self, day: Date, easter: Option<Date>) -> bool {
        let falls = match &self.when {
            When::Fixed { on, also, instead } => falls_on(*on, also, instead, day),
            When::Easter { easter: after } => {
                easter.and_then(|sunday| sunday.checked_add(i64::from(*after).days()).ok()) == Some(day)
            }
            When::Weekday { weekday, nth, month } => {
                let weekday = Weekday::from_monday_zero_offset(weekday.0);
                *month == day.month()
                    && weekday.and_then(|weekday| day.nth_weekday_of_month(*nth, weekday)).ok() == Some(day)
            }
        };
        falls && self.since.is_none_or(|since| since <= day.year())
    }
}

fn falls_on(on: OwnDay, also: &BTreeMap<DayName, i8>, instead: &BTreeMap<DayName, i8>, day: Date) -> bool {
    if on.is(day) && !instead.contains_key(&day.weekday().into()) {
        return true;
    }
    let moved = also.iter().chain(instead);
    let mut before = moved.filter_map(|(weekday, later)| {
        let first = day.checked_sub(i64::from(*later).days()).ok()?;
        Some((weekday, first))
    });
    before.any(|(weekday, first)| on.is(first) && DayName::from(first.weekday()) == *weekday)
}
