//! Decisions made before, so that an agent is read by the rules once and not in every request.
//!
//! A table of plain numbers: each slot holds most of an agent's hash and the decision beside it, in one word that
//! threads read and write whole. No agent's text is kept, nothing grows, nobody waits; two agents that want the same
//! slot take turns. The hash has a random seed, so nobody outside can make two agents meet (by chance: 2⁻⁶⁰).

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::quality::RandomState;

/// Slots: mail clients' agents number in the hundreds on a day. 32 KiB, which stays in a core's own cache.
const SLOTS: usize = 4096;

/// The bits of a slot that hold the decision plus one; an empty slot is zero.
const DECISION: u64 = 0xffff;

/// Remembered decisions, numbered by whoever makes them.
#[derive(Debug)]
pub(super) struct Remembered {
    slots: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl Remembered {
    pub(super) fn new() -> Self {
        Self { slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(), hasher: RandomState::default() }
    }

    /// The decision on these bytes, made by `decide` unless it is remembered. Decisions are below 65,535.
    pub(super) fn decision(&self, bytes: &[u8], decide: impl FnOnce() -> u16) -> u16 {
        let hash = self.hasher.hash_one(bytes);
        // The low bits choose the slot, the high bits stand in it.
        let slot = &self.slots[usize::try_from(hash & DECISION).unwrap_or(0) % SLOTS];
        let found = slot.load(Ordering::Relaxed);
        if let (true, Some(decision)) = (found & !DECISION == hash & !DECISION, decision_in(found)) {
            return decision;
        }
        let decision = decide();
        slot.store((hash & !DECISION) | (u64::from(decision) + 1), Ordering::Relaxed);
        decision
    }
}

fn decision_in(slot: u64) -> Option<u16> {
    u16::try_from((slot & DECISION).checked_sub(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_made_once_and_never_another_agents() {
        let remembered = Remembered::new();
        let mut made = 0;
        for round in 0..2 {
            for agent in 0_u16..100 {
                let decided = remembered.decision(&agent.to_be_bytes(), || {
                    made += 1;
                    agent
                });
                assert_eq!(decided, agent, "round {round}");
            }
        }
        assert!((100..150).contains(&made), "{made} decisions on 100 agents");
    }

    #[test]
    fn more_agents_than_slots_are_decided_right() {
        let remembered = Remembered::new();
        for _ in 0..2 {
            for agent in 0..u16::MAX - 1 {
                assert_eq!(remembered.decision(&agent.to_be_bytes(), || agent), agent);
            }
        }
    }
}
