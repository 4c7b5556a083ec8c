//! The embedded store's [`Errands`]: it belongs to one process, so who holds one is whoever runs it in there.

use std::time::Duration;

use async_trait::async_trait;

use super::Embedded;
use crate::model::ClaimId;
use crate::store::{Errand, Errands, Fenced, StoreError};

#[async_trait]
impl Errands for Embedded {
    /// After a restart nobody holds anything.
    async fn take_errand(&self, errand: &str, me: ClaimId, lease: Duration) -> Result<Errand, StoreError> {
        self.open_store().await?.core.take_errand(errand, me, lease)
    }

    async fn note_errand(
        &self,
        errand: &str,
        me: ClaimId,
        lease: Duration,
        note: &str,
    ) -> Result<Fenced, StoreError> {
        self.open_store().await?.core.note_errand(errand, me, lease, note)
    }

    async fn change_errand(&self, errand: &str, note: &str) -> Result<(), StoreError> {
        let open = self.open_store().await?;
        open.core.change_errand(errand, note)?;
        open.sync().await
    }

    async fn errand(&self, errand: &str) -> Result<Option<String>, StoreError> {
        self.open_store().await?.core.disk.errand(errand)
    }
}
