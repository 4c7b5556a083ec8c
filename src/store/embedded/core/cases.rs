//! Cases, those in memory and those on disk.

use crate::model::{CaseId, CaseRecord, CaseSpec, CaseState, Name, SendSpec, SendState};
use crate::store::{CasePut, Settled, StoreError};

use super::super::disk::json;
use super::super::records::CaseHead;
use super::super::state::State;
use super::super::time::{NEVER, millis, timestamp};
use super::Core;

impl Core {
    /// `put_cases`, but for the sync.
    pub(in crate::store::embedded) fn put_cases(
        &self,
        cases: &[CaseSpec],
    ) -> Result<Vec<Result<CasePut, StoreError>>, StoreError> {
        self.step(|state, now| {
            let put = |case: &CaseSpec| {
                let closed = match state.case(case.id()) {
                    None => self.disk.case(case.id())?,
                    Some(_) => None,
                };
                match closed {
                    Some(closed) => Ok(CasePut::Closed(closed.state)),
                    None => state.put_case(case, now).ok_or_else(full),
                }
            };
            cases.iter().map(put).collect()
        })
    }

    /// A case as it stands.
    pub(in crate::store::embedded) fn case(&self, id: CaseId) -> Result<Option<CaseRecord>, StoreError> {
        let open = self.look(|state, _| state.case(id).cloned())?;
        let head = match open {
            Some(head) => Some(head),
            None => self.disk.case(id)?,
        };
        let Some(head) = head else { return Ok(None) };
        let spec = if head.state.is_closed() { None } else { self.disk.case_spec(id)? };
        Ok(Some(head.record(spec)))
    }

    /// `settle`, but for the sync.
    pub(in crate::store::embedded) fn settle(
        &self,
        brand: &Name,
        case: &str,
        reason: &str,
    ) -> Result<Settled, StoreError> {
        let id = CaseId::of(brand, case);
        self.step(|state, now| {
            let closed = if state.case(id).is_none() { self.disk.case(id)? } else { None };
            Ok(state.settle(id, closed, reason, now))
        })?
    }

    /// `hand_off`, but for the sync.
    pub(in crate::store::embedded) fn hand_off(
        &self,
        brand: &Name,
        case: &str,
        reason: &str,
    ) -> Result<Settled, StoreError> {
        let id = CaseId::of(brand, case);
        let (_, settled) = self.step(|state, now| state.hand_off(id, reason, now))?;
        let state = match settled.state {
            None => self.disk.case(id)?.map(|head| head.state),
            open => open,
        };
        Ok(Settled { state, ..settled })
    }

    /// Where the case of a new send stands, if it takes nothing more.
    pub(in crate::store::embedded) fn closed_case_of(
        &self,
        spec: &SendSpec,
    ) -> Result<Option<CaseState>, StoreError> {
        let Some(case) = &spec.case else { return Ok(None) };
        let id = CaseId::of(&spec.brand, case);
        let known = self.look(|state, _| state.case(id).map(|head| head.state))?;
        self.if_closed(id, known)
    }

    /// How a send ends whose case was closed while the send was made durable.
    pub(in crate::store::embedded) fn end_of_new(
        &self,
        state: &State,
        spec: &SendSpec,
    ) -> Result<Option<SendState>, StoreError> {
        let Some(case) = &spec.case else { return Ok(None) };
        let id = CaseId::of(&spec.brand, case);
        let closed = self.if_closed(id, state.case(id).map(|head| head.state))?;
        let end = |closed| match closed {
            CaseState::Settled => SendState::Cancelled,
            CaseState::Open | CaseState::Leaving | CaseState::HandedOff => SendState::HandedOff,
        };
        Ok(closed.map(end))
    }

    /// Takes in an open case from another store, unless it is known; tells whether it did. But for the sync.
    pub(super) fn adopt_case(&self, record: &CaseRecord) -> Result<bool, StoreError> {
        let id = CaseId::of(&record.brand, &record.case);
        let Some(spec) = &record.spec else { return Ok(false) };
        self.step(|state, now| {
            if state.case(id).is_some() || self.disk.case(id)?.is_some() {
                return Ok(false);
            }
            state.adopt_case(id, CaseHead::of_moved(record, spec), json(spec), now);
            Ok(true)
        })?
    }

    /// Where a case stands that is open no more, as memory says, or the disk.
    fn if_closed(&self, id: CaseId, known: Option<CaseState>) -> Result<Option<CaseState>, StoreError> {
        let state = match known {
            None => self.disk.case(id)?.map(|head| head.state),
            known => known,
        };
        Ok(state.filter(|state| *state != CaseState::Open))
    }
}

fn full() -> StoreError {
    StoreError::Full("`store.max_waiting` cases are open".into())
}

impl CaseHead {
    /// The case as it is shown.
    pub(in crate::store::embedded) fn record(self, spec: Option<CaseSpec>) -> CaseRecord {
        CaseRecord {
            brand: self.brand,
            case: self.case,
            state: self.state,
            spec,
            opened: timestamp(self.opened),
            updated: timestamp(self.updated),
            closed: self.closed.map(timestamp),
            reason: Some(self.reason).filter(|reason| !reason.is_empty()),
            mails: self.mails,
            seen: self.seen,
        }
    }

    /// A case from another store, open or leaving.
    pub(in crate::store::embedded) fn of_moved(record: &CaseRecord, spec: &CaseSpec) -> Self {
        Self {
            brand: record.brand.clone(),
            case: record.case.clone(),
            state: record.state,
            recipient: spec.recipient,
            deadline: spec.deadline.map_or(NEVER, millis),
            opened: millis(record.opened),
            updated: millis(record.updated),
            closed: None,
            reason: record.reason.clone().unwrap_or_default(),
            mails: record.mails,
            seen: record.seen.clone(),
            owed: Some((spec.facts.amount.clone(), spec.facts.currency)),
            digest: spec.digest(),
        }
    }
}
