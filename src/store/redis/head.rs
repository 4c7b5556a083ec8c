//! A send as it lies in Redis: the hash `s`, its payload and its history, read for showing and for moving.
//!
//! | field | what | field | what |
//! | --- | --- | --- | --- |
//! | `st` | state, a letter | `fl` | flow, `brand/campaign` |
//! | `dg` | digest, 16 bytes | `rf` | reference |
//! | `wh` | person (until the end) | `ca` | case (until the end) |
//! | `rk` | priority and deadline as they sort | `an` | arrival |
//! | `du` | not before | `dl` | deadline |
//! | `od` | on deadline: s, h, d | `ou` | on uncertain: h, r |
//! | `tr` | attempts | `da` | date of the first claim, s |
//! | `cl` | claim | `le` | end of its lease |
//! | `bg` | hand-over begun | `en` | mark of the finish that ended the claim, or 0 |
//! | `at` | accepted | `ea` | ended |
//! | `sd` | stand in the queue | `fg` | its person was forgotten |
//! | `nr` | from when on a better moment than the deadline is looked for | `am` | that moment |
//! | `dy` | the day under which it is counted as accepted (until the end) | | |
//! | `dp` | departed: it lives on in another store | `lv` | what it becomes instead of waiting again |

use std::collections::HashMap;

use redis::Value;

use crate::model::{HistoryEntry, SendId, SendRecord, SendSpec, SendState};
use crate::store::StoreError;
use crate::store::time::{Millis, timestamp};

use super::keys;
use super::reply::{Reply, damaged, number, state};

/// What `look` tells of a send. Not `Debug`: it holds an address.
pub(super) struct Looked {
    pub(super) state: SendState,
    pub(super) spec: Option<SendSpec>,
    pub(super) lines: Vec<HistoryEntry>,
    fields: HashMap<Vec<u8>, Vec<u8>>,
}

impl Looked {
    /// Reads the answer of `look`; none if the send is not known.
    pub(super) fn read(value: Value) -> Result<Option<Self>, StoreError> {
        let mut reply = Reply::of(value)?;
        let mut head = reply.list()?;
        let mut fields = HashMap::new();
        while !head.is_empty() {
            fields.insert(head.bytes()?, head.bytes()?);
        }
        let Some(state) = fields.get(b"st".as_slice()).and_then(|letter| state(letter)) else {
            return Ok(None);
        };
        let payload = reply.bytes()?;
        let read =
            |payload| serde_json::from_slice(payload).map_err(|_| damaged("a payload that can be read"));
        let spec = Some(&payload).filter(|payload| !payload.is_empty());
        let spec = spec.map(|payload| read(payload)).transpose()?;
        let (mut lines, mut history) = (Vec::new(), reply.list()?);
        while !history.is_empty() {
            lines.push(line(&history.text()?)?);
        }
        Ok(Some(Self { state, spec, lines, fields }))
    }

    fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields.get(name.as_bytes()).map(Vec::as_slice)
    }

    /// A numeric field.
    pub(super) fn number(&self, name: &str) -> Option<Millis> {
        self.field(name).and_then(number)
    }

    /// Its place among one person's sends: the lower goes first.
    pub(super) fn rank(&self) -> (Vec<u8>, i64) {
        (self.field("rk").unwrap_or_default().to_vec(), self.number("an").unwrap_or_default())
    }

    /// How often a claim was tried and came back.
    pub(super) fn attempts(&self) -> u32 {
        self.number("tr").and_then(|attempts| attempts.try_into().ok()).unwrap_or_default()
    }

    /// The send as it is shown.
    pub(super) fn record(self, id: SendId) -> Result<SendRecord, StoreError> {
        let text = |name| self.field(name).and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
        let flow =
            text("fl").and_then(|flow| keys::scope(&flow)).ok_or_else(|| damaged("the name of a flow"))?;
        let accepted = timestamp(self.number("at").unwrap_or_default());
        let accepted = HistoryEntry { at: accepted, event: "accepted".into(), detail: String::new() };
        let waiting = self.state == SendState::Waiting;
        Ok(SendRecord {
            id,
            reference: text("rf").ok_or_else(|| damaged("a reference"))?,
            brand: flow.brand,
            campaign: flow.campaign,
            state: self.state,
            attempts: self.attempts(),
            due: self.number("du").filter(|due| waiting && *due > 0).map(timestamp),
            aimed: self.number("am").filter(|_| waiting).map(timestamp),
            sent_at: self.number("ea").filter(|_| self.state == SendState::Sent).map(timestamp),
            handing_over: self.state == SendState::Claimed && self.field("bg") == Some(b"1"),
            spec: self.spec,
            history: std::iter::once(accepted).chain(self.lines).collect(),
        })
    }
}

/// A line of a history: when, what, why.
fn line(text: &str) -> Result<HistoryEntry, StoreError> {
    let mut parts = text.splitn(3, ' ');
    let at = parts.next().and_then(|at| at.parse().ok()).ok_or_else(|| damaged("a moment in a history"))?;
    let event = parts.next().unwrap_or_default().to_owned();
    Ok(HistoryEntry { at: timestamp(at), event, detail: parts.next().unwrap_or_default().to_owned() })
}
