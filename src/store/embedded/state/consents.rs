//! What people said about being tracked.

use std::collections::HashMap;

use crate::model::{Grantee, RecipientId};

use super::super::shards::Shards;

/// What people said about presence: 24 bytes for each statement. The proof is on disk.
#[derive(Debug)]
pub(super) struct Consents {
    said: Shards<(RecipientId, u32, bool)>,
    grantees: HashMap<Grantee, u32>,
}

impl Consents {
    /// Room for a million statements without long pauses to grow.
    const EXPECTED: usize = 1 << 20;

    /// Nobody has said anything.
    pub(super) fn new() -> Self {
        Self { said: Shards::new(Self::EXPECTED), grantees: HashMap::new() }
    }

    /// What this person said to this brand or partner.
    pub(super) fn get(&self, who: RecipientId, grantee: &Grantee) -> Option<bool> {
        let number = *self.grantees.get(grantee)?;
        let said = self.said.get(&who.0, |(person, to, _)| *person == who && *to == number)?;
        Some(said.2)
    }

    /// The person said this now.
    pub(super) fn set(&mut self, who: RecipientId, to: &Grantee, granted: bool) {
        let next = u32::try_from(self.grantees.len()).expect("grantees are named by configuration");
        let number = *self.grantees.entry(to.clone()).or_insert(next);
        match self.said.get_mut(&who.0, |(person, to, _)| *person == who && *to == number) {
            Some(said) => said.2 = granted,
            None => self.said.insert(&who.0, (who, number, granted), |(person, ..)| person.0),
        }
    }

    /// Forgets all that this person said.
    pub(super) fn forget(&mut self, who: RecipientId) {
        while self.said.remove(&who.0, |(person, ..)| *person == who).is_some() {}
    }
}
