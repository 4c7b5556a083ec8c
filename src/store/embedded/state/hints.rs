//! Signs of presence that were not enough alone, for a minute each, in memory only.

use std::collections::{HashMap, VecDeque};

use crate::model::{Hint, RecipientId};

use super::super::time::Millis;

/// What was hinted at of whom.
#[derive(Debug, Default)]
pub(super) struct Hints {
    people: HashMap<RecipientId, Vec<(Hint, Millis)>>,
    /// When whose hints may have run out, in that order.
    order: VecDeque<(Millis, RecipientId)>,
    lasting: Millis,
}

impl Hints {
    /// Most hints remembered, about 100 bytes each; beyond it the oldest are forgotten.
    const MOST: usize = 100_000;

    /// None yet; each lasts so long.
    pub(super) fn new(lasting: Millis) -> Self {
        Self { lasting, ..Self::default() }
    }

    /// The hints that still count, by kind.
    pub(super) fn of(&self, who: RecipientId, now: Millis) -> Vec<Hint> {
        let known = self.people.get(&who).map(Vec::as_slice).unwrap_or_default();
        let mut hints: Vec<_> =
            known.iter().filter(|(_, until)| now < *until).map(|(hint, _)| *hint).collect();
        hints.sort_by_key(|hint| hint.kind);
        hints
    }

    /// Remembers a hint, and of its kind the strongest that still counts.
    pub(super) fn add(&mut self, who: RecipientId, hint: Hint, now: Millis) {
        while self.order.len() >= Self::MOST || self.order.front().is_some_and(|(until, _)| *until <= now) {
            let Some((until, who)) = self.order.pop_front() else { break };
            self.drop_until(who, until);
        }
        let until = now.saturating_add(self.lasting);
        let known = self.people.entry(who).or_default();
        let same = known.iter().position(|(other, _)| other.kind == hint.kind);
        let before = same.map(|place| known.swap_remove(place)).filter(|(_, until)| now < *until);
        let percent = before.map_or(hint.percent, |(before, _)| before.percent.max(hint.percent));
        known.push((Hint { percent, ..hint }, until));
        self.order.push_back((until, who));
    }

    /// Forgets all of this person's.
    pub(super) fn forget(&mut self, who: RecipientId) {
        self.people.remove(&who);
    }

    fn drop_until(&mut self, who: RecipientId, until: Millis) {
        let Some(known) = self.people.get_mut(&who) else { return };
        known.retain(|(_, its)| *its > until);
        if known.is_empty() {
            self.people.remove(&who);
        }
    }
}
