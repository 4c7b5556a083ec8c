//! Entries of the stream, read back; and their ids as positions.

use jiff::Timestamp;
use serde_json::Value;

use super::super::reply::{Reply, damaged};
use crate::model::{Event, Name, Position, Told};
use crate::store::StoreError;

/// An entry's id: milliseconds, and a number within them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntryId(u64, u64);

impl EntryId {
    /// Before every entry.
    pub(super) const BEFORE_ALL: Self = Self(0, 0);

    /// As Redis or a position writes it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (ms, number) = text.split_once('-')?;
        Some(Self(ms.parse().ok()?, number.parse().ok()?))
    }

    /// As a position, which sorts as text: a Redis id with zeros before its numbers.
    pub(super) fn position(self) -> Position {
        Position::new(format!("{:013}-{:06}", self.0, self.1))
    }

    /// As Redis writes it.
    pub(super) fn redis(self) -> String {
        format!("{}-{}", self.0, self.1)
    }

    /// The id right before this one.
    pub(super) fn before(self) -> Self {
        match self {
            Self(ms, 0) => Self(ms.saturating_sub(1), u64::MAX),
            Self(ms, number) => Self(ms, number - 1),
        }
    }
}

/// The next entry of an answer, with its id. None if it is not one of ours, or cannot be read.
pub(super) fn read(reply: &mut Reply) -> Result<(EntryId, Option<Told>), StoreError> {
    let mut entry = reply.list()?;
    let id = EntryId::parse(&entry.text()?).ok_or_else(|| damaged("an entry's id"))?;
    let mut fields = entry.list()?;
    let (mut kind, mut data, mut event, mut brand, mut at) = (None, None, None, None, None);
    while !fields.is_empty() {
        let (field, value) = (fields.bytes()?, String::from_utf8(fields.bytes()?).ok());
        match field.as_slice() {
            b"event" => kind = value,
            b"data" => data = value.and_then(|value| serde_json::from_str::<Value>(&value).ok()),
            b"id" => event = value,
            b"brand" => brand = value,
            b"at" => at = value,
            _ => {}
        }
    }
    let Some((kind, data)) = kind.zip(data) else { return Ok((id, None)) };
    // Earlier versions wrote `event` and `data` alone, which had the rest in it.
    let field = |known: Option<String>, name: &str| known.or_else(|| data[name].as_str().map(str::to_owned));
    let (Some(brand), Some(at)) = (
        field(brand, "brand").and_then(|brand| brand.parse::<Name>().ok()),
        field(at, "at").and_then(|at| at.parse::<Timestamp>().ok()),
    ) else {
        return Ok((id, None));
    };
    let event = event.unwrap_or_else(|| id.redis());
    Ok((id, Some(Told { position: id.position(), event: Event { id: event, kind, at, brand, data } })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_sort_as_entries_do() {
        let ids = ["0-0", "5-3", "1732355510000-9", "1732355510000-10", "1732355510001-0"];
        let ids = ids.map(|id| EntryId::parse(id).expect("an id"));
        assert!(ids.is_sorted() && ids.map(EntryId::position).is_sorted());
        for id in ids {
            assert_eq!(EntryId::parse(id.position().as_str()), Some(id));
            assert_eq!(EntryId::parse(&id.redis()), Some(id));
        }
        assert_eq!(ids[4].before(), EntryId(1_732_355_510_000, u64::MAX));
        assert_eq!(EntryId::parse("00000000000000000042"), None, "an embedded store's");
    }
}
