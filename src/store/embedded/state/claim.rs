//! Taking what is due: the one rule by which touch, enqueue and tick claim.

use crate::model::{CaseId, Cause, ClaimId, Grantee, Hold, RecipientId, SendId, SendSpec, SendState};

use super::{EVER, Entry, Held, Millis, NEVER, Slot, Stand, State, moment, span};
use crate::store::days::day;
use crate::store::embedded::records::Head;

/// A claim, but for the payload, which lies on disk.
#[derive(Debug, Clone, Copy)]
pub(in crate::store::embedded) struct Taken {
    pub(in crate::store::embedded) hold: Hold,
    pub(in crate::store::embedded) cause: Cause,
    pub(in crate::store::embedded) attempt: u32,
    /// Unix seconds of the first claim.
    pub(in crate::store::embedded) dated: u32,
    pub(in crate::store::embedded) tracked: bool,
    pub(in crate::store::embedded) overdue: bool,
    /// Its case, if that was ever put.
    pub(in crate::store::embedded) case: Option<CaseId>,
}

impl State {
    /// At most this many of a person's early sends become ready in one call.
    const RIPEN: usize = 1024;

    /// What a new send's record on disk says; the first half of accepting it.
    pub(in crate::store::embedded) fn draft(&mut self, spec: &SendSpec, now: Millis) -> Head {
        self.arrivals += 1;
        Head {
            recipient: spec.recipient,
            brand: spec.brand.clone(),
            campaign: spec.campaign.clone(),
            case: spec.case.as_ref().map_or(CaseId::NONE, |case| CaseId::of(&spec.brand, case)),
            priority: spec.priority,
            due: moment(spec.not_before, EVER),
            deadline: moment(spec.deadline, NEVER),
            aimed: None,
            on_deadline: spec.on_deadline,
            on_uncertain: spec.on_uncertain,
            arrival: self.arrivals,
            attempts: 0,
            events: 0,
            dated: 0,
            accepted_on: day(now),
            forgotten: false,
            leaves: None,
            held: None,
        }
    }

    /// Takes in a send that is on disk, and claims it if it is due and its recipient online. `room` says how many
    /// claims this request may still make for this person.
    pub(in crate::store::embedded) fn admit(
        &mut self,
        id: SendId,
        head: &Head,
        request: ClaimId,
        room: usize,
        now: Millis,
    ) -> Option<Taken> {
        let slot = self.take_in(id, head, now)?;
        let online = self.presence.get(head.recipient, now).is_some();
        let fits = room > 0 && online && self.claimable(slot, now);
        let free = self.contacts.free_for(head.recipient, &head.brand).is_some_and(|free| free <= now);
        (fits && free).then(|| self.claim(slot, request, Cause::Enqueue, now))
    }

    /// Takes in a send that is on disk, and whose case was closed in the meantime.
    pub(in crate::store::embedded) fn admit_and_end(
        &mut self,
        id: SendId,
        head: &Head,
        to: SendState,
        now: Millis,
    ) {
        if let Some(slot) = self.take_in(id, head, now) {
            self.withdraw(slot, to, "its case is not open any more", now);
        }
    }

    /// Takes in a send that is on disk and claims nothing. `None`: its person gets no more mail, so it is handed off.
    pub(in crate::store::embedded) fn take_in(
        &mut self,
        id: SendId,
        head: &Head,
        now: Millis,
    ) -> Option<Slot> {
        let slot = self.place(id, head, now);
        let flow = self.sends.at(slot).flow;
        let counts = self.flows.counts_mut(flow);
        counts.accepted += 1;
        counts.states[SendState::Waiting as usize] += 1;
        if let Some(words) = self.stopped(slot) {
            self.withdraw(slot, SendState::HandedOff, words, now);
            return None;
        }
        Some(slot)
    }

    /// Puts a send that waits into the table.
    pub(super) fn place(&mut self, id: SendId, head: &Head, now: Millis) -> Slot {
        let slot = self.sends.insert(Entry {
            id,
            recipient: head.recipient,
            case: head.case,
            arrival: head.arrival,
            due: head.due,
            deadline: head.deadline,
            aimed: head.aimed.unwrap_or(NEVER),
            timer: NEVER,
            flow: self.flows.number(head.scope()),
            attempts: head.attempts,
            dated: head.dated,
            accepted_on: head.accepted_on,
            events: head.events,
            priority: head.priority,
            stand: Stand::Ready,
            on_deadline: head.on_deadline,
            on_uncertain: head.on_uncertain,
            forgotten: head.forgotten,
            leaves: head.leaves,
        });
        let entry = self.sends.at(slot);
        self.calendar.enter(&self.flows.scope(entry.flow).brand, entry);
        self.shelve(slot, now);
        slot
    }

    /// Whether a waiting send is due and its flow open. Whether its person may be written to is another question.
    fn claimable(&self, slot: Slot, now: Millis) -> bool {
        let entry = self.sends.at(slot);
        entry.due <= now && !entry.lapsed(now) && self.flows.open(entry.flow, now)
    }

    /// Claims for one person, at most `most`: what is overdue and, if they are `online`, what is due.
    pub(super) fn claim_for(
        &mut self,
        who: RecipientId,
        request: ClaimId,
        cause: Cause,
        online: bool,
        most: usize,
        now: Millis,
    ) -> Vec<Taken> {
        if self.contacts.free_at(who).is_none_or(|free| now < free) {
            return Vec::new();
        }
        for slot in self.queue.ripe(who, now, Self::RIPEN) {
            self.unshelve(slot);
            self.shelve(slot, now);
        }
        let most = if self.contacts.spaced() { most.min(1) } else { most };
        let in_budget = |flow| self.contacts.brand_free_at(who, &self.flows.scope(flow).brand) <= now;
        let open = |flow| self.flows.open(flow, now) && in_budget(flow);
        let mut found = self.queue.first(who, Stand::Overdue, most, open, |_| true);
        if online {
            let wanted = |slot| self.claimable(slot, now);
            found.extend(self.queue.first(who, Stand::Ready, most, open, wanted));
        }
        found.sort_unstable();
        found.truncate(most);
        found.into_iter().map(|(_, slot)| self.claim(slot, request, cause, now)).collect()
    }

    fn claim(&mut self, slot: Slot, request: ClaimId, cause: Cause, now: Millis) -> Taken {
        self.unshelve(slot);
        let entry = self.sends.at_mut(slot);
        entry.stand = Stand::Claimed;
        if entry.dated == 0 {
            entry.dated = u32::try_from(now.div_euclid(1000)).unwrap_or(u32::MAX);
        }
        let (flow, who) = (entry.flow, entry.recipient);
        let lease = now.saturating_add(span(self.rules.lease));
        self.holds.insert(slot, Held { claim: request, lease, begun: false, ended: None });
        self.claims.entry(request).or_default().push(slot);
        self.contacts.claimed(who, slot);
        self.set_timer(slot, lease);
        self.flows.shift(flow, SendState::Waiting, SendState::Claimed);
        self.note(slot, now, "claimed", cause.as_str());
        self.save(slot);
        self.taken(slot, request, cause, now)
    }

    /// What is held under a request: the answer to a request that comes again.
    pub(in crate::store::embedded) fn held_under(
        &self,
        request: ClaimId,
        cause: Cause,
        now: Millis,
    ) -> Vec<Taken> {
        let slots = self.claims.get(&request).map(Vec::as_slice).unwrap_or_default();
        slots.iter().map(|slot| self.taken(*slot, request, cause, now)).collect()
    }

    pub(super) fn taken(&self, slot: Slot, claim: ClaimId, cause: Cause, now: Millis) -> Taken {
        let entry = self.sends.at(slot);
        let brand = &self.flows.scope(entry.flow).brand;
        let rule = self.rules.brands.consent(brand);
        Taken {
            hold: Hold { send: entry.id, claim, recipient: entry.recipient },
            cause,
            attempt: entry.attempts + 1,
            dated: entry.dated,
            tracked: self.allows(entry.recipient, &Grantee::Brand(brand.clone()), rule),
            overdue: entry.late(now),
            case: self.case(entry.case).filter(|head| head.recipient == entry.recipient).map(|_| entry.case),
        }
    }
}
