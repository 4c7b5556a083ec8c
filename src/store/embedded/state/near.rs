//! A better moment than the deadline, for sends that go without presence then: who is seen in the mailbox in one hour of
//! the week more than in others gets the mail in that hour.
//!
//! A send that comes near its deadline is told by the tick, each time that it is looked at; whoever hears of it finds the
//! moment and aims. From that moment on the send stands as if its deadline had passed.

use crate::model::{Cause, ClaimId, OnDeadline, RecipientId};
use crate::store::Aim;

use super::super::time::millis;
use super::{Millis, NEVER, Slot, Stand, State, Taken, span};

impl State {
    /// At most this many sends of a person lose their aim when they withdraw.
    const UNAIMED: usize = 1024;

    /// Tells of a send that is near its deadline and has no better moment yet; its next is the deadline.
    pub(super) fn come_near(&mut self, slot: Slot, request: ClaimId, now: Millis) -> Option<Taken> {
        let entry = self.sends.at(slot);
        if now < entry.near(span(self.rules.best_hour)) {
            return None;
        }
        self.set_timer(slot, entry.deadline);
        Some(self.taken(slot, request, Cause::Time, now))
    }

    /// Has a waiting send go without presence from this moment on; tells whether it will.
    pub(in crate::store::embedded) fn aim(&mut self, aim: &Aim, now: Millis) -> bool {
        let (at, Some(slot)) = (millis(aim.at), self.sends.find(aim.send)) else { return false };
        let entry = self.sends.at(slot);
        if entry.aimed == at && entry.stand != Stand::Claimed {
            return true;
        }
        let waits = matches!(entry.stand, Stand::Early | Stand::Ready) && !entry.late(now);
        if !waits || entry.on_deadline != OnDeadline::Send || entry.deadline <= at {
            return false;
        }
        self.set_aim(slot, at, now);
        self.note(slot, now, "aimed", &aim.words());
        self.save(slot);
        true
    }

    /// This person's sends go at their deadlines again: in which hours they were seen is forgotten.
    pub(super) fn unaim(&mut self, who: RecipientId, now: Millis) {
        let mut slots = self.contacts.claims_of(who);
        slots.extend(self.queue.of(who, Self::UNAIMED));
        slots.retain(|slot| self.sends.at(*slot).aimed != NEVER);
        for slot in slots {
            if self.sends.at(slot).stand == Stand::Claimed {
                self.sends.at_mut(slot).aimed = NEVER;
            } else if self.set_aim(slot, NEVER, now) == Stand::Ready {
                // Nothing is known any more by which a better moment could be found.
                self.set_timer(slot, self.sends.at(slot).deadline);
            }
            self.save(slot);
        }
    }

    fn set_aim(&mut self, slot: Slot, at: Millis, now: Millis) -> Stand {
        self.unshelve(slot);
        self.sends.at_mut(slot).aimed = at;
        self.shelve(slot, now)
    }
}
