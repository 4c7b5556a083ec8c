//! Looking: claims with their payloads, sends and people as they are shown.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::{Claim, Contact, HistoryEntry, RecipientId, SendId, SendRecord, SendSpec, SendState};
use crate::store::{Near, Person, StoreError, Ticked};

use super::super::records::{Contacted, Head, Label};
use super::super::state::{Taken, Turn};
use super::super::time::{EVER, Millis, timestamp};
use super::Core;

impl Core {
    /// How many of a person's sends are shown.
    const SHOWN: usize = 1000;

    /// The whole claims: with payloads. Whatever was cancelled in the meantime is left out.
    pub(in crate::store::embedded) fn claims(&self, taken: Vec<Taken>) -> Result<Vec<Claim>, StoreError> {
        let mut claims = Vec::with_capacity(taken.len());
        for taken in taken {
            if let Some(spec) = self.disk.spec(taken.hold.send)? {
                claims.push(self.claim(&taken, Arc::new(spec))?);
            }
        }
        Ok(claims)
    }

    /// A claim with its payload, and what its case says now.
    pub(in crate::store::embedded) fn claim(
        &self,
        taken: &Taken,
        spec: Arc<SendSpec>,
    ) -> Result<Claim, StoreError> {
        let case = taken.case.map(|case| self.disk.case_spec(case)).transpose()?.flatten();
        Ok(Claim {
            facts: case.map(|case| Arc::new(case.facts)),
            hold: taken.hold,
            spec,
            cause: taken.cause,
            attempt: taken.attempt,
            dated: Timestamp::from_second(taken.dated.into()).unwrap_or(Timestamp::UNIX_EPOCH),
            tracked: taken.tracked,
            overdue: taken.overdue,
        })
    }

    /// What a turn did, with payloads.
    pub(in crate::store::embedded) fn ticked(&self, turn: Turn) -> Result<Ticked, StoreError> {
        let claims = self.claims(turn.claims)?;
        let near = self.near(&turn.near)?;
        let late = |millis: Millis| Duration::from_millis(u64::try_from(millis).unwrap_or_default());
        let late = turn.late.into_iter().map(late).collect();
        Ok(Ticked { claims, expired: turn.expired, ended: turn.ended, near, late, more: turn.more })
    }

    /// Sends near their deadline, of people of whom it is known when they are seen.
    fn near(&self, taken: &[Taken]) -> Result<Vec<Near>, StoreError> {
        let mut near = Vec::new();
        for taken in taken {
            let hours = self.disk.hours(taken.hold.recipient)?;
            let spec = hours.map(|_| self.disk.spec(taken.hold.send)).transpose()?.flatten();
            if let (Some(hours), Some(spec)) = (hours, spec) {
                let Claim { spec, facts, .. } = self.claim(taken, Arc::new(spec))?;
                near.push(Near { spec, facts, hours });
            }
        }
        Ok(near)
    }

    /// One send as it stands.
    pub(in crate::store::embedded) fn record(&self, id: SendId) -> Result<Option<SendRecord>, StoreError> {
        let Some(label) = self.disk.label(id)? else { return Ok(None) };
        if let Some((head, state)) = self.look(|state, _| state.live(id))? {
            let spec = self.disk.spec(id)?;
            if spec.is_some() || head.forgotten {
                return Ok(Some(live_record(
                    id,
                    label.clone(),
                    &head,
                    state,
                    spec,
                    self.disk.history(id, &label)?,
                )));
            }
        }
        // Not alive, or it has ended since: a send that is being accepted is neither and not known yet.
        let Some(end) = self.disk.end(id)? else { return Ok(None) };
        let history = self.disk.history(id, &label)?;
        Ok(Some(SendRecord {
            id,
            reference: label.reference,
            brand: label.brand,
            campaign: label.campaign,
            state: end.state,
            attempts: end.attempts,
            spec: None,
            due: None,
            aimed: None,
            sent_at: (end.state == SendState::Sent).then(|| timestamp(end.at)),
            handing_over: false,
            history,
        }))
    }

    /// What is known of one person.
    pub(in crate::store::embedded) fn person(&self, who: RecipientId) -> Result<Person, StoreError> {
        let (online, contacts, ids, hints) = self.look(|state, now| {
            let ids = state.sends_of(who, Self::SHOWN);
            (state.online(who, now), state.contacts(who, now), ids, state.hints(who, now))
        })?;
        let mut waiting = Vec::with_capacity(ids.len());
        for id in ids {
            waiting.extend(self.record(id)?.filter(|record| !record.state.is_final()));
        }
        let online = online.map(|(at, source)| (timestamp(at), source));
        let contact = |mail: Contacted| Contact { at: timestamp(mail.at), brand: mail.brand };
        let contacts = contacts.into_iter().map(contact).collect();
        let (consents, hours) = (self.disk.consents(who)?, self.disk.hours(who)?);
        let suppressions = self.disk.suppressions(who)?;
        let mailbox = self.mailboxes.heard().borrow().get(&who).cloned();
        Ok(Person { online, contacts, waiting, consents, suppressions, hints, hours, mailbox })
    }
}

fn live_record(
    id: SendId,
    label: Label,
    head: &Head,
    state: SendState,
    spec: Option<SendSpec>,
    history: Vec<HistoryEntry>,
) -> SendRecord {
    SendRecord {
        id,
        reference: label.reference,
        brand: label.brand,
        campaign: label.campaign,
        state,
        attempts: head.attempts,
        spec,
        due: (state == SendState::Waiting && head.due != EVER).then(|| timestamp(head.due)),
        aimed: head.aimed.filter(|_| state == SendState::Waiting).map(timestamp),
        sent_at: None,
        handing_over: head.held.is_some_and(|held| held.begun && held.ended.is_none()),
        history,
    }
}
