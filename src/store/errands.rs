//! Errands: work that one gateway does at a time, with a note of how far it got.

use std::time::Duration;

use async_trait::async_trait;

use super::{Fenced, StoreError};
use crate::model::ClaimId;

/// The contract of every store's errands. An errand is known by its name (printable text without spaces) and begins to exist with its first
/// note. Whoever runs it holds it under a lease; a note of somebody who does not hold it any more changes nothing.
#[async_trait]
pub trait Errands: Send + Sync {
    /// Takes an errand that nobody else holds, or goes on holding it, for `lease` from now.
    async fn take_errand(&self, errand: &str, me: ClaimId, lease: Duration) -> Result<Errand, StoreError>;

    /// Writes down how far it got, and holds it for `lease` from now; a lease of zero gives it up. Survives a killed process.
    /// [`Fenced::Stale`] if somebody else may hold it by now, or it was [changed](Self::change_errand): nothing is written.
    async fn note_errand(
        &self,
        errand: &str,
        me: ClaimId,
        lease: Duration,
        note: &str,
    ) -> Result<Fenced, StoreError>;

    /// Writes a note over whatever stands there, and takes the errand from whoever holds it. Durable before it answers.
    async fn change_errand(&self, errand: &str, note: &str) -> Result<(), StoreError>;

    /// The last note.
    async fn errand(&self, errand: &str) -> Result<Option<String>, StoreError>;
}

/// The answer to [`Errands::take_errand`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errand {
    /// It is the caller's now. The last note, if there is one.
    Mine(Option<String>),
    /// Another one holds it.
    Anothers,
}
