//! Errands: notes on disk, holders in memory, for they die with the process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::model::ClaimId;
use crate::store::{Errand, Fenced, StoreError};

use super::super::time::{Millis, span};
use super::Core;

/// Who holds which errand, until when.
#[derive(Default)]
pub(in crate::store::embedded) struct Holders(Mutex<HashMap<String, (ClaimId, Millis)>>);

impl Holders {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, (ClaimId, Millis)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Core {
    /// [`Errands::take_errand`](crate::store::Errands::take_errand).
    pub(in crate::store::embedded) fn take_errand(
        &self,
        errand: &str,
        me: ClaimId,
        lease: Duration,
    ) -> Result<Errand, StoreError> {
        let mut holders = self.errands.lock();
        let now = self.now();
        if holders.get(errand).is_some_and(|(holder, until)| *holder != me && *until > now) {
            return Ok(Errand::Anothers);
        }
        holders.insert(errand.to_owned(), (me, now.saturating_add(span(lease))));
        Ok(Errand::Mine(self.disk.errand(errand)?))
    }

    /// [`Errands::note_errand`](crate::store::Errands::note_errand).
    pub(in crate::store::embedded) fn note_errand(
        &self,
        errand: &str,
        me: ClaimId,
        lease: Duration,
        note: &str,
    ) -> Result<Fenced, StoreError> {
        let mut holders = self.errands.lock();
        if holders.get(errand).is_none_or(|(holder, _)| *holder != me) {
            return Ok(Fenced::Stale);
        }
        self.write_errand(errand, note)?;
        if lease.is_zero() {
            holders.remove(errand);
        } else {
            holders.insert(errand.to_owned(), (me, self.now().saturating_add(span(lease))));
        }
        Ok(Fenced::Done)
    }

    /// [`Errands::change_errand`](crate::store::Errands::change_errand), but for the sync.
    pub(in crate::store::embedded) fn change_errand(
        &self,
        errand: &str,
        note: &str,
    ) -> Result<(), StoreError> {
        let mut holders = self.errands.lock();
        holders.remove(errand);
        self.write_errand(errand, note)
    }

    fn write_errand(&self, errand: &str, note: &str) -> Result<(), StoreError> {
        let mut step = self.disk.step();
        step.errand(errand, note);
        step.write().map_err(|error| self.fail(error))
    }
}
