//! `[limits]`, `brands.NAME.limits` and `brands.NAME.warmup`: how fast mails may go where no operator says otherwise.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer};

use crate::model::{self, Name, Rate};

/// `[limits]`: what holds for all brands together.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// By recipients' domain, or by a name of `[providers]`.
    pub domains: BTreeMap<Name, FlowLimits>,
}

/// How fast one flow may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowLimits {
    /// At most so many mails within any second.
    #[serde(default)]
    pub rate_per_second: Option<Rate>,
    /// At most so many mails within any 24 hours.
    #[serde(default)]
    pub per_day: Option<u32>,
}

impl From<FlowLimits> for model::Limits {
    fn from(FlowLimits { rate_per_second, per_day }: FlowLimits) -> Self {
        Self { rate: rate_per_second, per_day }
    }
}

/// `[warmup]` of a brand: a sender domain that nobody knows yet writes a little more every day, until it is known.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Warmup {
    /// Its first day; days begin at midnight UTC.
    #[serde(deserialize_with = "date")]
    pub from: Date,
    /// Mails on the first day.
    pub first_day: u32,
    /// So many times as many on each further day.
    #[serde(default = "half_as_many_again")]
    pub growth: f64,
    /// It is over on the day that would have so many.
    #[serde(default)]
    pub until_per_day: Option<u32>,
    /// It is over after so many days.
    #[serde(default)]
    pub days: Option<u32>,
}

/// The longest warm-up that is looked for, in days: with the slowest growth that is one.
const LONGEST: u32 = 3650;

impl Warmup {
    /// How many mails may go within the 24 hours that end at `now`; none once it is over. Before the first day, what holds
    /// on the first day. Depends on nothing but the configuration and the date, so all gateways agree.
    pub fn per_day(&self, now: Timestamp) -> Option<u32> {
        let today = now.to_zoned(TimeZone::UTC).date();
        let day = self.from.until(today).map_or(0, |span| span.get_days().max(0));
        self.on_day(u32::try_from(day).unwrap_or_default())
    }

    /// How many on this day, the first being 0.
    fn on_day(&self, day: u32) -> Option<u32> {
        if day >= self.days.unwrap_or(LONGEST) {
            return None;
        }
        let most = f64::from(self.until_per_day.unwrap_or(u32::MAX));
        let mut mails = f64::from(self.first_day);
        for _ in 0..day {
            mails *= self.growth;
            if mails >= most {
                return None;
            }
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "less than `most`")]
        (mails < most).then_some(mails as u32)
    }
}

const fn half_as_many_again() -> f64 {
    1.5
}

fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = serde::de::Unexpected::Str(&text);
    text.parse().map_err(|_| serde::de::Error::invalid_value(wrong, &"a date such as \"2026-11-01\""))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::clock::after;

    fn warmup(first_day: u32, growth: f64, until_per_day: Option<u32>, days: Option<u32>) -> Warmup {
        let from = "2026-11-01".parse().expect("a date");
        Warmup { from, first_day, growth, until_per_day, days }
    }

    fn moment(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    #[test]
    fn each_day_has_half_as_many_again_until_it_is_over() {
        let until = warmup(50, 1.5, Some(1000), None);
        let on = |text| until.per_day(moment(text));
        let days = ["2026-10-20T12:00:00Z", "2026-11-01T00:00:00Z", "2026-11-01T23:59:59Z"].map(on);
        assert_eq!(days, [Some(50); 3]);
        let days = ["2026-11-02T00:00:00Z", "2026-11-03T01:00:00+02:00", "2026-11-03T12:00:00Z"].map(on);
        assert_eq!(days, [Some(75), Some(75), Some(112)], "days are of UTC");
        assert_eq!([7, 8].map(|day| until.on_day(day)), [Some(854), None]);
        let days = warmup(50, 1.0, None, Some(3));
        assert_eq!([0, 2, 3].map(|day| days.on_day(day)), [Some(50), Some(50), None]);
    }

    #[test]
    fn a_date_is_a_date() {
        let read = |from: &str| toml::from_str::<Warmup>(&format!("first_day = 5\nfrom = {from}"));
        assert!(read("\"2026-11-01\"").is_ok());
        for bad in ["\"2026-13-01\"", "\"soon\"", "5"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_warm_up_grows_and_comes_to_an_end(
            first in 1_u32..2000,
            growth in 1.05_f64..10.0,
            until in proptest::option::of(2000_u32..1_000_000),
            days in proptest::option::of(1_u32..60),
        ) {
            prop_assume!(until.is_some() || days.is_some());
            let warmup = warmup(first, growth, until, days);
            let start = moment("2026-11-01T00:00:00Z");
            let all: Vec<_> =
                (0..400_u64).map(|day| warmup.per_day(after(start, Duration::from_hours(24 * day)))).collect();
            prop_assert_eq!(all[0], Some(first));
            let over = all.iter().position(Option::is_none);
            prop_assert!(over.is_some(), "it comes to an end");
            let (during, then) = all.split_at(over.unwrap_or_default());
            prop_assert!(during.is_sorted() && then.iter().all(Option::is_none), "and does not begin again");
            prop_assert!(until.is_none_or(|until| during.iter().flatten().all(|mails| *mails < until)));
        }
    }
}
