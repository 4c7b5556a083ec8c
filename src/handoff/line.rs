//! One case, as the call centre reads it.

use std::path::PathBuf;

use csv::{Terminator, WriterBuilder};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::model::{Event, Name};

/// In which of a day's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// It left e-mail: it may be called.
    HandedOff,
    /// It was settled afterwards: it is not to be called any more.
    Settled,
}

impl What {
    /// The word for labels.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::HandedOff => "handed_off",
            Self::Settled => "settled",
        }
    }

    /// The first line of the file.
    pub(super) fn header(self) -> Vec<u8> {
        row(self.columns().iter().copied())
    }

    /// The columns. The first says which case, and the third since when: together they are a line's name.
    const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::HandedOff => &[
                "case",
                "brand",
                "handed_off_at",
                "reason",
                "mails",
                "opens",
                "clicks",
                "last_seen",
                "opened_at",
                "first_mail",
                "last_mail",
                "amount",
                "currency",
            ],
            Self::Settled => &["case", "brand", "settled_at", "reason"],
        }
    }
}

/// A line, and where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) brand: Name,
    pub(super) what: What,
    pub(super) at: Timestamp,
    /// Below the directory.
    pub(super) file: PathBuf,
    /// Its name within the file.
    pub(super) name: (String, String),
    pub(super) text: Vec<u8>,
}

impl Line {
    /// What an event says; nothing unless a case was handed off, or settled after it was.
    pub(super) fn of(event: &Event, zone: &TimeZone) -> Option<Self> {
        let what = match event.kind.as_str() {
            "case.handed_off" => What::HandedOff,
            "case.settled" if event.data["was"] == "handed_off" => What::Settled,
            _ => return None,
        };
        let case = safe(event.data["id"].as_str()?);
        let at = event.at.to_string();
        let cell = |column: &&str| match *column {
            "case" => case.clone(),
            "brand" => safe(event.brand.as_str()),
            "handed_off_at" | "settled_at" => at.clone(),
            "reason" => safe(event.data["reason"].as_str().unwrap_or_default()),
            ours => plain(&event.data[ours]),
        };
        let text = row(what.columns().iter().map(cell));
        let day = event.at.to_zoned(zone.clone()).date();
        let suffix = if what == What::Settled { "-settled" } else { "" };
        let file = PathBuf::from(event.brand.as_str()).join(format!("{day}{suffix}.csv"));
        Some(Self { brand: event.brand.clone(), what, at: event.at, file, name: (case, at), text })
    }
}

/// A value of our own: a number, a moment, an amount.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A text that others wrote, so that a spreadsheet takes it for text: one that begins like a formula gets an apostrophe in
/// front, as OWASP advises ("CSV Injection"), and so does one that begins with an apostrophe, so that no two become the same.
/// Lines and tabs become blanks: a line of the file is a case.
fn safe(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let formula = text.trim_start().starts_with(['=', '+', '-', '@', '\'', '＝', '＋', '－', '＠']);
    if formula { format!("'{text}") } else { text }
}

/// A line by RFC 4180.
fn row<T: AsRef<[u8]>>(cells: impl IntoIterator<Item = T>) -> Vec<u8> {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(cells).expect("memory takes what is written");
    writer.into_inner().expect("memory takes what is written")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(kind: &str, data: Value) -> Event {
        let at = "2026-11-23T23:30:00.5Z".parse().expect("a moment");
        Event { id: "1".into(), kind: kind.into(), at, brand: "demo".parse().expect("a name"), data }
    }

    fn text(line: &Line) -> &str {
        std::str::from_utf8(&line.text).expect("text")
    }

    #[test]
    fn a_case_is_a_line_of_its_brands_day() {
        let data = json!({"id": "K-1", "brand": "demo", "state": "handed_off", "reason": "deadline", "mails": 2, "opens": 3,
            "clicks": 1, "last_seen": "2026-11-20T10:00:00Z", "opened_at": "2026-11-01T10:00:00Z", "amount": "-120.50",
            "currency": "EUR"});
        let paris = TimeZone::get("Europe/Paris").expect("a zone");
        let line = Line::of(&event("case.handed_off", data), &paris).expect("a line");
        assert_eq!(line.file, PathBuf::from("demo/2026-11-24.csv"));
        let expected = "K-1,demo,2026-11-23T23:30:00.5Z,deadline,2,3,1,2026-11-20T10:00:00Z,2026-11-01T10:00:00Z,,,-120.50,EUR\r\n";
        assert_eq!(text(&line), expected);
        assert_eq!(String::from_utf8(What::HandedOff.header()).expect("text").matches(',').count(), 12);
    }

    #[test]
    fn only_what_was_handed_off_is_taken_back() {
        let settled = |was: &str| event("case.settled", json!({"id": "K-1", "reason": "paid", "was": was}));
        let line = Line::of(&settled("handed_off"), &TimeZone::UTC).expect("a line");
        assert_eq!(line.file, PathBuf::from("demo/2026-11-23-settled.csv"));
        assert_eq!(text(&line), "K-1,demo,2026-11-23T23:30:00.5Z,paid\r\n");
        assert_eq!(Line::of(&settled("open"), &TimeZone::UTC), None);
        assert_eq!(Line::of(&event("send.sent", json!({"id": "s-1"})), &TimeZone::UTC), None);
    }

    #[test]
    fn no_text_is_a_formula_or_two_lines() {
        for (written, cell) in [
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@sum", "'@sum"),
            ("'quoted", "''quoted"),
            (" =1", "' =1"),
            ("a,b", "\"a,b\""),
            ("two\r\nlines", "two  lines"),
            ("1-1", "1-1"),
        ] {
            assert_eq!(row([safe(written), "x".into()]), format!("{cell},x\r\n").into_bytes(), "{written:?}");
        }
    }
}
