//! What is shown of people and of live sends.

use crate::model::{Hint, RecipientId, SendId, SendState, Source};

use super::{Millis, Stand, State, queue};
use crate::store::embedded::records::{Contacted, Head};

impl State {
    /// When and where this person was last seen, if they are online.
    pub(in crate::store::embedded) fn online(
        &self,
        who: RecipientId,
        now: Millis,
    ) -> Option<(Millis, Source)> {
        self.presence.get(who, now)
    }

    /// What hints at this person's presence.
    pub(in crate::store::embedded) fn hints(&self, who: RecipientId, now: Millis) -> Vec<Hint> {
        self.hints.of(who, now)
    }

    /// The mails to this person that still matter.
    pub(in crate::store::embedded) fn contacts(&self, who: RecipientId, now: Millis) -> Vec<Contacted> {
        self.contacts.of(who, now)
    }

    /// At most `most` of a person's live sends, in claiming order.
    pub(in crate::store::embedded) fn sends_of(&self, who: RecipientId, most: usize) -> Vec<SendId> {
        let mut slots = self.contacts.claims_of(who);
        slots.extend(self.queue.of(who, most));
        slots.sort_by_key(|slot| queue::rank(self.sends.at(*slot)));
        slots.truncate(most);
        slots.into_iter().map(|slot| self.sends.at(slot).id).collect()
    }

    /// A live send's head and state.
    pub(in crate::store::embedded) fn live(&self, id: SendId) -> Option<(Head, SendState)> {
        let slot = self.sends.find(id)?;
        let claimed = self.sends.at(slot).stand == Stand::Claimed;
        Some((self.head(slot), if claimed { SendState::Claimed } else { SendState::Waiting }))
    }
}
