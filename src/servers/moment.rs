//! When something happened, in the two ways servers say it.

use std::fmt;

use jiff::Timestamp;
use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// A time in either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment(Timestamp);

/// Reads an optional time, as RFC 3339 text with a zone or as seconds since 1970; `null` is none.
pub fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(Option::<Moment>::deserialize(deserializer)?.map(|Moment(at)| at))
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EitherWay)
    }
}

struct EitherWay;

impl Visitor<'_> for EitherWay {
    type Value = Moment;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time as in RFC 3339 with its zone (\"2026-11-22T02:30:12Z\"), or seconds since 1970")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Moment, E> {
        text.parse().map(Moment).map_err(|_| E::invalid_value(Unexpected::Str("another text"), &self))
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Moment, E> {
        let read = Timestamp::from_second(seconds).map(Moment);
        read.map_err(|_| E::invalid_value(Unexpected::Signed(seconds), &self))
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Moment, E> {
        self.visit_i64(i64::try_from(seconds).unwrap_or(i64::MAX))
    }

    fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Moment, E> {
        let refuse = || E::invalid_value(Unexpected::Float(seconds), &self);
        let millis = (seconds * 1000.0).round();
        if millis.abs() > 1e15 {
            return Err(refuse());
        }
        #[expect(clippy::cast_possible_truncation, reason = "it was just looked at")]
        let millis = millis as i64;
        Timestamp::from_millisecond(millis).map(Moment).map_err(|_| refuse())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_in_two_ways() {
        let read = |text: &str| serde_json::from_str::<Moment>(text).map(|Moment(at)| at.to_string());
        let noon = "2026-11-22T02:30:12Z";
        assert_eq!(read("\"2026-11-22T02:30:12Z\"").expect("RFC 3339"), noon);
        assert_eq!(read("\"2026-11-22T03:30:12+01:00\"").expect("RFC 3339"), noon);
        assert_eq!(read("1795314612").expect("seconds"), noon);
        assert_eq!(read("1795314612.5").expect("seconds"), "2026-11-22T02:30:12.5Z");
        for bad in
            ["\"\"", "\"2026-11-22\"", "\"2026-11-22T02:30:12\"", "\"yesterday\"", "true", "[]", "1e300"]
        {
            let refused = read(bad).expect_err(bad).to_string();
            assert!(refused.contains("RFC 3339") && !refused.contains("yesterday"), "{bad}: {refused}");
        }
    }
}
