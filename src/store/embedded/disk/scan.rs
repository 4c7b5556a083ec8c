//! Reading ranges: everything at the start, a send's history, a person's consents, what is to be purged.

use std::sync::PoisonError;

use fjall::Guard;
use serde::de::DeserializeOwned;

use crate::model::{Consent, FlowScope, HistoryEntry, Hours, RecipientId, SendId, SendState};
use crate::store::StoreError;
use crate::store::days::accepted_on;

use super::super::records::{Event, Head, Label, Mails, Tally};
use super::super::state::State;
use super::super::time::{Millis, timestamp};
use super::{Disk, Kind, damage, ended_at, json, key};

impl Disk {
    /// Fills an empty state: settings and counters first, live sends last.
    pub(in crate::store::embedded) fn load(
        &self,
        state: &mut State,
        recent: Millis,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.each(Kind::Flow, &[], |rest, setting| {
            state.load_flow(self.parse(rest)?, setting);
            Ok(())
        })?;
        self.load_taken(state, now)?;
        let accepted = self.load_tallies(state)?;
        damage::check_acknowledged(&self.directory, &self.acknowledged, accepted)?;
        *self.accepted.lock().unwrap_or_else(PoisonError::into_inner) = accepted;
        self.each(Kind::Consent, &[], |_, consent: Consent| {
            state.load_consent(&consent);
            Ok(())
        })?;
        self.load_suppressions(state)?;
        let mut sent = Vec::new();
        self.each(Kind::Contacts, &[], |rest, mails: Mails| {
            sent.push((RecipientId(self.id(rest)?), mails.into()));
            Ok(())
        })?;
        state.load_contacts(sent);
        self.drop_forgotten_hours(now)?;
        self.load_cases(state)?;
        self.load_recent(state, recent)?;
        for guard in self.heads.iter() {
            let (id, head) = self.pair(guard)?;
            let (id, mut head) = (SendId(self.id(&id)?), self.parse::<Head>(&head)?);
            if head.accepted_on == 0 {
                let accepted = self.label(id)?.map_or(now, |label| label.at);
                head.accepted_on = accepted_on(accepted, now);
            }
            state.load_send(id, &head, now);
        }
        Ok(())
    }

    fn load_taken(&self, state: &mut State, now: Millis) -> Result<(), StoreError> {
        state.load_meters(now);
        self.each(Kind::Taken, &[], |rest, taken: u32| {
            if let Some((slice, scope)) = rest.split_first_chunk() {
                state.load_taken(&self.parse(scope)?, i64::from_be_bytes(*slice), taken);
            }
            Ok(())
        })
    }

    fn load_tallies(&self, state: &mut State) -> Result<u64, StoreError> {
        let mut all = 0;
        for kind in [Kind::Accepted, Kind::Ended] {
            self.each(kind, &[], |rest, tally: Tally| {
                if let Tally::Accepted(accepted) = tally {
                    all += accepted;
                }
                state.load_tally(self.parse::<FlowScope>(rest)?, &tally);
                Ok(())
            })?;
        }
        Ok(all)
    }

    fn load_recent(&self, state: &mut State, since: Millis) -> Result<(), StoreError> {
        let range = ended_at(since, SendId::NONE)..ended_at(Millis::MAX, SendId([u8::MAX; 16]));
        for guard in self.records.range(range) {
            let (at, id) = self.when(&self.pair(guard)?.0)?;
            let end = self.end(id)?;
            if let Some(end) = end.filter(|end| matches!(end.state, SendState::Sent | SendState::Uncertain)) {
                state.load_recent(id, at, end.provider, &self.events(id)?);
            }
        }
        Ok(())
    }

    /// Hours in which nobody was seen for so long that all are zero need not be kept.
    fn drop_forgotten_hours(&self, now: Millis) -> Result<(), StoreError> {
        let mut step = self.step();
        for guard in self.records.prefix([Kind::Hours as u8]) {
            let (key, record) = self.pair(guard)?;
            if Hours::read(&record).is_none_or(|hours| hours.is_forgotten(timestamp(now))) {
                step.batch.remove(&self.records, key);
            }
        }
        step.write()
    }

    /// A send's history, oldest first; its first line is the label's.
    pub(in crate::store::embedded) fn history(
        &self,
        id: SendId,
        label: &Label,
    ) -> Result<Vec<HistoryEntry>, StoreError> {
        let mut events = self.events(id)?;
        events.sort_by_key(|event| event.n);
        let accepted =
            HistoryEntry { at: timestamp(label.at), event: "accepted".to_owned(), detail: String::new() };
        Ok(std::iter::once(accepted).chain(events.into_iter().map(|event| event.line)).collect())
    }

    /// The lines of a send's history that are kept, in no order.
    fn events(&self, id: SendId) -> Result<Vec<Event>, StoreError> {
        let mut events = Vec::new();
        self.each(Kind::Event, &id.0, |_, event| {
            events.push(event);
            Ok(())
        })?;
        Ok(events)
    }

    /// A person's recorded consents.
    pub(in crate::store::embedded) fn consents(&self, who: RecipientId) -> Result<Vec<Consent>, StoreError> {
        let mut consents = Vec::new();
        self.each(Kind::Consent, &who.0, |_, consent| {
            consents.push(consent);
            Ok(())
        })?;
        Ok(consents)
    }

    /// When the oldest finished send ended, or the oldest case was closed.
    pub(in crate::store::embedded) fn oldest_end(
        &self,
        cases_longer: Millis,
    ) -> Result<Option<Millis>, StoreError> {
        let first = self.records.prefix([Kind::EndedAt as u8]).next();
        let send = match first {
            Some(guard) => Some(self.when(&self.pair(guard)?.0)?.0),
            None => None,
        };
        let case = self.oldest_case()?.map(|at| at.saturating_add(cases_longer));
        Ok(send.into_iter().chain(case).min())
    }

    /// Deletes at most `most` sends that ended by `until`, and cases that were closed so much before.
    pub(in crate::store::embedded) fn purge(
        &self,
        until: Millis,
        cases_longer: Millis,
        most: usize,
    ) -> Result<(), StoreError> {
        let mut step = self.step();
        let range = ended_at(0, SendId::NONE)..=ended_at(until, SendId([u8::MAX; 16]));
        for guard in self.records.range(range).take(most) {
            let (at, id) = self.when(&self.pair(guard)?.0)?;
            step.batch.remove(&self.records, ended_at(at, id));
            step.batch.remove(&self.records, key(Kind::End, &[&id.0]));
            step.batch.remove(&self.records, key(Kind::Label, &[&id.0]));
            for guard in self.records.prefix(key(Kind::Event, &[&id.0])) {
                step.batch.remove(&self.records, self.pair(guard)?.0);
            }
        }
        self.purge_cases(&mut step, until.saturating_sub(cases_longer), most)?;
        step.batch.insert(&self.records, [Kind::Format as u8], json(&super::FORMAT));
        step.write()
    }

    /// Calls `each` with the rest of the key and the value of all records of a kind whose key goes on with `prefix`.
    pub(super) fn each<T: DeserializeOwned>(
        &self,
        kind: Kind,
        prefix: &[u8],
        mut each: impl FnMut(&[u8], T) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        for guard in self.records.prefix(key(kind, &[prefix])) {
            let (key, value) = self.pair(guard)?;
            each(&key[1 + prefix.len()..], self.parse(&value)?)?;
        }
        Ok(())
    }

    pub(super) fn pair(&self, guard: Guard) -> Result<(fjall::Slice, fjall::Slice), StoreError> {
        guard.into_inner().map_err(|error| damage::reading(&self.directory, &error))
    }

    pub(super) fn when(&self, key: &[u8]) -> Result<(Millis, SendId), StoreError> {
        let (at, id) = key[1..].split_first_chunk::<8>().ok_or_else(|| damage::bad_key(&self.directory))?;
        Ok((Millis::from_be_bytes(*at), SendId(self.id(id)?)))
    }

    pub(super) fn id(&self, bytes: &[u8]) -> Result<[u8; 16], StoreError> {
        bytes.try_into().map_err(|_| damage::bad_key(&self.directory))
    }
}
