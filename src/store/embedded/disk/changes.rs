//! The state machine's changes as records: which is written where.

use crate::model::{FlowScope, SendId};

use super::super::records::{Change, End, Event, Tally};
use super::{Kind, Step, ended_at, json, key};

impl Step<'_> {
    /// One change of the state machine.
    pub(in crate::store::embedded) fn change(&mut self, change: &Change) {
        let records = &self.disk.records;
        match change {
            Change::Head(id, head) => self.put(&self.disk.heads, id.0, head),
            Change::Event(id, event) => {
                self.put(records, key(Kind::Event, &[&id.0, &[Event::place(event.n)]]), event);
            }
            Change::End(id, end) => self.end(*id, end),
            Change::Erase(id) => self.erase(*id),
            Change::Tally(scope, tally @ Tally::Accepted(_)) => {
                self.put(records, key(Kind::Accepted, &[&json(scope)]), tally);
            }
            Change::Tally(scope, tally @ Tally::Ended(_)) => {
                self.put(records, key(Kind::Ended, &[&json(scope)]), tally);
            }
            Change::Hour(who, at) => self.hour(*who, *at),
            Change::Taken(scope, slice, taken) => self.taken(scope, *slice, *taken),
            Change::NoHours(who) => self.batch.remove(records, key(Kind::Hours, &[&who.0])),
            Change::Contacts(who, none) if none.is_empty() => {
                self.batch.remove(records, key(Kind::Contacts, &[&who.0]));
            }
            Change::Contacts(who, mails) => self.put(records, key(Kind::Contacts, &[&who.0]), mails),
            Change::Case(id, head) => self.case(*id, head),
            Change::CaseSays(id, says) => self.case_says(*id, says),
            Change::CaseGone(id) => self.case_gone(*id),
            Change::Cases(brand, counts) => self.put(records, key(Kind::Cases, &[&json(brand)]), counts),
            Change::Suppress(suppression) => self.suppress(suppression),
            Change::Unsuppress(who, scope) => self.unsuppress(*who, scope),
            Change::Announce(event) => self.announce(event),
        }
    }

    fn taken(&mut self, scope: &FlowScope, slice: i64, taken: u32) {
        let key = key(Kind::Taken, &[&slice.to_be_bytes(), &json(scope)]);
        match taken {
            0 => self.batch.remove(&self.disk.records, key),
            taken => self.put(&self.disk.records, key, &taken),
        }
    }

    fn end(&mut self, id: SendId, end: &End) {
        let records = &self.disk.records;
        self.erase(id);
        self.batch.remove(&self.disk.heads, id.0);
        self.put(records, key(Kind::End, &[&id.0]), end);
        self.put(records, ended_at(end.at, id), &());
    }

    fn erase(&mut self, id: SendId) {
        self.batch.remove(&self.disk.specs, id.0);
        // fjall is slow to open a keyspace whose newest entries are all deletions.
        self.batch.insert(&self.disk.specs, [0], Vec::new());
    }
}
