//! The mails that relays took lately: how old they are, and whether they were seen to land.
//!
//! About 90 bytes each, for as long as [`Rules::recent`](crate::store::Rules::recent): a gateway that sends a thousand a
//! second keeps 600 000.

use std::collections::{HashMap, VecDeque};

use crate::model::{Name, SendId};

use super::super::time::Millis;

/// The word in a send's history for having landed.
pub(super) const LANDED: &str = "landed";

/// A mail that a relay took.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mail {
    /// When.
    pub(super) at: Millis,
    /// Whose mailbox it is in.
    pub(super) provider: Option<Name>,
    /// How many lines of history were written.
    pub(super) events: u16,
    /// It was seen to land.
    pub(super) landed: bool,
}

/// The mails of the last moments.
#[derive(Debug, Default)]
pub(super) struct Recent {
    mails: HashMap<SendId, Mail>,
    order: VecDeque<(Millis, SendId)>,
    span: Millis,
}

impl Recent {
    /// None yet; each is remembered for `span`.
    pub(super) fn new(span: Millis) -> Self {
        Self { span, ..Self::default() }
    }

    /// A relay took this mail. Forgets those that are no longer recent.
    pub(super) fn sent(&mut self, id: SendId, mail: Mail) {
        let at = mail.at;
        while let Some((old, id)) = self.order.pop_front_if(|(old, _)| old.saturating_add(self.span) <= at) {
            if self.mails.get(&id).is_some_and(|mail| mail.at == old) {
                self.mails.remove(&id);
            }
        }
        if self.span > 0 {
            self.mails.insert(id, mail);
            self.order.push_back((at, id));
        }
    }

    /// This mail, if a relay took it less than the span ago.
    pub(super) fn get(&mut self, id: SendId, now: Millis) -> Option<&mut Mail> {
        self.mails.get_mut(&id).filter(|mail| now < mail.at.saturating_add(self.span))
    }
}
