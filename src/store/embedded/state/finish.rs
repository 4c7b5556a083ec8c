//! What the holder of a claim says: still at it, handing over now, this is how it ended.

use crate::model::{Deferral, Finish, Hold, Name, OnUncertain, SendState};
use crate::store::Fenced;

use super::recent::Mail;
use super::{Held, Millis, Slot, Stand, State, span};
use crate::store::embedded::records::{Change, Contacted};
use crate::store::embedded::time::millis;

impl State {
    /// Extends a lease that has not run out.
    pub(in crate::store::embedded) fn renew(&mut self, hold: Hold, now: Millis) -> Fenced {
        let Some(slot) = self.in_force(hold, now) else { return Fenced::Stale };
        let lease = now.saturating_add(span(self.rules.lease));
        if let Some(held) = self.holds.get_mut(&slot) {
            held.lease = lease;
        }
        self.set_timer(slot, lease);
        Fenced::Done
    }

    /// Marks the hand-over. `None`: the send is not alive, ask its [`End`](crate::store::embedded::records::End).
    pub(in crate::store::embedded) fn begin(&mut self, hold: Hold, now: Millis) -> Option<Fenced> {
        let slot = self.sends.find(hold.send)?;
        if self.in_force(hold, now).is_none() {
            let over = self.holds.get(&slot).filter(|held| held.claim == hold.claim);
            return Some(over.map_or(Fenced::Stale, Held::begun_and_finished));
        }
        if let Some(held) = self.holds.get_mut(&slot)
            && !held.begun
        {
            held.begun = true;
            self.save(slot);
        }
        Some(Fenced::Done)
    }

    /// Ends a claim. A lease that has run out but was not yet taken away by [`tick`](Self::tick) still counts: the
    /// truth, late, is better than `uncertain`. `None`: the send is not alive, ask its [`End`](crate::store::embedded::records::End).
    pub(in crate::store::embedded) fn finish(
        &mut self,
        hold: Hold,
        finish: &Finish,
        now: Millis,
    ) -> Option<Fenced> {
        let slot = self.sends.find(hold.send)?;
        let Some(last) = self.holds.get(&slot).filter(|last| last.claim == hold.claim) else {
            return Some(Fenced::Stale);
        };
        let mark = finish.mark();
        if last.ended.is_some() {
            return Some(last.finished_by(mark));
        }
        self.unclaim(slot, mark);
        match finish {
            Finish::Accepted { reply, provider } => self.sent(slot, reply, provider.as_ref(), now),
            Finish::Deferred(deferral) => self.defer(slot, deferral, now),
            Finish::Queued { until, reason } => self.take_turns(slot, millis(*until), reason, now),
            Finish::Rejected { reason } => {
                self.finalise(slot, SendState::Claimed, SendState::Failed, now, reason);
            }
            Finish::Released { reason } => {
                self.note(slot, now, "released", reason);
                self.come_back(slot, now);
            }
            Finish::Uncertain { reason } => {
                self.doubt(slot, reason, now);
            }
        }
        Some(Fenced::Done)
    }

    fn sent(&mut self, slot: Slot, reply: &str, provider: Option<&Name>, now: Millis) {
        self.is_recent(slot, provider, now);
        self.written_to(slot, now);
        self.finalise(slot, SendState::Claimed, SendState::Sent, now, reply);
        if let (Some(provider), Some(Change::End(_, end))) = (provider, self.last_end()) {
            end.provider = Some(provider.clone());
        }
    }

    /// From now on this mail has an age. Its history gets one more line before it is final.
    fn is_recent(&mut self, slot: Slot, provider: Option<&Name>, now: Millis) {
        let entry = self.sends.at(slot);
        let events = entry.events.saturating_add(1);
        self.recent.sent(entry.id, Mail { at: now, provider: provider.cloned(), events, landed: false });
    }

    fn last_end(&mut self) -> Option<&mut Change> {
        self.changes.iter_mut().rev().find(|change| matches!(change, Change::End(..)))
    }

    /// The person has this mail, or may have it: one visit, one mail.
    fn written_to(&mut self, slot: Slot, now: Millis) {
        let entry = self.sends.at(slot);
        let (who, brand) = (entry.recipient, self.flows.scope(entry.flow).brand.clone());
        if entry.forgotten {
            return;
        }
        if let Some(mails) = self.contacts.sent(who, Contacted { at: now, brand: Some(brand) }) {
            self.changes.push(Change::Contacts(who, mails));
        }
    }

    fn defer(&mut self, slot: Slot, deferral: &Deferral, now: Millis) {
        if deferral.counts && !self.count_attempt(slot) {
            self.finalise(slot, SendState::Claimed, SendState::Failed, now, &deferral.reason);
            return;
        }
        self.sends.at_mut(slot).due = millis(deferral.until);
        self.note(slot, now, "deferred", &deferral.reason);
        let waits = self.come_back(slot, now) == SendState::Waiting;
        if waits && self.sends.at(slot).stand == Stand::Ready {
            // Its moment came while this was on its way: time looks at it at once, as it would have then.
            self.set_timer(slot, now);
        }
    }

    /// An overdue send waits for its turn, or for its person. The turn is no part of its record.
    fn take_turns(&mut self, slot: Slot, turn: Millis, reason: &str, now: Millis) {
        self.note(slot, now, "deferred", reason);
        let waits = self.come_back(slot, now) == SendState::Waiting;
        if waits && self.sends.at(slot).stand == Stand::Overdue {
            self.set_timer(slot, turn);
        }
    }

    /// Nobody can know whether the relay took it. Where the brand wants it sent again, that counts as an attempt, so
    /// that a send that kills every gateway it meets comes to an end; and not within a lease, so that a relay that
    /// takes mails and breaks off before it says so is not fed copies as fast as it breaks off.
    pub(super) fn doubt(&mut self, slot: Slot, reason: &str, now: Millis) -> SendState {
        self.written_to(slot, now);
        let entry = self.sends.at(slot);
        let again = entry.on_uncertain == OnUncertain::Resend && !entry.forgotten && entry.leaves.is_none();
        if again && self.count_attempt(slot) {
            self.sends.at_mut(slot).due = now.saturating_add(span(self.rules.lease));
            self.note(slot, now, "deferred", reason);
            return self.come_back(slot, now);
        }
        self.is_recent(slot, None, now);
        self.finalise(slot, SendState::Claimed, SendState::Uncertain, now, reason);
        SendState::Uncertain
    }

    /// Counts an attempt, unless there were as many as there may be.
    fn count_attempt(&mut self, slot: Slot) -> bool {
        let most = self.rules.max_attempts;
        let entry = self.sends.at_mut(slot);
        let more = entry.attempts < most;
        entry.attempts += u32::from(more);
        more
    }

    /// The slot of the send, if this hold is honoured now.
    fn in_force(&self, hold: Hold, now: Millis) -> Option<Slot> {
        let slot = self.sends.find(hold.send).filter(|slot| self.sends.at(*slot).stand == Stand::Claimed)?;
        self.holds.get(&slot).is_some_and(|held| held.claim == hold.claim && now < held.lease).then_some(slot)
    }
}

impl Held {
    /// The answer to a `finish` that comes after the claim ended: done, if it is the one that ended it.
    pub(in crate::store::embedded) fn finished_by(&self, mark: u64) -> Fenced {
        if self.ended == Some(mark) { Fenced::Done } else { Fenced::Stale }
    }

    /// The answer to a `begin` that comes after the claim ended: done, if it had been said before the holder ended it.
    pub(in crate::store::embedded) fn begun_and_finished(&self) -> Fenced {
        let by_holder = self.ended.is_some_and(|mark| mark != 0);
        if self.begun && by_holder { Fenced::Done } else { Fenced::Stale }
    }
}
