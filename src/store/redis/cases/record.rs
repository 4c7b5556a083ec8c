//! A case as it is read.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::model::{CaseId, CaseRecord, CaseSeen, CaseState, SendId};
use crate::store::StoreError;
use crate::store::redis::reply::{Reply, bytes, damaged, number};
use crate::store::time::timestamp;

/// The case that the id of an event begins with.
pub(in crate::store::redis) fn case_of(event: &str) -> Option<CaseId> {
    let mut id = [0; 16];
    const_hex::decode_to_slice(event.get(..32)?, &mut id).ok()?;
    Some(CaseId(SendId(id)))
}

/// Where a case stands, by its letter.
pub(in crate::store::redis) fn state(letter: &[u8]) -> Result<CaseState, StoreError> {
    match letter {
        b"o" => Ok(CaseState::Open),
        b"l" => Ok(CaseState::Leaving),
        b"s" => Ok(CaseState::Settled),
        b"h" => Ok(CaseState::HandedOff),
        _ => Err(damaged("a case that stands somewhere")),
    }
}

/// A case as it is kept; none if there is none.
pub(in crate::store::redis) fn record(mut fields: Reply) -> Result<Option<CaseRecord>, StoreError> {
    let mut found = HashMap::new();
    while !fields.is_empty() {
        found.insert(bytes(fields.next()?)?, bytes(fields.next()?)?);
    }
    let strange = || damaged("a case that can be read");
    let Some(letter) = found.get(&b"st"[..]) else { return Ok(None) };
    let text =
        |field: &str| found.get(field.as_bytes()).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let at = |field: &str| found.get(field.as_bytes()).and_then(|bytes| number(bytes)).map(timestamp);
    let count = |field: &str| {
        let count = found.get(field.as_bytes()).and_then(|bytes| number(bytes));
        count.and_then(|count| count.try_into().ok()).unwrap_or_default()
    };
    let spec =
        found.get(&b"pl"[..]).map(|json| serde_json::from_slice(json).map_err(|_| strange())).transpose()?;
    let opened = at("at").ok_or_else(strange)?;
    Ok(Some(CaseRecord {
        brand: text("br").and_then(|brand| brand.parse().ok()).ok_or_else(strange)?,
        case: text("nm").ok_or_else(strange)?,
        state: state(letter)?,
        spec,
        opened,
        updated: at("up").unwrap_or(opened),
        closed: at("ea"),
        reason: text("wy"),
        mails: count("n"),
        seen: CaseSeen {
            opens: count("oc"),
            clicks: count("cc"),
            last: at("ls"),
            first_mail: at("fm"),
            last_mail: at("lm"),
            letters: letters(&found),
        },
    }))
}

/// The letters that are remembered, in the order in which a relay took them.
fn letters(found: &HashMap<Vec<u8>, Vec<u8>>) -> Vec<(SendId, Timestamp)> {
    let letter = |(field, at): (&Vec<u8>, &Vec<u8>)| {
        let id = field.strip_prefix(b"m")?.try_into().ok()?;
        Some((SendId(id), timestamp(number(at)?)))
    };
    let mut letters: Vec<_> = found.iter().filter_map(letter).collect();
    letters.sort_by_key(|(send, at)| (*at, *send));
    letters
}
