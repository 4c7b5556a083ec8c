//! Watched mailboxes: on disk, and published to whoever watches them.

use std::sync::Arc;

use tokio::sync::watch;

use crate::model::{Mailboxes, RecipientId, Sealed};
use crate::store::StoreError;

use super::Core;

/// All that are watched. A change copies what is published; a change is an operator's or an hour's.
pub(in crate::store::embedded) struct Watched {
    all: watch::Sender<Arc<Mailboxes>>,
    most: usize,
}

impl Watched {
    /// Those that were found on disk.
    pub(super) fn new(found: Mailboxes, most: usize) -> Self {
        Self { all: watch::Sender::new(Arc::new(found)), most }
    }

    /// Where to hear of them.
    pub(in crate::store::embedded) fn heard(&self) -> watch::Receiver<Arc<Mailboxes>> {
        self.all.subscribe()
    }

    fn known(&self, who: RecipientId) -> Option<Sealed> {
        self.all.borrow().get(&who).cloned()
    }

    fn is_full(&self) -> bool {
        self.all.borrow().len() >= self.most
    }
}

impl Core {
    /// `watch_mailbox`, but for the sync.
    pub(in crate::store::embedded) fn watch_mailbox(
        &self,
        who: RecipientId,
        sealed: Option<Sealed>,
    ) -> Result<(), StoreError> {
        let state = self.lock()?;
        if sealed.is_some() && self.mailboxes.known(who).is_none() && self.mailboxes.is_full() {
            return Err(StoreError::Full("`watch.max_mailboxes` is reached".into()));
        }
        self.keep_mailbox(who, sealed)?;
        drop(state);
        Ok(())
    }

    /// `reseal_mailbox`, but for the sync.
    pub(in crate::store::embedded) fn reseal_mailbox(
        &self,
        who: RecipientId,
        known: &Sealed,
        fresh: Sealed,
    ) -> Result<bool, StoreError> {
        let state = self.lock()?;
        let held = self.mailboxes.known(who);
        if held.as_ref() != Some(known) {
            return Ok(held == Some(fresh));
        }
        self.keep_mailbox(who, Some(fresh))?;
        drop(state);
        Ok(true)
    }

    /// Takes over a mailbox of another store, unless one of this person is watched here; tells whether it did.
    pub(super) fn adopt_mailbox(&self, who: RecipientId, sealed: &Sealed) -> Result<bool, StoreError> {
        let state = self.lock()?;
        if self.mailboxes.known(who).is_some() {
            return Ok(false);
        }
        self.keep_mailbox(who, Some(sealed.clone()))?;
        drop(state);
        Ok(true)
    }

    /// Writes and publishes. Call under the state's lock, so that both agree on the order.
    fn keep_mailbox(&self, who: RecipientId, sealed: Option<Sealed>) -> Result<(), StoreError> {
        if self.mailboxes.known(who) == sealed {
            return Ok(());
        }
        let mut step = self.disk.step();
        step.mailbox(who, sealed.as_ref());
        step.write().map_err(|error| self.fail(error))?;
        self.mailboxes.all.send_modify(|all| {
            let all = Arc::make_mut(all);
            match sealed {
                Some(sealed) => drop(all.insert(who, sealed)),
                None => drop(all.remove(&who)),
            }
        });
        Ok(())
    }
}
