//! Cases: open ones with their deadlines, and how they take their sends along when they close.

mod told;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    CaseId, CaseSeen, CaseSpec, CaseState, Name, RecipientId, SendId, SendState, SuppressScope,
};
use crate::store::{CaseCounts, CasePut, Settled};

use super::{Millis, NEVER, Slot, State, moment};
use crate::store::embedded::records::{CaseHead, Change};
use crate::store::embedded::time::timestamp;

/// The cases that are open or leaving, about 300 bytes each and 30 more for each letter that a relay took; closed ones are on disk alone.
#[derive(Debug, Default)]
pub(super) struct Cases {
    open: BTreeMap<CaseId, CaseHead>,
    of: BTreeSet<(RecipientId, CaseId)>,
    timers: BTreeSet<(Millis, CaseId)>,
    counts: BTreeMap<Name, CaseCounts>,
}

impl Cases {
    fn insert(&mut self, id: CaseId, head: CaseHead) {
        self.remove(id);
        self.of.insert((head.recipient, id));
        if head.deadline != NEVER && head.state == CaseState::Open {
            self.timers.insert((head.deadline, id));
        }
        self.open.insert(id, head);
    }

    fn remove(&mut self, id: CaseId) -> Option<CaseHead> {
        let head = self.open.remove(&id)?;
        self.of.remove(&(head.recipient, id));
        self.timers.remove(&(head.deadline, id));
        Some(head)
    }

    /// Counters by brand.
    pub(super) fn counts(&self) -> BTreeMap<Name, CaseCounts> {
        self.counts.clone()
    }

    /// A person's cases.
    pub(super) fn of(&self, who: RecipientId) -> Vec<CaseId> {
        let range = (who, CaseId::NONE)..=(who, CaseId(SendId([u8::MAX; 16])));
        self.of.range(range).map(|(_, id)| *id).collect()
    }

    /// When the next deadline comes.
    pub(super) fn next(&self) -> Millis {
        self.timers.first().map_or(NEVER, |(when, _)| *when)
    }

    /// The next case whose deadline has come, and since when it could leave.
    pub(super) fn due(&self, now: Millis) -> Option<(CaseId, Millis)> {
        let (when, id) = *self.timers.first().filter(|(when, _)| *when <= now)?;
        Some((id, self.open.get(&id).map_or(when, |head| when.max(head.updated))))
    }
}

impl State {
    /// Counters as they were.
    pub(in crate::store::embedded) fn load_case_counts(&mut self, brand: Name, counts: CaseCounts) {
        self.cases.counts.insert(brand, counts);
    }

    /// A case that is not closed, as it was.
    pub(in crate::store::embedded) fn load_case(&mut self, id: CaseId, head: CaseHead) {
        self.cases.insert(id, head);
    }

    /// A case that is not closed.
    pub(in crate::store::embedded) fn case(&self, id: CaseId) -> Option<&CaseHead> {
        self.cases.open.get(&id)
    }

    /// The next cases that are not closed, after one.
    pub(in crate::store::embedded) fn cases_after(&self, after: CaseId, most: usize) -> Vec<CaseId> {
        let from = (std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded);
        self.cases.open.range(from).take(most).map(|(id, _)| *id).collect()
    }

    /// Whether another case may be opened: there may be as many as sends.
    fn has_room_for_case(&self) -> bool {
        (self.cases.open.len() as u64) < self.rules.max_waiting
    }

    /// Opens a case that the disk does not know as closed, or changes it. `None`: there are too many.
    pub(in crate::store::embedded) fn put_case(&mut self, spec: &CaseSpec, now: Millis) -> Option<CasePut> {
        let (id, digest) = (spec.id(), spec.digest());
        let head = match self.cases.open.get(&id) {
            Some(known) if known.state != CaseState::Open => return Some(CasePut::Closed(known.state)),
            Some(known) if known.recipient != spec.recipient => return Some(CasePut::OfAnother),
            Some(known) if known.digest == digest => return Some(CasePut::Same),
            Some(known) => known.clone(),
            None if !self.has_room_for_case() => return None,
            None => CaseHead {
                brand: spec.brand.clone(),
                case: spec.case.clone(),
                state: CaseState::Open,
                recipient: spec.recipient,
                deadline: NEVER,
                opened: now,
                updated: now,
                closed: None,
                reason: String::new(),
                mails: 0,
                seen: CaseSeen::default(),
                owed: None,
                digest,
            },
        };
        let owed = Some((spec.facts.amount.clone(), spec.facts.currency));
        let head = CaseHead { updated: now, deadline: moment(spec.deadline, NEVER), owed, digest, ..head };
        let new = self.case(id).is_none();
        if new {
            self.count_case(&head.brand, None, CaseState::Open);
            self.tell_case(id, &head, "opened", "", now);
        } else {
            let mark = format!("-{now}{}", const_hex::encode(&digest[..4]));
            self.tell_case(id, &head, "updated", &mark, now);
        }
        self.changes.push(Change::CaseSays(id, serde_json::to_vec(spec).expect("a case is plain data")));
        self.keep_case(id, head);
        // Who gets no more mail is written to in no channel of ours.
        if let Some(why) = self.stops(spec.recipient, &spec.brand) {
            self.hand_off(id, why, now);
        }
        Some(if new { CasePut::Opened } else { CasePut::Updated })
    }

    /// Takes in a case from another store.
    pub(in crate::store::embedded) fn adopt_case(
        &mut self,
        id: CaseId,
        head: CaseHead,
        says: Vec<u8>,
        now: Millis,
    ) {
        self.count_case(&head.brand, None, head.state);
        self.changes.push(Change::CaseSays(id, says));
        let why = self.stops(head.recipient, &head.brand);
        self.keep_case(id, head);
        if let Some(why) = why {
            self.hand_off(id, why, now);
        }
    }

    /// A person's cases of a scope that are not closed.
    pub(super) fn open_cases_of(&self, who: RecipientId, scope: &SuppressScope) -> Vec<CaseId> {
        let mut cases = self.cases.of(who);
        cases.retain(|id| self.case(*id).is_some_and(|head| scope.covers(&head.brand)));
        cases
    }

    /// Lets a case go that lives on in another store.
    pub(in crate::store::embedded) fn depart_case(&mut self, id: CaseId) {
        if let Some(head) = self.cases.remove(id) {
            let counts = self.cases.counts.entry(head.brand.clone()).or_default();
            let count = counts.of(head.state);
            *count = count.saturating_sub(1);
            self.changes.push(Change::Cases(head.brand, *counts));
            self.changes.push(Change::CaseGone(id));
        }
    }

    fn keep_case(&mut self, id: CaseId, head: CaseHead) {
        self.changes.push(Change::Case(id, Box::new(head.clone())));
        self.cases.insert(id, head);
    }

    /// Cancels every send of a case, and settles it. `disk` is what the disk knows of a case that is not open.
    pub(in crate::store::embedded) fn settle(
        &mut self,
        id: CaseId,
        disk: Option<CaseHead>,
        reason: &str,
        now: Millis,
    ) -> Settled {
        let known = self.cases.open.get(&id).cloned().or(disk);
        let state = known.map(|head| {
            if head.state != CaseState::Settled {
                self.close_case(id, head, CaseState::Settled, reason, now);
            }
            CaseState::Settled
        });
        let (ended, in_hand_over) = self.end_sends(id, SendState::Cancelled, reason, now);
        Settled { cancelled: ended.len() as u64, in_hand_over, state }
    }

    /// Ends every send of a case as handed off; the case has left when none of them is under way. Tells which sends ended.
    pub(in crate::store::embedded) fn hand_off(
        &mut self,
        id: CaseId,
        reason: &str,
        now: Millis,
    ) -> (Vec<SendId>, Settled) {
        if let Some(head) = self.cases.open.get(&id).filter(|head| head.state == CaseState::Open) {
            let head = CaseHead {
                state: CaseState::Leaving,
                reason: crate::redact::foreign(reason),
                ..head.clone()
            };
            self.keep_case(id, head);
        }
        let (ended, in_hand_over) = self.end_sends(id, SendState::HandedOff, reason, now);
        self.leave_if_done(id, now);
        let state = self.case(id).map(|head| head.state);
        let settled = Settled { cancelled: ended.len() as u64, in_hand_over, state };
        (ended, settled)
    }

    /// A mail of this case was handed off: so is the case, if it is open. Tells which sends ended.
    pub(super) fn take_case_along(
        &mut self,
        id: CaseId,
        who: RecipientId,
        reason: &str,
        now: Millis,
    ) -> Vec<SendId> {
        let theirs = |head: &CaseHead| head.state == CaseState::Open && head.recipient == who;
        let open = self.case(id).is_some_and(theirs);
        if open { self.hand_off(id, reason, now).0 } else { Vec::new() }
    }

    /// Ends what waits of a case, or is not being handed over yet; what is being handed over ends so, too, if that comes to
    /// nothing. Tells which ended, and how many did not.
    fn end_sends(&mut self, id: CaseId, to: SendState, reason: &str, now: Millis) -> (Vec<SendId>, u64) {
        let (mut ended, mut in_hand_over) = (Vec::new(), 0);
        for slot in self.sends.of_case(id) {
            let send = self.sends.at(slot).id;
            if self.withdraw(slot, to, reason, now) {
                ended.push(send);
            } else {
                self.leave_later(slot, to);
                in_hand_over += 1;
            }
        }
        (ended, in_hand_over)
    }

    /// What a send becomes, if its hand-over comes to nothing.
    pub(super) fn leave_later(&mut self, slot: Slot, to: SendState) {
        self.sends.at_mut(slot).leaves = Some(to);
        self.save(slot);
    }

    /// A send of a case has ended: a mail is counted, and a case that leaves has left with the last.
    pub(super) fn mail_of_case_ended(&mut self, id: CaseId, send: SendId, to: SendState, now: Millis) {
        let Some(head) = self.cases.open.get(&id) else { return };
        if matches!(to, SendState::Sent | SendState::Uncertain) {
            let mut head = CaseHead { mails: head.mails + 1, ..head.clone() };
            head.seen.mailed(send, timestamp(now));
            self.keep_case(id, head);
        }
        self.leave_if_done(id, now);
    }

    fn leave_if_done(&mut self, id: CaseId, now: Millis) {
        let leaving = self.cases.open.get(&id).filter(|head| head.state == CaseState::Leaving).cloned();
        if let Some(head) = leaving.filter(|_| self.sends.of_case(id).is_empty()) {
            let reason = head.reason.clone();
            self.close_case(id, head, CaseState::HandedOff, &reason, now);
        }
    }

    /// Settles all cases of a person who is forgotten; tells how many.
    pub(super) fn forget_cases(&mut self, who: RecipientId, now: Millis) -> u64 {
        let cases = self.cases.of(who);
        for id in &cases {
            if let Some(head) = self.cases.open.get(id).cloned() {
                self.close_case(*id, head, CaseState::Settled, "forgotten", now);
            }
        }
        cases.len() as u64
    }

    /// Closes a case for good: what is left of it says neither who nor how much.
    fn close_case(&mut self, id: CaseId, head: CaseHead, to: CaseState, reason: &str, now: Millis) {
        self.cases.remove(id);
        self.count_case(&head.brand, Some(head.state), to);
        let (was, owed) = (head.state, head.owed);
        let head = CaseHead {
            state: to,
            recipient: RecipientId([0; 16]),
            closed: Some(now),
            reason: crate::redact::foreign(reason),
            seen: CaseSeen { letters: Vec::new(), ..head.seen },
            owed: None,
            digest: [0; 16],
            ..head
        };
        self.tell_closed(id, &head, was, owed, now);
        self.changes.push(Change::Case(id, Box::new(head)));
    }
}
