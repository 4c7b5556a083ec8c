//! New refresh tokens on their way to the store.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::model::RecipientId;
use crate::redact::Secret;
use crate::watch::imap::Rotated;

/// The newest refresh token of each mailbox whose last one was replaced: at most one for each that is watched.
#[derive(Debug, Default)]
pub(super) struct Rotations {
    waiting: Mutex<BTreeMap<RecipientId, Secret>>,
    some: Notify,
}

impl Rotations {
    /// Who takes the new tokens of one mailbox.
    pub(super) fn of(self: &Arc<Self>, who: RecipientId) -> Rotated {
        let rotations = Arc::clone(self);
        Arc::new(move |token| {
            rotations.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(who, token);
            rotations.some.notify_one();
        })
    }

    /// Waits until there are some that were not seen.
    pub(super) async fn some(&self) {
        self.some.notified().await;
    }

    /// Takes all.
    pub(super) fn take(&self) -> BTreeMap<RecipientId, Secret> {
        std::mem::take(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// This one has to wait; unless a newer one came.
    pub(super) fn put_back(&self, who: RecipientId, token: Secret) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).entry(who).or_insert(token);
    }
}
