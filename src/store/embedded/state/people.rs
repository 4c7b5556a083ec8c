//! What the store knows of people besides presence: consents, and who was written to lately.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::model::{Grantee, RecipientId};

use super::super::shards::Shards;
use super::super::time::Millis;
use super::sends::Slot;

/// Somebody who is being written to, or was within `min_gap`.
#[derive(Debug, Default)]
struct Contact {
    claimed: BTreeSet<Slot>,
    last_sent: Option<Millis>,
}

/// Claims and last mails by person. Bounded by the claims in force and the mails of one `min_gap`.
#[derive(Debug, Default)]
pub(super) struct Contacts {
    by_person: HashMap<RecipientId, Contact>,
    /// Mails in the order they were sent, to forget them after `min_gap`.
    sent: VecDeque<(Millis, RecipientId)>,
    min_gap: Millis,
}

impl Contacts {
    /// Nobody was written to; the gap is kept from now on.
    pub(super) fn new(min_gap: Millis) -> Self {
        Self { min_gap, ..Self::default() }
    }

    /// Whether one person gets only one mail per gap.
    pub(super) fn spaced(&self) -> bool {
        self.min_gap > 0
    }

    /// When the next mail to this person may be claimed: `None` while one is under way.
    pub(super) fn free_at(&self, who: RecipientId) -> Option<Millis> {
        let Some(contact) = self.by_person.get(&who).filter(|_| self.spaced()) else {
            return Some(Millis::MIN);
        };
        let free = contact.last_sent.map_or(Millis::MIN, |at| at.saturating_add(self.min_gap));
        contact.claimed.is_empty().then_some(free)
    }

    /// A send to this person was claimed.
    pub(super) fn claimed(&mut self, who: RecipientId, slot: Slot) {
        self.by_person.entry(who).or_default().claimed.insert(slot);
    }

    /// It is no longer claimed.
    pub(super) fn unclaimed(&mut self, who: RecipientId, slot: Slot) {
        if let Some(contact) = self.by_person.get_mut(&who) {
            contact.claimed.remove(&slot);
            self.drop_if_empty(who);
        }
    }

    /// What is claimed for this person.
    pub(super) fn claims_of(&self, who: RecipientId) -> Vec<Slot> {
        self.by_person.get(&who).map(|contact| contact.claimed.iter().copied().collect()).unwrap_or_default()
    }

    /// A mail went out to this person; tells whether that must be remembered.
    pub(super) fn sent(&mut self, who: RecipientId, at: Millis) -> bool {
        if self.spaced() {
            self.by_person.entry(who).or_default().last_sent = Some(at);
            self.sent.push_back((at, who));
        }
        self.spaced()
    }

    /// When the last mail went out to this person, if that still matters.
    pub(super) fn last_sent(&self, who: RecipientId, now: Millis) -> Option<Millis> {
        let at = self.by_person.get(&who)?.last_sent?;
        (now < at.saturating_add(self.min_gap)).then_some(at)
    }

    /// Forgets the last mail to this person; tells whether there was one.
    pub(super) fn forget(&mut self, who: RecipientId) -> bool {
        let known = self.by_person.get_mut(&who).and_then(|contact| contact.last_sent.take());
        self.drop_if_empty(who);
        known.is_some()
    }

    /// When [`expire`](Self::expire) has something to do, if ever.
    pub(super) fn next_expiry(&self) -> Option<Millis> {
        self.sent.front().map(|(at, _)| at.saturating_add(self.min_gap))
    }

    /// Forgets at most `most` mails older than the gap; gives the people for whom no later one is known.
    pub(super) fn expire(&mut self, now: Millis, most: usize) -> Vec<RecipientId> {
        let mut gone = Vec::new();
        for _ in 0..most {
            let Some((at, who)) = self.sent.pop_front_if(|(at, _)| at.saturating_add(self.min_gap) <= now)
            else {
                break;
            };
            if self.by_person.get(&who).is_some_and(|contact| contact.last_sent == Some(at)) {
                self.forget(who);
                gone.push(who);
            }
        }
        gone
    }

    fn drop_if_empty(&mut self, who: RecipientId) {
        let empty = |contact: &Contact| contact.claimed.is_empty() && contact.last_sent.is_none();
        if self.by_person.get(&who).is_some_and(empty) {
            self.by_person.remove(&who);
        }
    }
}

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
