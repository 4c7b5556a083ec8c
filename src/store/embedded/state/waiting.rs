//! Where a send waits: its place in the queue, and when time looks at it.

use crate::model::RecipientId;

use super::{Millis, NEVER, Slot, Stand, State, span};

impl State {
    /// Puts an entry that waits (again) where it belongs at this time, with its timer. A moment that has passed comes now:
    /// nothing could be done about it before.
    pub(super) fn shelve(&mut self, slot: Slot, now: Millis) -> Stand {
        let best_hour = span(self.rules.best_hour);
        let entry = self.sends.at_mut(slot);
        entry.stand = entry.waiting(now);
        let (stand, moment) = (entry.stand, entry.next_moment(entry.stand, best_hour));
        self.queue.insert(self.sends.at(slot), slot);
        self.set_timer(slot, if stand == Stand::Overdue { moment } else { moment.max(now) });
        stand
    }

    /// Takes a waiting entry from its place, its timer and its paused flow.
    pub(super) fn unshelve(&mut self, slot: Slot) {
        self.set_timer(slot, NEVER);
        let entry = self.sends.at(slot);
        self.queue.remove(entry, slot);
        if let Some(held) = self.held.get_mut(&entry.flow) {
            held.remove(&slot);
            if held.is_empty() {
                self.held.remove(&entry.flow);
            }
        }
    }

    pub(super) fn set_timer(&mut self, slot: Slot, when: Millis) {
        let entry = self.sends.at_mut(slot);
        let before = std::mem::replace(&mut entry.timer, when);
        let timers = if entry.stand == Stand::Overdue { &mut self.overdue } else { &mut self.timers };
        if before != NEVER {
            timers.remove(&(before, slot));
        }
        if when != NEVER {
            timers.insert((when, slot));
        }
    }

    /// After a claim of this person ended, or an overdue send left: makes sure that the person's next overdue sends
    /// are looked at.
    pub(super) fn rewake(&mut self, who: RecipientId, now: Millis) {
        if !self.contacts.spaced() {
            return;
        }
        for (_, slot) in self.queue.first(who, Stand::Overdue, 1, |_| true, |_| true) {
            let flow = self.sends.at(slot).flow;
            let Some(free) = self.contacts.free_for(who, &self.flows.scope(flow).brand) else { return };
            let held = self.held.get(&flow).is_some_and(|held| held.contains(&slot));
            if !held && self.sends.at(slot).timer == NEVER {
                self.set_timer(slot, free.max(now));
            }
        }
    }
}
