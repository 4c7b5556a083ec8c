//! The live sends, a good hundred bytes each, found by slot, by id and by case.

use std::collections::BTreeSet;

use crate::model::{CaseId, OnDeadline, OnUncertain, RecipientId, SendId, SendState};

use crate::store::days::Day;

use super::super::shards::Shards;
use super::super::time::{EVER, Millis, NEVER};

/// Where an entry lies in the table; taken again once its send has ended.
pub(in crate::store::embedded) type Slot = u32;

/// Where a live send stands, and in which queue it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store::embedded) enum Stand {
    /// Waiting, its deadline has passed, and it shall be sent all the same.
    Overdue = 0,
    /// Waiting for its recipient.
    Ready = 1,
    /// Waiting for its due moment.
    Early = 2,
    /// Claimed.
    Claimed = 3,
}

/// What the store keeps in memory of a live send.
#[derive(Debug, Clone)]
pub(in crate::store::embedded) struct Entry {
    pub(in crate::store::embedded) id: SendId,
    pub(in crate::store::embedded) recipient: RecipientId,
    pub(in crate::store::embedded) case: CaseId,
    pub(in crate::store::embedded) arrival: u64,
    pub(in crate::store::embedded) due: Millis,
    pub(in crate::store::embedded) deadline: Millis,
    /// A better moment before its deadline to go without presence, if one was found.
    pub(in crate::store::embedded) aimed: Millis,
    /// When [`tick`](super::State::tick) looks at it next.
    pub(in crate::store::embedded) timer: Millis,
    /// Its flow's number in [`FlowTable`](super::flows::FlowTable).
    pub(in crate::store::embedded) flow: u32,
    pub(in crate::store::embedded) attempts: u32,
    /// Unix seconds of the first claim, zero before it.
    pub(in crate::store::embedded) dated: u32,
    /// The day under which it is counted as accepted.
    pub(in crate::store::embedded) accepted_on: Day,
    pub(in crate::store::embedded) events: u16,
    pub(in crate::store::embedded) priority: i16,
    pub(in crate::store::embedded) stand: Stand,
    pub(in crate::store::embedded) on_deadline: OnDeadline,
    pub(in crate::store::embedded) on_uncertain: OnUncertain,
    /// Its recipient was forgotten while it was handed over.
    pub(in crate::store::embedded) forgotten: bool,
    /// What it becomes instead of waiting again.
    pub(in crate::store::embedded) leaves: Option<SendState>,
}

impl Entry {
    /// Whether its deadline has passed, or the better moment before it.
    pub(super) fn late(&self, now: Millis) -> bool {
        self.deadline.min(self.aimed) <= now
    }

    /// From when on a better moment than its deadline is looked for: that long before it.
    pub(super) fn near(&self, best_hour: Millis) -> Millis {
        let wants = self.on_deadline == OnDeadline::Send && self.aimed == NEVER && self.deadline != NEVER;
        if wants && best_hour > 0 { self.deadline.saturating_sub(best_hour) } else { NEVER }
    }

    /// Whether its deadline has passed and took it out of e-mail.
    pub(super) fn lapsed(&self, now: Millis) -> bool {
        self.late(now) && self.on_deadline != OnDeadline::Send
    }

    /// Which queue it belongs to while it waits.
    pub(super) fn waiting(&self, now: Millis) -> Stand {
        match () {
            () if self.due > now => Stand::Early,
            () if self.late(now) && self.on_deadline == OnDeadline::Send => Stand::Overdue,
            () => Stand::Ready,
        }
    }

    /// When time changes something for it while it waits in that queue.
    pub(super) fn next_moment(&self, stand: Stand, best_hour: Millis) -> Millis {
        match stand {
            Stand::Early if self.on_deadline == OnDeadline::Send => self.due,
            Stand::Early => self.due.min(self.deadline),
            Stand::Ready => self.deadline.min(self.aimed).min(self.near(best_hour)),
            Stand::Overdue => EVER,
            Stand::Claimed => NEVER,
        }
    }
}

/// The table of live sends.
#[derive(Debug)]
pub(in crate::store::embedded) struct Sends {
    /// In blocks, so that growing copies nothing.
    blocks: Vec<Vec<Entry>>,
    free: Vec<Slot>,
    by_id: Shards<Slot>,
    by_case: BTreeSet<(CaseId, Slot)>,
    live: u64,
}

impl Sends {
    const BLOCK: usize = 4096;

    /// An empty table that may grow to `most`.
    pub(super) fn new(most: u64) -> Self {
        let by_id = Shards::new(usize::try_from(most).unwrap_or(usize::MAX));
        Self { blocks: Vec::new(), free: Vec::new(), by_id, by_case: BTreeSet::new(), live: 0 }
    }

    /// How many live sends there are.
    pub(super) fn len(&self) -> u64 {
        self.live
    }

    /// The entry in a slot that is in use.
    pub(super) fn at(&self, slot: Slot) -> &Entry {
        &self.blocks[slot as usize / Self::BLOCK][slot as usize % Self::BLOCK]
    }

    /// The same, to be changed; id and case must stay.
    pub(super) fn at_mut(&mut self, slot: Slot) -> &mut Entry {
        &mut self.blocks[slot as usize / Self::BLOCK][slot as usize % Self::BLOCK]
    }

    /// The slot of a live send.
    pub(super) fn find(&self, id: SendId) -> Option<Slot> {
        self.by_id.get(&id.0, |slot| self.at(*slot).id == id).copied()
    }

    /// The live sends of a case.
    pub(super) fn of_case(&self, case: CaseId) -> Vec<Slot> {
        self.by_case.range((case, Slot::MIN)..=(case, Slot::MAX)).map(|(_, slot)| *slot).collect()
    }

    /// Takes in a send whose id is not in the table.
    pub(super) fn insert(&mut self, entry: Entry) -> Slot {
        let (id, case) = (entry.id, entry.case);
        let slot = if let Some(slot) = self.free.pop() {
            *self.at_mut(slot) = entry;
            slot
        } else {
            self.append(entry)
        };
        let blocks = &self.blocks;
        self.by_id.insert(&id.0, slot, |slot| {
            blocks[*slot as usize / Self::BLOCK][*slot as usize % Self::BLOCK].id.0
        });
        if case != CaseId::NONE {
            self.by_case.insert((case, slot));
        }
        self.live += 1;
        slot
    }

    /// Takes a send out; its slot may be used again.
    pub(super) fn remove(&mut self, slot: Slot) -> Entry {
        let entry = self.at(slot).clone();
        self.by_id.remove(&entry.id.0, |other| *other == slot);
        self.by_case.remove(&(entry.case, slot));
        self.free.push(slot);
        self.live -= 1;
        entry
    }

    /// Makes a live send belong to no case any more.
    pub(super) fn leave_case(&mut self, slot: Slot) {
        let case = std::mem::replace(&mut self.at_mut(slot).case, CaseId::NONE);
        self.by_case.remove(&(case, slot));
    }

    fn append(&mut self, entry: Entry) -> Slot {
        if self.blocks.last().is_none_or(|block| block.len() == Self::BLOCK) {
            self.blocks.push(Vec::with_capacity(Self::BLOCK));
        }
        let block = self.blocks.len() - 1;
        self.blocks[block].push(entry);
        let slot = block * Self::BLOCK + self.blocks[block].len() - 1;
        Slot::try_from(slot).expect("four thousand million sends do not fit in memory")
    }
}
