//! What is told of cases, and what is heard of their letters.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::super::{Millis, State};
use super::CaseHead;
use crate::model::{Amount, CaseId, CaseState, Currency, Event, Glance, Name, Seen};
use crate::store::embedded::records::Change;
use crate::store::embedded::time::{millis, timestamp};

/// Most cases of one person that are looked at.
const OPEN_CASES: usize = 64;

impl State {
    /// Tells of a case that is open, with the step at hand, as `lua/cases.lua` does.
    pub(super) fn tell_case(&mut self, id: CaseId, head: &CaseHead, word: &str, mark: &str, now: Millis) {
        self.tell(id, head, word, mark, Map::new(), now);
    }

    /// Tells of a case that is closed: how its letters fared, what was owed, and what a settled one was before.
    pub(super) fn tell_closed(
        &mut self,
        id: CaseId,
        head: &CaseHead,
        was: CaseState,
        owed: Option<(Amount, Currency)>,
        now: Millis,
    ) {
        let mut more = Map::new();
        let mut put = |key: &str, value: Value| drop(more.insert(key.to_owned(), value));
        put("reason", head.reason.clone().into());
        put("mails", head.mails.into());
        put("opens", head.seen.opens.into());
        put("clicks", head.seen.clicks.into());
        put("opened_at", timestamp(head.opened).to_string().into());
        let seen = &head.seen;
        let moments =
            [("last_seen", seen.last), ("first_mail", seen.first_mail), ("last_mail", seen.last_mail)];
        for (key, at) in moments.into_iter().filter_map(|(key, at)| Some((key, at?))) {
            put(key, at.to_string().into());
        }
        if let Some((amount, currency)) = owed {
            put("amount", amount.as_str().into());
            put("currency", currency.code().into());
        }
        if head.state == CaseState::Settled {
            put("was", was.as_str().into());
        }
        self.tell(id, head, head.state.as_str(), "", more, now);
    }

    fn tell(
        &mut self,
        id: CaseId,
        head: &CaseHead,
        word: &str,
        mark: &str,
        mut data: Map<String, Value>,
        now: Millis,
    ) {
        data.insert("id".into(), head.case.clone().into());
        data.insert("brand".into(), head.brand.as_str().into());
        data.insert("state".into(), head.state.as_str().into());
        self.changes.push(Change::Announce(Box::new(Event {
            id: format!("{}-{word}{mark}", id.0),
            kind: format!("case.{word}"),
            at: timestamp(now),
            brand: head.brand.clone(),
            data: Value::Object(data),
        })));
    }

    /// Somebody saw a letter: counts it, and says of which case it is.
    pub(in crate::store::embedded) fn note_seen(&mut self, seen: &Seen) -> Option<(Name, String)> {
        let id = self.case_of_letter(seen)?;
        let mut head = self.cases.open.get(&id)?.clone();
        let case = (head.brand.clone(), head.case.clone());
        if seen.what != Glance::Counted {
            head.seen.saw(seen.what, whole_millis(seen.at));
            self.keep_case(id, head);
        }
        Some(case)
    }

    /// The open case that a person's letter is of.
    fn case_of_letter(&self, seen: &Seen) -> Option<CaseId> {
        let theirs =
            |id: &CaseId| self.cases.open.get(id).is_some_and(|head| head.recipient == seen.recipient);
        if let Some(slot) = self.sends.find(seen.send) {
            return Some(self.sends.at(slot).case).filter(theirs);
        }
        let mut cases = self.cases.of(seen.recipient).into_iter().take(OPEN_CASES);
        cases.find(|id| self.cases.open.get(id).is_some_and(|head| head.seen.has(seen.send)))
    }
}

/// As all moments are kept.
fn whole_millis(at: Timestamp) -> Timestamp {
    timestamp(millis(at))
}
