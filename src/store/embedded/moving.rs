//! Moving out of and into this store.

use std::path::Path;

use async_trait::async_trait;

use super::disk::Disk;
use super::writer::Job;
use super::{Embedded, Rules, StoreError};
use crate::clock::Clock;
use crate::model::{CaseId, SendId};
use crate::store::Cancelled;
use crate::store::portable::{Adopted, Item, Page, Portable, Position};

impl Embedded {
    /// Opens the store to move out of or into, [shut](Portable::shut) or not.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for being shut.
    pub fn open_to_move(
        directory: &Path,
        cache_mib: u64,
        rules: Rules,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        Self::start(Disk::open(directory, cache_mib, rules.keep_events)?, rules, clock)
    }
}

#[async_trait]
impl Portable for Embedded {
    /// Nobody else can have the directory open: always none.
    async fn shut(&self) -> Result<u64, StoreError> {
        self.open_store().await?.core.disk.shut()?;
        Ok(0)
    }

    async fn is_shut(&self) -> Result<bool, StoreError> {
        self.open_store().await?.core.disk.is_shut()
    }

    async fn reopen(&self) -> Result<(), StoreError> {
        self.open_store().await?.core.disk.reopen()
    }

    async fn export(&self, after: Option<Position>, most: usize) -> Result<Page, StoreError> {
        self.open_store().await?.core.export(after.as_ref(), most)
    }

    /// Written by the writer's thread, as new sends are.
    async fn adopt(&self, items: Vec<Item>) -> Result<Vec<Adopted>, StoreError> {
        let open = self.open_store().await?;
        open.ask(|answer| Job::Adopt { items, answer }).await
    }

    async fn depart(&self, sends: Vec<SendId>) -> Result<Vec<Cancelled>, StoreError> {
        let open = self.open_store().await?;
        let departed = open.core.depart(&sends)?;
        open.sync().await?;
        Ok(departed)
    }

    async fn depart_cases(&self, cases: Vec<CaseId>) -> Result<(), StoreError> {
        let open = self.open_store().await?;
        open.core.step(|state, _| cases.iter().for_each(|case| state.depart_case(*case)))?;
        open.sync().await
    }
}
