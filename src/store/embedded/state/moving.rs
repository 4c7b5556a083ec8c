//! Moving out and in: the waiting sends one after the other, and an end that is none.

use crate::model::{RecipientId, SendId};
use crate::store::Cancelled;
use crate::store::days::accepted_on;
use crate::store::portable::{DEPARTED, Moved};

use super::{EVER, Millis, State, moment};
use crate::store::embedded::records::{Change, Head};
use crate::store::embedded::time::millis;

/// A waiting send's place in the order of [`State::waiting_after`]: person, then arrival.
pub(in crate::store::embedded) type Place = (RecipientId, u64);

impl State {
    /// The next `most` waiting sends after a place, person by person, each person's in the order of their arrival.
    pub(in crate::store::embedded) fn waiting_after(
        &self,
        after: Option<Place>,
        most: usize,
    ) -> Vec<(SendId, Head)> {
        let mut found = Vec::new();
        let mut person = match after {
            Some((who, _)) => Some(who),
            None => self.queue.person_after(None),
        };
        while let Some(who) = person.filter(|_| found.len() < most) {
            let mut slots = self.queue.of(who, usize::MAX);
            slots.retain(|slot| after.is_none_or(|after| after < (who, self.sends.at(*slot).arrival)));
            slots.sort_by_key(|slot| self.sends.at(*slot).arrival);
            slots.truncate(most - found.len());
            found.extend(slots.into_iter().map(|slot| (self.sends.at(slot).id, self.head(slot))));
            person = self.queue.person_after(Some(who));
        }
        found
    }

    /// Ends a send that lives on elsewhere. `None`: it is not alive, ask its [`End`](crate::store::embedded::records::End).
    pub(in crate::store::embedded) fn depart(&mut self, id: SendId, now: Millis) -> Option<Cancelled> {
        let slot = self.sends.find(id)?;
        if !self.call_off(slot, DEPARTED, now) {
            return Some(Cancelled::InHandOver);
        }
        for change in self.changes.iter_mut().rev() {
            if let Change::End(ended, end) = change
                && *ended == id
            {
                end.departed = true;
                break;
            }
        }
        Some(Cancelled::Done)
    }

    /// The record a send from another store will have here: its place is behind all that arrived before it.
    pub(in crate::store::embedded) fn draft_moved(&mut self, moved: &Moved, now: Millis) -> Head {
        Head {
            due: moment(moved.due, EVER),
            attempts: moved.attempts,
            events: u16::try_from(moved.history.len()).unwrap_or(u16::MAX),
            dated: moved.dated.and_then(|dated| u32::try_from(dated.as_second()).ok()).unwrap_or_default(),
            accepted_on: accepted_on(millis(moved.accepted_at), now),
            ..self.draft(&moved.spec, now)
        }
    }
}
