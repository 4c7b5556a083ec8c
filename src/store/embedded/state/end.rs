//! Ending sends from outside: one, a person.

use crate::model::{RecipientId, SendId, SendState};
use crate::store::{Cancelled, Forgotten};

use super::{Millis, Slot, Stand, State};
use crate::store::embedded::records::{Change, End, Tally};

impl State {
    /// Cancels one send. `None`: it is not alive, ask its [`End`].
    pub(in crate::store::embedded) fn cancel(
        &mut self,
        id: SendId,
        reason: &str,
        now: Millis,
    ) -> Option<Cancelled> {
        let slot = self.sends.find(id)?;
        Some(if self.call_off(slot, reason, now) { Cancelled::Done } else { Cancelled::InHandOver })
    }

    /// Erases a person, but for the count of their recorded consents, which only the disk knows.
    pub(in crate::store::embedded) fn forget(&mut self, who: RecipientId, now: Millis) -> Forgotten {
        let presence = self.presence.away(who, now);
        self.consents.forget(who);
        self.hints.forget(who);
        self.forget_suppressions(who);
        self.changes.push(Change::NoHours(who));
        if self.contacts.forget(who) {
            self.changes.push(Change::Contacts(who, Vec::new()));
        }
        let cases = self.forget_cases(who, now);
        let mut forgotten = Forgotten { cases, presence, ..Forgotten::default() };
        let mut slots = self.contacts.claims_of(who);
        slots.extend(self.queue.of(who, usize::MAX));
        for slot in slots {
            if self.call_off(slot, "forgotten", now) {
                forgotten.sends += 1;
            } else {
                forgotten.in_hand_over += 1;
                self.anonymise(slot);
            }
        }
        forgotten
    }

    /// Cancels a live send, unless its hand-over has begun; tells which.
    pub(super) fn call_off(&mut self, slot: Slot, reason: &str, now: Millis) -> bool {
        self.withdraw(slot, SendState::Cancelled, reason, now)
    }

    /// Ends a live send in this state, unless its hand-over has begun; tells which.
    pub(super) fn withdraw(&mut self, slot: Slot, to: SendState, reason: &str, now: Millis) -> bool {
        if self.sends.at(slot).stand != Stand::Claimed {
            self.unshelve(slot);
            self.finalise(slot, SendState::Waiting, to, now, reason);
            return true;
        }
        if self.holds.get(&slot).is_some_and(|held| held.begun) {
            return false;
        }
        self.unclaim(slot, 0);
        self.finalise(slot, SendState::Claimed, to, now, reason);
        true
    }

    /// Makes a send that is being handed over nobody's: what is left of it names no person.
    fn anonymise(&mut self, slot: Slot) {
        let who = self.sends.at(slot).recipient;
        self.contacts.unclaimed(who, slot);
        self.sends.leave_case(slot);
        let entry = self.sends.at_mut(slot);
        entry.forgotten = true;
        entry.recipient = RecipientId([0; 16]);
        let id = entry.id;
        self.save(slot);
        self.changes.push(Change::Erase(id));
    }

    /// The send leaves the table for good. It was taken from its queue, or its claim was ended, before.
    pub(super) fn finalise(&mut self, slot: Slot, from: SendState, to: SendState, now: Millis, detail: &str) {
        self.note(slot, now, to.as_str(), detail);
        let entry = self.sends.remove(slot);
        let held = self.holds.remove(&slot);
        let end = End { state: to, at: now, attempts: entry.attempts, held, provider: None, departed: false };
        self.changes.push(Change::End(entry.id, end));
        self.flows.shift(entry.flow, from, to);
        self.calendar.leave(&self.flows.scope(entry.flow).brand, &entry);
        let tally = Tally::Ended(self.flows.ended(entry.flow));
        self.changes.push(Change::Tally(self.flows.scope(entry.flow).clone(), tally));
        self.mail_of_case_ended(entry.case, entry.id, to, now);
        self.rewake(entry.recipient, now);
    }
}
