//! The embedded store's [`Cases`].

use async_trait::async_trait;

use super::Embedded;
use super::writer::room_on_disk;
use crate::model::{CaseId, CaseRecord, CaseSpec, Name, Seen};
use crate::store::{CasePut, Cases, Settled, StoreError};

#[async_trait]
impl Cases for Embedded {
    async fn put_cases(&self, cases: Vec<CaseSpec>) -> Vec<Result<CasePut, StoreError>> {
        let put = async {
            let open = self.open_store().await?;
            room_on_disk(&open.core)?;
            let put = open.core.put_cases(&cases)?;
            open.sync().await?;
            Ok(put)
        };
        put.await.unwrap_or_else(|error: StoreError| cases.iter().map(|_| Err(error.clone())).collect())
    }

    async fn cases(&self, ids: &[(Name, String)]) -> Result<Vec<Option<CaseRecord>>, StoreError> {
        let open = self.open_store().await?;
        ids.iter().map(|(brand, case)| open.core.case(CaseId::of(brand, case))).collect()
    }

    async fn settle(&self, brand: &Name, case: &str, reason: &str) -> Result<Settled, StoreError> {
        let open = self.open_store().await?;
        let settled = open.core.settle(brand, case, reason)?;
        open.sync().await?;
        Ok(settled)
    }

    async fn hand_off(&self, brand: &Name, case: &str, reason: &str) -> Result<Settled, StoreError> {
        let open = self.open_store().await?;
        let settled = open.core.hand_off(brand, case, reason)?;
        open.sync().await?;
        Ok(settled)
    }

    async fn note_seen(&self, seen: &[Seen]) -> Result<Vec<Option<(Name, String)>>, StoreError> {
        let open = self.open_store().await?;
        open.core.step(|state, _| seen.iter().map(|seen| state.note_seen(seen)).collect())
    }
}
