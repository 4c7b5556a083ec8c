//! What moves out record by record, and sends that come back.

use std::ops::Bound;

use serde::de::DeserializeOwned;

use crate::model::{Consent, FlowScope, FlowSetting, HistoryEntry, SendId, Suppression};
use crate::store::StoreError;

use super::super::records::{End, Event};
use super::{Disk, Kind, Step, ended_at, key};

/// Some things, and the rest of the last one's key if there may be more.
type Batch<T> = (Vec<T>, Option<Vec<u8>>);

impl Disk {
    /// The next flow settings after a key.
    pub(in crate::store::embedded) fn flows_after(
        &self,
        after: Option<&[u8]>,
        most: usize,
    ) -> Result<Batch<(FlowScope, FlowSetting)>, StoreError> {
        self.some_after(Kind::Flow, after, most, |rest, setting| Ok((self.parse(rest)?, setting)))
    }

    /// The next consents after a key.
    pub(in crate::store::embedded) fn consents_after(
        &self,
        after: Option<&[u8]>,
        most: usize,
    ) -> Result<Batch<Consent>, StoreError> {
        self.some_after(Kind::Consent, after, most, |_, consent| Ok(consent))
    }

    /// The next suppressions after a key.
    pub(in crate::store::embedded) fn suppressions_after(
        &self,
        after: Option<&[u8]>,
        most: usize,
    ) -> Result<Batch<Suppression>, StoreError> {
        self.some_after(Kind::Suppression, after, most, |_, suppression| Ok(suppression))
    }

    fn some_after<R: DeserializeOwned, T>(
        &self,
        kind: Kind,
        after: Option<&[u8]>,
        most: usize,
        make: impl Fn(&[u8], R) -> Result<T, StoreError>,
    ) -> Result<Batch<T>, StoreError> {
        let from = match after {
            None => Bound::Included(key(kind, &[])),
            Some(rest) => Bound::Excluded(key(kind, &[rest])),
        };
        let (mut found, mut last) = (Vec::new(), None);
        for guard in self.records.range((from, Bound::Excluded(vec![kind as u8 + 1]))).take(most) {
            let (key, value) = self.pair(guard)?;
            found.push(make(&key[1..], self.parse(&value)?)?);
            last = Some(key[1..].to_vec());
        }
        let more = found.len() == most;
        Ok((found, last.filter(|_| more)))
    }
}

impl Step<'_> {
    /// A send's history, from its first line after the acceptance.
    pub(in crate::store::embedded) fn history(&mut self, id: SendId, lines: &[HistoryEntry]) {
        for (n, line) in (1..).zip(lines) {
            self.put(&self.disk.records, event_key(id, n), &Event { n, line: line.clone() });
        }
    }

    /// Takes back an end: the send lives again, with a history of so many lines, which are written besides.
    pub(in crate::store::embedded) fn unend(
        &mut self,
        id: SendId,
        end: &End,
        lines: usize,
    ) -> Result<(), StoreError> {
        let records = &self.disk.records;
        self.batch.remove(records, key(Kind::End, &[&id.0]));
        self.batch.remove(records, ended_at(end.at, id));
        // A key may be in a batch only once.
        let kept: Vec<_> = (1..).take(lines).map(|n| event_key(id, n)).collect();
        for guard in records.prefix(key(Kind::Event, &[&id.0])) {
            let (key, _) = self.disk.pair(guard)?;
            if !kept.iter().any(|kept| kept[..] == key[..]) {
                self.batch.remove(records, key);
            }
        }
        Ok(())
    }
}

fn event_key(id: SendId, n: u16) -> Vec<u8> {
    key(Kind::Event, &[&id.0, &[Event::place(n)]])
}
