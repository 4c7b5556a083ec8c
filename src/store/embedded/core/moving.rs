//! Moving out and in, with payloads.

use std::collections::{HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use jiff::Timestamp;

use crate::model::{CaseId, CaseState, FlowScope, FlowSetting, RecipientId, SendId};
use crate::store::portable::{Adopted, Item, Moved, Page, Position};
use crate::store::{Cancelled, StoreError};

use super::super::disk::{Step, json};
use super::super::records::{End, Head, Label};
use super::super::state::Place;
use super::super::time::{EVER, millis, timestamp};
use super::Core;

/// A position, as this store reads it.
#[derive(Debug, PartialEq)]
enum At {
    Flows(Option<Vec<u8>>),
    Consents(Option<Vec<u8>>),
    /// Behind this person.
    Mailboxes(Option<RecipientId>),
    /// Behind this case.
    Cases(CaseId),
    Suppressions(Option<Vec<u8>>),
    Sends(Option<Place>),
}

impl Core {
    /// [`Portable::export`](crate::store::portable::Portable::export). A page holds things of one kind.
    pub(in crate::store::embedded) fn export(
        &self,
        after: Option<&Position>,
        most: usize,
    ) -> Result<Page, StoreError> {
        match after.map_or(Ok(At::Flows(None)), At::parse)? {
            At::Flows(after) => {
                let (flows, last) = self.disk.flows_after(after.as_deref(), most)?;
                let items = flows.into_iter().map(|(scope, setting)| Item::Flow(scope, setting)).collect();
                let next = if last.is_some() { At::Flows(last) } else { At::Consents(None) };
                Ok(Page { items, next: Some(next.position()) })
            }
            At::Consents(after) => {
                let (consents, last) = self.disk.consents_after(after.as_deref(), most)?;
                let items = consents.into_iter().map(Item::Consent).collect();
                let next = if last.is_some() { At::Consents(last) } else { At::Mailboxes(None) };
                Ok(Page { items, next: Some(next.position()) })
            }
            At::Mailboxes(after) => Ok(self.export_mailboxes(after, most)),
            At::Cases(after) => self.export_cases(after, most),
            At::Suppressions(after) => self.export_suppressions(after.as_deref(), most),
            At::Sends(after) => self.export_sends(after, most),
        }
    }

    fn export_mailboxes(&self, after: Option<RecipientId>, most: usize) -> Page {
        let all = Arc::clone(&self.mailboxes.heard().borrow());
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let some = all.range((from, Bound::Unbounded)).take(most);
        let items: Vec<_> = some.map(|(who, sealed)| Item::Mailbox(*who, sealed.clone())).collect();
        let next = match items.last() {
            Some(Item::Mailbox(who, _)) if items.len() == most => At::Mailboxes(Some(*who)),
            _ => At::Suppressions(None),
        };
        Page { items, next: Some(next.position()) }
    }

    fn export_suppressions(&self, after: Option<&[u8]>, most: usize) -> Result<Page, StoreError> {
        let (suppressions, last) = self.disk.suppressions_after(after, most)?;
        let items = suppressions.into_iter().map(Item::Suppression).collect();
        let next = if last.is_some() { At::Suppressions(last) } else { At::Cases(CaseId::NONE) };
        Ok(Page { items, next: Some(next.position()) })
    }

    fn export_cases(&self, after: CaseId, most: usize) -> Result<Page, StoreError> {
        let ids = self.look(|state, _| state.cases_after(after, most))?;
        let next = ids.last().filter(|_| ids.len() == most).map_or(At::Sends(None), |last| At::Cases(*last));
        let mut items = Vec::with_capacity(ids.len());
        for id in ids {
            let open = self.case(id)?.filter(|case| case.state == CaseState::Open);
            items.extend(open.map(|case| Item::Case(Box::new(case))));
        }
        Ok(Page { items, next: Some(next.position()) })
    }

    fn export_sends(&self, after: Option<Place>, most: usize) -> Result<Page, StoreError> {
        let heads = self.look(|state, _| state.waiting_after(after, most))?;
        let last = heads.last().map(|(_, head)| At::Sends(Some((head.recipient, head.arrival))));
        let next = last.filter(|_| heads.len() == most).map(|at| at.position());
        let mut items = Vec::with_capacity(heads.len());
        for (id, head) in heads {
            // Whatever has ended since is gone by now.
            items.extend(self.moved(id, &head)?.map(|moved| Item::Send(Box::new(moved))));
        }
        Ok(Page { items, next })
    }

    fn moved(&self, id: SendId, head: &Head) -> Result<Option<Moved>, StoreError> {
        let (Some(spec), Some(label)) = (self.disk.spec(id)?, self.disk.label(id)?) else { return Ok(None) };
        // Most that wait have no history yet; looking for it costs more than all the rest.
        let history = match head.events {
            0 => Vec::new(),
            _ => self.disk.history(id, &label)?.split_off(1),
        };
        Ok(Some(Moved {
            spec,
            accepted_at: timestamp(label.at),
            attempts: head.attempts,
            due: (head.due != EVER).then(|| timestamp(head.due)),
            dated: (head.dated != 0).then(|| Timestamp::from_second(head.dated.into()).unwrap_or_default()),
            history,
        }))
    }

    /// [`Portable::adopt`](crate::store::portable::Portable::adopt), synced. On the writer's thread: nothing else accepts
    /// sends meanwhile.
    pub(in crate::store::embedded) fn adopt(&self, items: &[Item]) -> Result<Vec<Adopted>, StoreError> {
        let mut nursery = Nursery::new(self)?;
        let mut answers = Vec::with_capacity(items.len());
        for item in items {
            answers.push(match item {
                Item::Flow(scope, setting) => {
                    let known = |known: &FlowSetting| known.since >= setting.since;
                    new_if(self.set_flow_if(scope.clone(), setting.clone(), known)?)
                }
                Item::Consent(consent) => {
                    new_if(self.consent_if(consent, false, |known| known.at >= consent.at)?)
                }
                Item::Mailbox(who, sealed) => new_if(self.adopt_mailbox(*who, sealed)?),
                Item::Case(case) => new_if(self.adopt_case(case)?),
                Item::Suppression(suppression) => {
                    new_if(self.step(|state, now| state.suppress(suppression, now))?.new)
                }
                Item::Send(moved) => nursery.take(moved)?,
            });
        }
        nursery.commit().map_err(|error| self.fail(error))?;
        Ok(answers)
    }

    /// [`Portable::depart`](crate::store::portable::Portable::depart), but for the sync.
    pub(in crate::store::embedded) fn depart(&self, sends: &[SendId]) -> Result<Vec<Cancelled>, StoreError> {
        let departed =
            self.step(|state, now| -> Vec<_> { sends.iter().map(|id| state.depart(*id, now)).collect() })?;
        let answers = sends.iter().zip(departed).map(|(id, departed)| match departed {
            Some(departed) => Ok(departed),
            None => Ok(match self.disk.end(*id)? {
                None => Cancelled::Unknown,
                Some(End { departed: true, .. }) => Cancelled::Done,
                Some(end) => Cancelled::Ended(end.state),
            }),
        });
        answers.collect()
    }
}

fn new_if(new: bool) -> Adopted {
    if new { Adopted::New } else { Adopted::Same }
}

/// The sends of one `adopt` that are being written.
struct Nursery<'a> {
    core: &'a Core,
    step: Step<'a>,
    room: u64,
    new: Vec<(SendId, Head)>,
    ids: HashSet<SendId>,
    accepted: HashMap<FlowScope, u64>,
}

impl<'a> Nursery<'a> {
    fn new(core: &'a Core) -> Result<Self, StoreError> {
        let room = core.look(|state, _| state.room())?;
        let (new, ids, accepted) = (Vec::new(), HashSet::new(), HashMap::new());
        Ok(Self { core, step: core.disk.step(), room, new, ids, accepted })
    }

    fn take(&mut self, moved: &Moved) -> Result<Adopted, StoreError> {
        let (spec, disk) = (&moved.spec, &self.core.disk);
        if self.ids.contains(&spec.id) {
            return Ok(Adopted::Same);
        }
        if let Some(label) = disk.label(spec.id)? {
            let end = disk.end(spec.id)?.filter(|end| end.departed);
            match end {
                _ if label.digest != spec.digest => return Ok(Adopted::Conflict),
                None => return Ok(Adopted::Same),
                Some(_) if self.room == 0 => return Ok(Adopted::Full),
                // It comes back: what is known of its first stay makes room.
                Some(end) => self.step.unend(spec.id, &end, moved.history.len())?,
            }
        } else if self.room == 0 {
            return Ok(Adopted::Full);
        }
        self.write(moved)?;
        Ok(Adopted::New)
    }

    fn write(&mut self, moved: &Moved) -> Result<(), StoreError> {
        let spec = &moved.spec;
        let head = self.core.lock()?.draft_moved(moved, self.core.now());
        self.step.accept(spec, json(spec), &Label::new(spec, millis(moved.accepted_at)), &head);
        self.step.history(spec.id, &moved.history);
        self.room -= 1;
        self.ids.insert(spec.id);
        *self.accepted.entry(head.scope()).or_default() += 1;
        self.new.push((spec.id, head));
        Ok(())
    }

    /// Makes all of it durable, and only then lets the sends wait.
    fn commit(mut self) -> Result<(), StoreError> {
        for tally in self.core.look(|state, _| state.accepted_after(self.accepted))? {
            self.step.change(&tally);
        }
        self.step.write()?;
        self.core.disk.sync()?;
        self.core.disk.acknowledge(self.new.len() as u64)?;
        self.core.step(|state, now| {
            for (id, head) in &self.new {
                state.take_in(*id, head, now);
            }
        })
    }
}

impl At {
    fn position(&self) -> Position {
        let hex = |rest: &Option<Vec<u8>>| rest.as_ref().map(const_hex::encode).unwrap_or_default();
        Position::new(match self {
            Self::Flows(rest) => format!("flows:{}", hex(rest)),
            Self::Consents(rest) => format!("consents:{}", hex(rest)),
            Self::Mailboxes(None) => "mailboxes:".to_owned(),
            Self::Mailboxes(Some(who)) => format!("mailboxes:{who}"),
            Self::Cases(after) => format!("cases:{}", after.0),
            Self::Suppressions(rest) => format!("suppressions:{}", hex(rest)),
            Self::Sends(None) => "sends:".to_owned(),
            Self::Sends(Some((who, arrival))) => format!("sends:{who}:{arrival}"),
        })
    }

    fn parse(position: &Position) -> Result<Self, StoreError> {
        let rest =
            |hex: &str| if hex.is_empty() { Some(None) } else { const_hex::decode(hex).ok().map(Some) };
        let place = |text: &str| {
            let (who, arrival) = text.split_once(':')?;
            Some((who.parse().ok()?, arrival.parse().ok()?))
        };
        let at = match position.as_str().split_once(':') {
            Some(("flows", hex)) => rest(hex).map(Self::Flows),
            Some(("consents", hex)) => rest(hex).map(Self::Consents),
            Some(("mailboxes", "")) => Some(Self::Mailboxes(None)),
            Some(("mailboxes", who)) => who.parse().ok().map(|who| Self::Mailboxes(Some(who))),
            Some(("cases", after)) => after.parse().ok().map(|after| Self::Cases(CaseId(after))),
            Some(("suppressions", hex)) => rest(hex).map(Self::Suppressions),
            Some(("sends", "")) => Some(Self::Sends(None)),
            Some(("sends", text)) => place(text).map(|place| Self::Sends(Some(place))),
            _ => None,
        };
        at.ok_or_else(|| StoreError::Unavailable("the position is one of another store".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_survive_their_text_form() {
        let places = [
            At::Flows(None),
            At::Flows(Some(vec![0, 255])),
            At::Consents(Some(vec![7])),
            At::Mailboxes(None),
            At::Mailboxes(Some(RecipientId([7; 16]))),
            At::Cases(CaseId::NONE),
            At::Cases(CaseId(SendId([7; 16]))),
            At::Suppressions(Some(vec![7])),
            At::Sends(None),
            At::Sends(Some((RecipientId([9; 16]), u64::MAX))),
        ];
        for at in places {
            assert_eq!(At::parse(&at.position()).expect("its own"), at);
        }
        for foreign in ["", "flows", "flows:x", "sends:1", "sends:1:2", "7"] {
            assert!(At::parse(&Position::new(foreign)).is_err(), "{foreign}");
        }
    }
}
