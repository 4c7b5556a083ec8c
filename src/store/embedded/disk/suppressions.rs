//! Suppressions: one record for each person and scope.

use crate::model::{RecipientId, SuppressScope, Suppression};
use crate::store::StoreError;

use super::super::state::State;
use super::{Disk, Kind, Step, json, key};

impl Disk {
    /// Who gets no more mail: read before the sends.
    pub(super) fn load_suppressions(&self, state: &mut State) -> Result<(), StoreError> {
        self.each(Kind::Suppression, &[], |_, suppression: Suppression| {
            state.load_suppression(&suppression);
            Ok(())
        })
    }

    /// Whose mail a person gets no more.
    pub(in crate::store::embedded) fn suppressions(
        &self,
        who: RecipientId,
    ) -> Result<Vec<Suppression>, StoreError> {
        let mut all = Vec::new();
        self.each(Kind::Suppression, &who.0, |_, suppression| {
            all.push(suppression);
            Ok(())
        })?;
        all.sort_by(|one: &Suppression, other| one.scope.cmp(&other.scope));
        Ok(all)
    }
}

impl Step<'_> {
    /// A person gets no more of this mail.
    pub(super) fn suppress(&mut self, suppression: &Suppression) {
        let key = place(suppression.recipient, &suppression.scope);
        self.put(&self.disk.records, key, suppression);
    }

    /// They do again.
    pub(super) fn unsuppress(&mut self, who: RecipientId, scope: &SuppressScope) {
        self.batch.remove(&self.disk.records, place(who, scope));
    }
}

fn place(who: RecipientId, scope: &SuppressScope) -> Vec<u8> {
    key(Kind::Suppression, &[&who.0, &json(scope)])
}
