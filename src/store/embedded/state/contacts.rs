//! Who is being written to, and who was lately: one visit, one mail, and no more than a budget of them.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::model::{Budget, Budgets, Name, RecipientId};

use super::super::records::Contacted;
use super::super::time::{Millis, span};
use super::sends::Slot;

/// Somebody who is being written to, or was as far back as the rules look.
#[derive(Debug, Default)]
struct Contact {
    claimed: BTreeSet<Slot>,
    /// The mails this person got, the oldest first.
    sent: Vec<Contacted>,
}

/// Claims and mails by person. Bounded by the claims in force and the mails within the longest budget.
#[derive(Debug, Default)]
pub(super) struct Contacts {
    by_person: HashMap<RecipientId, Contact>,
    /// Mails in the order they were sent, to forget them in time.
    sent: VecDeque<(Millis, RecipientId)>,
    min_gap: Millis,
    budgets: Budgets,
    /// How far back the rules look.
    memory: Millis,
}

/// The most mails of one person that are remembered; as many as the largest budget can count.
pub(super) const MOST_REMEMBERED: usize = 256;

impl Contacts {
    /// Nobody was written to; gap and budgets are kept from now on.
    pub(super) fn new(min_gap: Millis, budgets: Budgets) -> Self {
        let longest = budgets.all().map(|budget| span(budget.within)).max().unwrap_or_default();
        Self { min_gap, memory: min_gap.max(longest), budgets, ..Self::default() }
    }

    /// Whether one mail to a person decides when the next may go.
    pub(super) fn spaced(&self) -> bool {
        self.memory > 0
    }

    /// When the next mail of anybody to this person may be claimed: `None` while one is under way.
    pub(super) fn free_at(&self, who: RecipientId) -> Option<Millis> {
        let Some(contact) = self.by_person.get(&who).filter(|_| self.spaced()) else {
            return Some(Millis::MIN);
        };
        let gap = contact.sent.last().filter(|_| self.min_gap > 0);
        let gap = gap.map_or(Millis::MIN, |last| last.at.saturating_add(self.min_gap));
        let free = gap.max(exhausted_until(&self.budgets.together, &contact.sent.iter()));
        contact.claimed.is_empty().then_some(free)
    }

    /// The same for a mail of this brand.
    pub(super) fn free_for(&self, who: RecipientId, brand: &Name) -> Option<Millis> {
        Some(self.free_at(who)?.max(self.brand_free_at(who, brand)))
    }

    /// When this brand's own budgets allow its next mail to this person.
    pub(super) fn brand_free_at(&self, who: RecipientId, brand: &Name) -> Millis {
        let budgets = self.budgets.of(brand);
        match self.by_person.get(&who).filter(|_| !budgets.is_empty()) {
            Some(contact) => {
                let its = contact.sent.iter().filter(|mail| mail.brand.as_ref() == Some(brand));
                exhausted_until(budgets, &its)
            }
            None => Millis::MIN,
        }
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

    /// A mail went out to this person; gives what must be remembered of them, if anything.
    pub(super) fn sent(&mut self, who: RecipientId, mail: Contacted) -> Option<Vec<Contacted>> {
        if !self.spaced() {
            return None;
        }
        let at = mail.at;
        let mails = &mut self.by_person.entry(who).or_default().sent;
        mails.retain(|mail| at < mail.at.saturating_add(self.memory));
        mails.push(mail);
        if mails.len() > MOST_REMEMBERED {
            mails.remove(0);
        }
        self.sent.push_back((at, who));
        Some(mails.clone())
    }

    /// Takes over what was remembered of a person, in any order of people.
    pub(super) fn load(&mut self, all: Vec<(RecipientId, Vec<Contacted>)>) {
        let mails = all.iter().flat_map(|(who, mails)| mails.iter().map(|mail| (mail.at, *who)));
        let mut sent: Vec<_> = mails.collect();
        sent.sort_unstable();
        self.sent = sent.into();
        for (who, mut mails) in all {
            mails.sort_by_key(|mail| mail.at);
            self.by_person.entry(who).or_default().sent = mails;
        }
    }

    /// The mails to this person that still matter, the oldest first.
    pub(super) fn of(&self, who: RecipientId, now: Millis) -> Vec<Contacted> {
        let sent = self.by_person.get(&who).map(|contact| contact.sent.as_slice()).unwrap_or_default();
        sent.iter().filter(|mail| now < mail.at.saturating_add(self.memory)).cloned().collect()
    }

    /// When the last mail went out to this person, if that still matters.
    pub(super) fn last_sent(&self, who: RecipientId, now: Millis) -> Option<Millis> {
        let at = self.by_person.get(&who)?.sent.last()?.at;
        (now < at.saturating_add(self.memory)).then_some(at)
    }

    /// Forgets the mails to this person; tells whether there were any.
    pub(super) fn forget(&mut self, who: RecipientId) -> bool {
        let known = self.by_person.get_mut(&who).map(|contact| std::mem::take(&mut contact.sent));
        self.drop_if_empty(who);
        known.is_some_and(|sent| !sent.is_empty())
    }

    /// When [`expire`](Self::expire) has something to do, if ever.
    pub(super) fn next_expiry(&self) -> Option<Millis> {
        self.sent.front().map(|(at, _)| at.saturating_add(self.memory))
    }

    /// Forgets at most `most` mails that no rule looks back to; gives the people of whom no later one is known.
    pub(super) fn expire(&mut self, now: Millis, most: usize) -> Vec<RecipientId> {
        let mut gone = Vec::new();
        for _ in 0..most {
            let Some((at, who)) = self.sent.pop_front_if(|(at, _)| at.saturating_add(self.memory) <= now)
            else {
                break;
            };
            if self
                .by_person
                .get(&who)
                .and_then(|contact| contact.sent.last())
                .is_some_and(|last| last.at == at)
            {
                self.forget(who);
                gone.push(who);
            }
        }
        gone
    }

    fn drop_if_empty(&mut self, who: RecipientId) {
        let empty = |contact: &Contact| contact.claimed.is_empty() && contact.sent.is_empty();
        if self.by_person.get(&who).is_some_and(empty) {
            self.by_person.remove(&who);
        }
    }
}

/// Until when these mails, the oldest first, leave no room in a budget.
fn exhausted_until<'a, M>(budgets: &[Budget], mails: &M) -> Millis
where
    M: DoubleEndedIterator<Item = &'a Contacted> + Clone,
{
    let until = |budget: &Budget| {
        let nth = mails.clone().rev().nth(budget.at_most.saturating_sub(1) as usize);
        nth.map_or(Millis::MIN, |mail| mail.at.saturating_add(span(budget.within)))
    };
    budgets.iter().map(until).max().unwrap_or(Millis::MIN)
}
