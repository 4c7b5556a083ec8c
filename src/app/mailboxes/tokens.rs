//! New refresh tokens on their way to the store.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::model::RecipientId;
use crate::redact::Secret;
use crate::watch::imap::Rotated;

/// Whose refresh token it is, and from which of their [sources](super::opened): what an old one still brings says nothing
/// about a mailbox that was registered anew.
pub(super) type Of = (RecipientId, u64);

/// The newest refresh token of each source whose last one was replaced: at most one for each that is watched, or was lately.
#[derive(Debug, Default)]
pub(super) struct Rotations {
    waiting: Mutex<BTreeMap<Of, Secret>>,
    some: Notify,
}

impl Rotations {
    /// Who takes the new tokens of one source.
    pub(super) fn of(self: &Arc<Self>, of: Of) -> Rotated {
        let rotations = Arc::clone(self);
        Arc::new(move |token| {
            rotations.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(of, token);
            rotations.some.notify_one();
        })
    }

    /// Waits until there are some that were not seen.
    pub(super) async fn some(&self) {
        self.some.notified().await;
    }

    /// Takes all.
    pub(super) fn take(&self) -> BTreeMap<Of, Secret> {
        std::mem::take(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// This one has to wait; unless a newer one came.
    pub(super) fn put_back(&self, of: Of, token: Secret) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).entry(of).or_insert(token);
    }
}
