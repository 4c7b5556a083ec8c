//! How the text of a cell is read: dates, moments and decimals as people write them.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::mapping::BadMapping;
use crate::config::{CellFormat, ReadColumn};

/// How one column is read.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    Text,
    Lower,
    Upper,
    /// The pattern for jiff, and as it was written.
    Date {
        pattern: String,
        written: String,
    },
    Moment {
        pattern: String,
        written: String,
        zone: TimeZone,
    },
    Decimal {
        point: char,
    },
}

impl Cell {
    /// How a column is read.
    pub(super) fn new(column: &ReadColumn) -> Result<Self, BadMapping> {
        let pattern = || {
            let written = column.pattern.clone().unwrap_or_else(|| "YYYY-MM-DD".into());
            (directives(&written), written)
        };
        match column.format {
            CellFormat::Text => Ok(Self::Text),
            CellFormat::Lower => Ok(Self::Lower),
            CellFormat::Upper => Ok(Self::Upper),
            CellFormat::Date => {
                let (pattern, written) = pattern();
                tried(&Date::constant(2026, 3, 1).strftime(&pattern).to_string(), &pattern, &written)?;
                Ok(Self::Date { pattern, written })
            }
            CellFormat::Moment => {
                let (pattern, written) = pattern();
                tried(
                    &DateTime::constant(2026, 3, 1, 9, 30, 0, 0).strftime(&pattern).to_string(),
                    &pattern,
                    &written,
                )?;
                let zone = column
                    .zone
                    .as_deref()
                    .ok_or_else(|| BadMapping::new("a moment needs its `zone`, such as \"Europe/Paris\""))?;
                let zone = TimeZone::get(zone)
                    .map_err(|_| BadMapping::new(format!("there is no time zone \"{zone}\"")))?;
                Ok(Self::Moment { pattern, written, zone })
            }
            CellFormat::Decimal if matches!(column.decimal, '.' | ',') => {
                Ok(Self::Decimal { point: column.decimal })
            }
            CellFormat::Decimal => Err(BadMapping::new("`decimal` is \".\" or \",\"")),
        }
    }

    /// Reads a cell that is not empty; what is wrong with it does not show it.
    pub(super) fn read(&self, text: &str) -> Result<String, String> {
        match self {
            Self::Text => Ok(text.to_owned()),
            Self::Lower => Ok(text.to_lowercase()),
            Self::Upper => Ok(text.to_uppercase()),
            Self::Date { pattern, written } => match Date::strptime(pattern, text) {
                Ok(day) => Ok(day.to_string()),
                Err(_) => Err(format!("is no day written as {written}")),
            },
            Self::Moment { pattern, written, zone } => {
                let read = DateTime::strptime(pattern, text)
                    .or_else(|_| Date::strptime(pattern, text).map(Date::into));
                let read: Option<DateTime> = read.ok();
                let at = read.and_then(|at| at.to_zoned(zone.clone()).ok());
                at.map(|at| at.timestamp().to_string())
                    .ok_or_else(|| format!("is no moment written as {written}"))
            }
            Self::Decimal { point } => decimal(text, *point)
                .ok_or_else(|| format!("is no number with \"{point}\" before its fraction")),
        }
    }
}

/// A pattern that cannot read what it has written is none.
fn tried(example: &str, pattern: &str, written: &str) -> Result<(), BadMapping> {
    if pattern.contains('%') && Date::strptime(pattern, example).is_ok() {
        return Ok(());
    }
    Err(BadMapping::new(format!(
        "the pattern \"{written}\" reads no day: write it as DD/MM/YYYY or %d/%m/%Y"
    )))
}

/// How people write the parts of a moment, and what jiff calls them.
const WORDS: [(&str, &str); 7] =
    [("YYYY", "%Y"), ("YY", "%y"), ("MM", "%m"), ("DD", "%d"), ("HH", "%H"), ("mm", "%M"), ("ss", "%S")];

/// `DD/MM/YYYY HH:mm` in jiff's words; what has a `%` is in these already.
fn directives(written: &str) -> String {
    if written.contains('%') {
        return written.to_owned();
    }
    WORDS.iter().fold(written.to_owned(), |pattern, (word, directive)| pattern.replace(word, directive))
}

/// `1 234,50 €` as `1234.50`: what groups digits goes, and so does a currency's sign around them.
fn decimal(text: &str, point: char) -> Option<String> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '€' | '$' | '£'));
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, fraction) = digits.rsplit_once(point).map_or((digits, None), |(w, f)| (w, Some(f)));
    let group = if point == ',' { '.' } else { ',' };
    let whole = ungrouped(whole, group)?;
    match fraction {
        None => Some(format!("{sign}{whole}")),
        Some(fraction) if is_digits(fraction) => Some(format!("{sign}{whole}.{fraction}")),
        Some(_) => None,
    }
}

/// Digits without what groups them by three: spaces of any kind, apostrophes, the other mark.
fn ungrouped(whole: &str, mark: char) -> Option<String> {
    let mut groups = whole.split(|c: char| c.is_whitespace() || matches!(c, '\'' | '’') || c == mark);
    let first = groups.next().filter(|first| is_digits(first))?;
    let rest: Vec<_> = groups.collect();
    let by_three = rest.iter().all(|group| is_digits(group) && group.len() == 3);
    (rest.is_empty() || by_three && first.len() <= 3).then(|| format!("{first}{}", rest.concat()))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_as_people_write_them() {
        for (text, point, read) in [
            ("120,50", ',', Some("120.50")),
            ("1 234,50 €", ',', Some("1234.50")),
            ("1.234.567,8", ',', Some("1234567.8")),
            ("1\u{202f}234", ',', Some("1234")),
            ("1'234.50", '.', Some("1234.50")),
            ("-7", '.', Some("-7")),
            ("12.50", ',', None),
            ("1,23,4.5", '.', None),
            ("12,", ',', None),
            ("x", '.', None),
            ("1e3", '.', None),
        ] {
            assert_eq!(decimal(text, point).as_deref(), read, "{text}");
        }
    }
}
