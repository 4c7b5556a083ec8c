//! Who gets no more mail, and what becomes of what waits for them.

use std::collections::HashMap;

use crate::model::{Name, RecipientId, SendState, SuppressReason, SuppressScope, Suppression};
use crate::redact::foreign;
use crate::store::Suppressed;

use super::super::shards::Shards;
use super::{Millis, Slot, State};
use crate::store::embedded::records::Change;

/// Whose mail people get no more: 24 bytes for each of them and scope. The words are on disk.
#[derive(Debug)]
pub(super) struct Suppressions {
    all: Shards<(RecipientId, u32, SuppressReason)>,
    scopes: HashMap<SuppressScope, u32>,
}

impl Suppressions {
    /// Room for so many without long pauses to grow: few of those who are written to.
    const EXPECTED: usize = 1 << 14;

    /// Everybody gets mail.
    pub(super) fn new() -> Self {
        Self { all: Shards::new(Self::EXPECTED), scopes: HashMap::new() }
    }

    /// Why this person gets no mail of this scope.
    fn get(&self, who: RecipientId, scope: &SuppressScope) -> Option<SuppressReason> {
        let number = *self.scopes.get(scope)?;
        let known = self.all.get(&who.0, |(person, of, _)| *person == who && *of == number)?;
        Some(known.2)
    }

    /// Why this person gets no mail of this brand.
    fn of(&self, who: RecipientId, brand: &Name) -> Option<SuppressReason> {
        if self.all.len() == 0 {
            return None;
        }
        let own = || self.get(who, &SuppressScope::Brand(brand.clone()));
        self.get(who, &SuppressScope::All).or_else(own)
    }

    fn insert(&mut self, who: RecipientId, scope: &SuppressScope, why: SuppressReason) {
        let next = u32::try_from(self.scopes.len()).expect("brands are named by configuration");
        let number = *self.scopes.entry(scope.clone()).or_insert(next);
        self.all.insert(&who.0, (who, number, why), |(person, ..)| person.0);
    }

    fn remove(&mut self, who: RecipientId, scope: &SuppressScope) -> bool {
        let Some(number) = self.scopes.get(scope).copied() else { return false };
        self.all.remove(&who.0, |(person, of, _)| *person == who && *of == number).is_some()
    }

    /// Forgets this person; tells which scopes there were.
    fn forget(&mut self, who: RecipientId) -> Vec<SuppressScope> {
        let mut gone = Vec::new();
        while let Some((_, number, _)) = self.all.remove(&who.0, |(person, ..)| *person == who) {
            let scope = self.scopes.iter().find(|(_, of)| **of == number);
            gone.extend(scope.map(|(scope, _)| scope.clone()));
        }
        gone
    }
}

impl State {
    /// A suppression as it was.
    pub(in crate::store::embedded) fn load_suppression(&mut self, suppression: &Suppression) {
        self.suppressions.insert(suppression.recipient, &suppression.scope, suppression.why);
    }

    /// Stops mail to a person, and hands off what waits for them, and their open cases.
    pub(in crate::store::embedded) fn suppress(
        &mut self,
        suppression: &Suppression,
        now: Millis,
    ) -> Suppressed {
        let Suppression { recipient: who, scope, why, .. } = suppression;
        let known = self.suppressions.get(*who, scope);
        if known.is_none() {
            self.suppressions.insert(*who, scope, *why);
            let detail = foreign(&suppression.detail);
            self.changes.push(Change::Suppress(Box::new(Suppression { detail, ..suppression.clone() })));
        }
        let words = known.unwrap_or(*why).words();
        let mut suppressed = Suppressed { new: known.is_none(), ..Suppressed::default() };
        for case in self.open_cases_of(*who, scope) {
            suppressed.handed_off += self.hand_off(case, words, now).0.len() as u64;
        }
        for slot in self.live_of(*who, scope) {
            if self.withdraw(slot, SendState::HandedOff, words, now) {
                suppressed.handed_off += 1;
            } else {
                suppressed.in_hand_over += 1;
            }
        }
        suppressed
    }

    /// Lets a person have mail again; tells whether it was stopped.
    pub(in crate::store::embedded) fn unsuppress(&mut self, who: RecipientId, scope: &SuppressScope) -> bool {
        let lifted = self.suppressions.remove(who, scope);
        if lifted {
            self.changes.push(Change::Unsuppress(who, scope.clone()));
        }
        lifted
    }

    /// Forgets that a person got no more mail.
    pub(super) fn forget_suppressions(&mut self, who: RecipientId) {
        let gone = self.suppressions.forget(who);
        self.changes.extend(gone.into_iter().map(|scope| Change::Unsuppress(who, scope)));
    }

    /// Why a live send must not go, in the words of its history.
    pub(super) fn stopped(&self, slot: Slot) -> Option<&'static str> {
        let entry = self.sends.at(slot);
        let brand = &self.flows.scope(entry.flow).brand;
        self.suppressions.of(entry.recipient, brand).map(SuppressReason::words)
    }

    /// Why a person's cases of this brand leave at once.
    pub(in crate::store::embedded) fn stops(&self, who: RecipientId, brand: &Name) -> Option<&'static str> {
        self.suppressions.of(who, brand).map(SuppressReason::words)
    }

    /// A person's live sends of a scope.
    fn live_of(&self, who: RecipientId, scope: &SuppressScope) -> Vec<Slot> {
        let mut slots = self.contacts.claims_of(who);
        slots.extend(self.queue.of(who, usize::MAX));
        slots.retain(|slot| scope.covers(&self.flows.scope(self.sends.at(*slot).flow).brand));
        slots
    }
}
