//! Durations in configuration: `"250ms"`, `"90s"`, `"3m"`, `"12h"`, `"30d"`.

use std::fmt;
use std::time::Duration;

use jiff::{Span, SpanRelativeTo};
use serde::Deserializer;
use serde::de::{self, Unexpected, Visitor};

/// Reads a duration; a day is 24 hours.
pub(crate) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_str(DurationText)
}

/// Reads a duration of a key that may be left out.
pub(super) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

struct DurationText;

impl Visitor<'_> for DurationText {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as \"90s\", \"3m\", \"12h\" or \"30d\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
        parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

fn parse(text: &str) -> Option<Duration> {
    let span: Span = text.trim().parse().ok()?;
    let exact = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    exact.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        let seconds = |text| parse(text).map(|d| d.as_secs_f64());
        assert_eq!(seconds("90s"), Some(90.0));
        assert_eq!(seconds("3m"), Some(180.0));
        assert_eq!(seconds("12h"), Some(43_200.0));
        assert_eq!(seconds("30d"), Some(2_592_000.0));
        assert_eq!(seconds("250ms"), Some(0.25));
        for bad in ["", "90", "-3m", "3 fortnights", "1mo"] {
            assert_eq!(parse(bad), None, "{bad:?} must be refused");
        }
    }
}
