//! What time brings: due moments, deadlines, leases, flows that open again.

use std::collections::BTreeSet;

use crate::model::{Cause, ClaimId, OnDeadline, SendId, SendState};

use super::{Millis, NEVER, Slot, Stand, State, Taken};
use crate::store::embedded::records::Change;

/// What one call of [`State::tick`] did.
#[derive(Debug, Default)]
pub(in crate::store::embedded) struct Turn {
    pub(in crate::store::embedded) claims: Vec<Taken>,
    pub(in crate::store::embedded) expired: Vec<(SendId, SendState)>,
    pub(in crate::store::embedded) ended: Vec<(SendId, SendState)>,
    /// Near their deadline: as they would be taken.
    pub(in crate::store::embedded) near: Vec<Taken>,
    /// By how much what was looked at came after its moment.
    pub(in crate::store::embedded) late: Vec<Millis>,
    pub(in crate::store::embedded) more: bool,
}

impl State {
    /// Old contacts forgotten per call.
    const EXPIRE: usize = 1000;

    /// Looks at what has become due, at most `limit` sends; a repeated request first gets what it holds.
    pub(in crate::store::embedded) fn tick(&mut self, request: ClaimId, limit: usize, now: Millis) -> Turn {
        let mut turn = Turn { claims: self.held_under(request, Cause::Time, now), ..Turn::default() };
        let mut budget = if turn.claims.is_empty() { limit } else { 0 };
        while budget > 0 {
            let Some((case, since)) = self.cases.due(now) else { break };
            turn.late.push(now.saturating_sub(since));
            let (ended, _) = self.hand_off(case, "deadline", now);
            turn.ended.extend(ended.into_iter().map(|id| (id, SendState::HandedOff)));
            budget -= 1;
        }
        while budget > 0 {
            let Some((slot, moment)) = self.next_slot(now) else { break };
            turn.late.extend(moment.map(|moment| now.saturating_sub(moment)));
            let before = turn.claims.len();
            self.wake(slot, request, budget, now, &mut turn);
            budget = budget.saturating_sub((turn.claims.len() - before).max(1));
        }
        turn.more = self.next_send(now).min(self.cases.next()) <= now;
        self.housekeeping(now);
        turn
    }

    /// The moment at which [`tick`](Self::tick) has something to do.
    pub(in crate::store::embedded) fn next_moment(&self, now: Millis) -> Millis {
        let later = [self.presence.next_sweep(), self.contacts.next_expiry()];
        later.into_iter().flatten().fold(self.next_send(now).min(self.cases.next()), Millis::min)
    }

    /// The moment at which a send is to be looked at.
    fn next_send(&self, now: Millis) -> Millis {
        let first = |timers: &BTreeSet<(Millis, Slot)>| timers.first().map_or(NEVER, |(when, _)| *when);
        let timer = first(&self.timers).min(first(&self.overdue));
        let opening = self.held.keys().map(|flow| self.flows.opens_at(*flow).max(now)).min();
        timer.min(opening.unwrap_or(NEVER))
    }

    /// The send to look at next, and the moment that has come for it; what is overdue waited for something else than time.
    fn next_slot(&self, now: Millis) -> Option<(Slot, Option<Millis>)> {
        let first =
            |timers: &BTreeSet<(Millis, Slot)>| timers.first().copied().filter(|(when, _)| *when <= now);
        if let Some((when, slot)) = first(&self.timers) {
            return Some((slot, Some(when)));
        }
        if let Some((_, slot)) = first(&self.overdue) {
            return Some((slot, None));
        }
        let (_, slots) = self.held.iter().find(|(flow, _)| self.flows.open(**flow, now))?;
        slots.first().map(|slot| (*slot, None))
    }

    fn wake(&mut self, slot: Slot, request: ClaimId, budget: usize, now: Millis, turn: &mut Turn) {
        let entry = self.sends.at(slot);
        let (id, who, case, before) = (entry.id, entry.recipient, entry.case, entry.stand);
        if entry.stand == Stand::Claimed {
            turn.expired.push((id, self.expire(slot, now)));
            return;
        }
        if entry.lapsed(now) {
            let state = match entry.on_deadline {
                OnDeadline::Handoff => SendState::HandedOff,
                OnDeadline::Drop | OnDeadline::Send => SendState::Dropped,
            };
            self.unshelve(slot);
            self.finalise(slot, SendState::Waiting, state, now, "deadline");
            turn.ended.push((id, state));
            if state == SendState::HandedOff {
                // Its case is in one channel, and that is not e-mail any more.
                let ended = self.take_case_along(case, who, "deadline", now);
                turn.ended.extend(ended.into_iter().map(|id| (id, SendState::HandedOff)));
            }
            return;
        }
        self.unshelve(slot);
        let stand = self.shelve(slot, now);
        if stand == Stand::Ready {
            turn.near.extend(self.come_near(slot, request, now));
        }
        let most = budget.min(self.rules.claims_per_touch);
        let online = self.presence.get(who, now).is_some();
        match stand {
            Stand::Ready if online => {
                turn.claims.extend(self.claim_for(who, request, Cause::Time, true, most, now));
            }
            // One that has only just become overdue waits for its turn: a better one may follow.
            Stand::Overdue if before == Stand::Overdue => self.fire(slot, request, most, now, turn),
            Stand::Ready | Stand::Early | Stand::Overdue | Stand::Claimed => {}
        }
    }

    /// Claims for a person with an overdue send, or sees to it that the send is looked at when it can go.
    fn fire(&mut self, slot: Slot, request: ClaimId, most: usize, now: Millis, turn: &mut Turn) {
        let entry = self.sends.at(slot);
        let (id, who, flow) = (entry.id, entry.recipient, entry.flow);
        if !self.flows.open(flow, now) {
            self.set_timer(slot, NEVER);
            self.held.entry(flow).or_default().insert(slot);
            return;
        }
        match self.contacts.free_for(who, &self.flows.scope(flow).brand) {
            Some(free) if free <= now => {
                let online = self.presence.get(who, now).is_some();
                turn.claims.extend(self.claim_for(who, request, Cause::Time, online, most, now));
                let waits = self.sends.at(slot).id == id && self.sends.at(slot).stand == Stand::Overdue;
                if waits && self.contacts.free_at(who).is_none() {
                    self.set_timer(slot, NEVER);
                }
            }
            Some(free) => self.set_timer(slot, free),
            None => self.set_timer(slot, NEVER),
        }
    }

    /// Takes back a claim whose lease ran out.
    fn expire(&mut self, slot: Slot, now: Millis) -> SendState {
        let begun = self.holds.get(&slot).is_some_and(|held| held.begun);
        self.unclaim(slot, 0);
        if begun {
            return self.doubt(slot, "the lease ran out after the hand-over had begun", now);
        }
        self.note(slot, now, "lease_expired", "");
        self.come_back(slot, now)
    }

    /// Forgets presences and contacts that no longer matter.
    fn housekeeping(&mut self, now: Millis) {
        self.presence.sweep_in_time(now);
        for who in self.contacts.expire(now, Self::EXPIRE) {
            self.changes.push(Change::Contacts(who, Vec::new()));
        }
    }
}
