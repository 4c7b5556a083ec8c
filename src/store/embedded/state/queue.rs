//! What waits, in claiming order: one ordered set for all people.
//!
//! A place is 39 bytes that sort as the claim rule wants: person, stand, flow, then higher priority, earlier
//! deadline, earlier arrival. Flows come before the rest so that a claim can step over a paused flow in one jump,
//! however many of its sends wait.

use std::collections::BTreeSet;
use std::ops::Bound;

use crate::model::RecipientId;

use super::super::time::Millis;
use super::sends::{Entry, Slot, Stand};

/// Person 16, stand 1, flow 4, priority 2, deadline 6, arrival 6, slot 4. For early ones the due moment (8) stands in
/// place of the flow and what follows it, so that the next to become due is the first.
type Place = [u8; 39];

/// Where priority, deadline and arrival lie in a [`Place`].
const RANK: std::ops::Range<usize> = 21..35;

/// A send's rank among one person's: the lower goes first.
pub(super) type Rank = [u8; 14];

/// All waiting sends.
#[derive(Debug, Default)]
pub(super) struct Queue {
    places: BTreeSet<Place>,
}

impl Queue {
    /// Puts a waiting send where its `stand` and rank say.
    pub(super) fn insert(&mut self, entry: &Entry, slot: Slot) {
        self.places.insert(place(entry, slot));
    }

    /// Takes it out; the entry must be as it was when it was put in.
    pub(super) fn remove(&mut self, entry: &Entry, slot: Slot) {
        self.places.remove(&place(entry, slot));
    }

    /// The first `most` of one person's in one stand that `wanted` wants, with their ranks, from each flow that
    /// `open` lets through.
    pub(super) fn first(
        &self,
        who: RecipientId,
        stand: Stand,
        most: usize,
        open: impl Fn(u32) -> bool,
        wanted: impl Fn(Slot) -> bool,
    ) -> Vec<(Rank, Slot)> {
        let mut found = Vec::new();
        let mut flow = Some(0);
        while let Some(from) = flow {
            let Some(first) = self.places.range(floor(who, stand, from)..=ceiling(who, stand)).next() else {
                break;
            };
            let here = flow_of(first);
            if open(here) {
                let places = self.places.range(*first..=flow_ceiling(who, stand, here));
                let wanted = places.filter(|place| wanted(slot_of(place))).take(most);
                found.extend(wanted.map(|place| (rank_of(place), slot_of(place))));
            }
            flow = here.checked_add(1);
        }
        found
    }

    /// At most `most` early sends of one person that are due by `now`, the earliest first.
    pub(super) fn ripe(&self, who: RecipientId, now: Millis, most: usize) -> Vec<Slot> {
        let mut until = ceiling(who, Stand::Early);
        until[17..25].copy_from_slice(&sortable(now));
        let places = self.places.range(floor(who, Stand::Early, 0)..=until);
        places.take(most).map(slot_of).collect()
    }

    /// At most `most` of one person's waiting sends, whatever their stand.
    pub(super) fn of(&self, who: RecipientId, most: usize) -> Vec<Slot> {
        let all = floor(who, Stand::Overdue, 0)..=ceiling(who, Stand::Early);
        self.places.range(all).take(most).map(slot_of).collect()
    }

    /// The next person after this one, or the first, who waits for something.
    pub(super) fn person_after(&self, who: Option<RecipientId>) -> Option<RecipientId> {
        let from = who.map_or(Bound::Unbounded, |who| Bound::Excluded(ceiling(who, Stand::Claimed)));
        self.places.range((from, Bound::Unbounded)).next().map(person_of)
    }
}

/// The rank of a send, as the claim rule wants it.
pub(super) fn rank(entry: &Entry) -> Rank {
    let mut rank = [0; 14];
    let priority = i16::MAX.abs_diff(entry.priority);
    rank[..2].copy_from_slice(&priority.to_be_bytes());
    // Six bytes of milliseconds last until the year 10889; "no deadline" is behind them all.
    let deadline = entry.deadline.clamp(0, (1 << 48) - 1).to_be_bytes();
    rank[2..8].copy_from_slice(&deadline[2..]);
    rank[8..].copy_from_slice(&entry.arrival.to_be_bytes()[2..]);
    rank
}

fn place(entry: &Entry, slot: Slot) -> Place {
    let mut place = floor(entry.recipient, entry.stand, entry.flow);
    if entry.stand == Stand::Early {
        place[17..25].copy_from_slice(&sortable(entry.due));
    } else {
        place[RANK].copy_from_slice(&rank(entry));
    }
    place[35..].copy_from_slice(&slot.to_be_bytes());
    place
}

fn floor(who: RecipientId, stand: Stand, flow: u32) -> Place {
    let mut place = [0; 39];
    place[..16].copy_from_slice(&who.0);
    place[16] = stand as u8;
    place[17..21].copy_from_slice(&flow.to_be_bytes());
    place
}

fn ceiling(who: RecipientId, stand: Stand) -> Place {
    flow_ceiling(who, stand, u32::MAX)
}

fn flow_ceiling(who: RecipientId, stand: Stand, flow: u32) -> Place {
    let mut place = floor(who, stand, flow);
    place[21..].fill(u8::MAX);
    place
}

fn sortable(at: Millis) -> [u8; 8] {
    (at ^ Millis::MIN).to_be_bytes()
}

fn person_of(place: &Place) -> RecipientId {
    let mut who = [0; 16];
    who.copy_from_slice(&place[..16]);
    RecipientId(who)
}

fn flow_of(place: &Place) -> u32 {
    u32::from_be_bytes([place[17], place[18], place[19], place[20]])
}

fn rank_of(place: &Place) -> Rank {
    let mut rank = [0; 14];
    rank.copy_from_slice(&place[RANK]);
    rank
}

fn slot_of(place: &Place) -> Slot {
    u32::from_be_bytes([place[35], place[36], place[37], place[38]])
}
