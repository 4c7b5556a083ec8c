//! Cases: what is known of each, and what its brand states while it is open.

use crate::model::{CaseId, CaseSpec, Name};
use crate::store::{CaseCounts, StoreError};

use super::super::records::{CaseHead, Change};
use super::super::state::State;
use super::super::time::Millis;
use super::{Disk, Kind, Step, key};

/// Whether a change is undone by a later one of the same step, which would take the same key twice.
pub(super) fn is_moot(change: &Change, later: &[Change]) -> bool {
    let Change::CaseSays(id, _) = change else { return false };
    later
        .iter()
        .any(|change| matches!(change, Change::Case(other, head) if other == id && head.closed.is_some()))
}

impl Disk {
    /// What is known of a case.
    pub(in crate::store::embedded) fn case(&self, id: CaseId) -> Result<Option<CaseHead>, StoreError> {
        self.read(&self.records, &key(Kind::Case, &[&id.0.0]))
    }

    /// What its brand states of a case that is not closed.
    pub(in crate::store::embedded) fn case_spec(&self, id: CaseId) -> Result<Option<CaseSpec>, StoreError> {
        self.read(&self.records, &key(Kind::CaseSays, &[&id.0.0]))
    }

    /// The counters, and the cases that are not closed.
    pub(super) fn load_cases(&self, state: &mut State) -> Result<(), StoreError> {
        self.each(Kind::Cases, &[], |rest, counts: CaseCounts| {
            state.load_case_counts(self.parse::<Name>(rest)?, counts);
            Ok(())
        })?;
        self.each(Kind::Case, &[], |rest, head: CaseHead| {
            if !head.state.is_closed() {
                state.load_case(CaseId(crate::model::SendId(self.id(rest)?)), head);
            }
            Ok(())
        })
    }

    /// When the oldest closed case was closed.
    pub(super) fn oldest_case(&self) -> Result<Option<Millis>, StoreError> {
        let first = self.records.prefix([Kind::CaseClosedAt as u8]).next();
        first.map(|guard| Ok(self.when(&self.pair(guard)?.0)?.0)).transpose()
    }

    /// Deletes at most `most` cases that were closed by `until`. One that was closed again since has another entry.
    pub(super) fn purge_cases(
        &self,
        step: &mut Step<'_>,
        until: Millis,
        most: usize,
    ) -> Result<(), StoreError> {
        let range =
            key(Kind::CaseClosedAt, &[])..key(Kind::CaseClosedAt, &[&(until + 1).max(0).to_be_bytes()]);
        for guard in self.records.range(range).take(most) {
            let entry = self.pair(guard)?.0;
            let (at, id) = self.when(&entry)?;
            step.batch.remove(&self.records, entry);
            if self.case(CaseId(id))?.is_some_and(|head| head.closed == Some(at)) {
                step.batch.remove(&self.records, key(Kind::Case, &[&id.0]));
            }
        }
        Ok(())
    }
}

impl Step<'_> {
    /// A case; a closed one loses what its brand stated.
    pub(super) fn case(&mut self, id: CaseId, head: &CaseHead) {
        let records = &self.disk.records;
        self.put(records, key(Kind::Case, &[&id.0.0]), head);
        if let Some(at) = head.closed {
            self.batch.remove(records, key(Kind::CaseSays, &[&id.0.0]));
            self.put(records, key(Kind::CaseClosedAt, &[&at.max(0).to_be_bytes(), &id.0.0]), &());
        }
    }

    /// What its brand states, as JSON.
    pub(super) fn case_says(&mut self, id: CaseId, json: &[u8]) {
        self.batch.insert(&self.disk.records, key(Kind::CaseSays, &[&id.0.0]), json);
    }

    /// A case lives on elsewhere.
    pub(super) fn case_gone(&mut self, id: CaseId) {
        for kind in [Kind::Case, Kind::CaseSays] {
            self.batch.remove(&self.disk.records, key(kind, &[&id.0.0]));
        }
    }
}
