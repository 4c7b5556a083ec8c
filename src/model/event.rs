//! What happened, for whoever follows along from outside.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{BadName, Name};

/// One thing that happened. Nothing in it says who was written to: no address, no name, no recipient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The same whenever it is told again, and no other event's: by it whoever heard it before knows it.
    pub id: String,
    /// What happened, such as `send.sent`; one of [`Event::KINDS`].
    #[serde(rename = "type")]
    pub kind: String,
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub brand: Name,
    /// The rest, by kind: a JSON object.
    pub data: Value,
}

impl Event {
    /// Every kind there is.
    pub const KINDS: [&str; 15] = [
        "send.sent",
        "send.failed",
        "send.uncertain",
        "send.cancelled",
        "send.handed_off",
        "send.dropped",
        "case.opened",
        "case.updated",
        "case.settled",
        "case.handed_off",
        "link.clicked",
        "mail.bounced",
        "mail.complained",
        "flow.changed",
        "brand.reloaded",
    ];

    /// Whether its kind is one of these; `send.*` stands for all that begin with `send.`, `*` for all, and so does an
    /// empty list.
    pub fn is_among(&self, kinds: &[String]) -> bool {
        kinds.is_empty() || kinds.iter().any(|pattern| matches(pattern, &self.kind))
    }
}

/// Whether a pattern stands for any kind there is.
pub fn names_a_kind(pattern: &str) -> bool {
    Event::KINDS.iter().any(|kind| matches(pattern, kind))
}

fn matches(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => true,
        Some(group) => group.ends_with('.') && kind.starts_with(group),
        None => pattern == kind,
    }
}

/// A place in the log of events: text of digits and `-` that only its store can read. Later places sort behind earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Position(String);

impl Position {
    /// A store's own words for a place.
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }

    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Position {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let fine = (1..=48).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        if fine { Ok(Self(text.to_owned())) } else { Err(BadName::new("a position as an event carried it")) }
    }
}

impl TryFrom<String> for Position {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<Position> for String {
    fn from(position: Position) -> Self {
        position.0
    }
}

/// An event where it stands in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Its place: what comes after it is what was told later.
    pub position: Position,
    /// What happened.
    pub event: Event,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_named_one_by_one_or_by_their_group() {
        let event = Event {
            id: "1".into(),
            kind: "send.sent".into(),
            at: Timestamp::UNIX_EPOCH,
            brand: "demo".parse().expect("a name"),
            data: Value::Null,
        };
        let among =
            |patterns: &[&str]| event.is_among(&patterns.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>());
        for yes in [&[][..], &["*"], &["send.*"], &["case.settled", "send.sent"]] {
            assert!(among(yes), "{yes:?}");
        }
        for no in [&["send"][..], &["send.failed"], &["case.*"], &["sen*"], &["send.sent.*"]] {
            assert!(!among(no), "{no:?}");
        }
        assert!(names_a_kind("mail.*") && names_a_kind("flow.changed") && names_a_kind("*"));
        assert!(!names_a_kind("mail") && !names_a_kind("male.*") && !names_a_kind(""));
    }

    #[test]
    fn a_position_is_digits_and_nothing_that_could_be_more() {
        for good in ["1732355510000-0", "00000000000000000042"] {
            assert_eq!(good.parse::<Position>().expect("a position").as_str(), good);
        }
        for bad in ["", "abc", "1 2", "$", &"1".repeat(49)] {
            assert!(bad.parse::<Position>().is_err(), "{bad:?}");
        }
    }
}
