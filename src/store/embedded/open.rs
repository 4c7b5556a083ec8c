//! A store that is open: its state, and the thread that waits for the disk.

use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use super::core::Core;
use super::state::State;
use super::time::Millis;
use super::writer::Job;
use crate::store::StoreError;

/// Dropped when the store is closed.
pub(super) struct Open {
    pub(super) core: Arc<Core>,
    pub(super) jobs: mpsc::Sender<Job>,
    pub(super) writer: JoinHandle<()>,
}

/// What a store that was closed answers.
pub(super) fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}

impl Open {
    /// Hands the writer a job and waits for its answer.
    pub(super) async fn ask<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Job,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let gone = || StoreError::Unavailable("the store's writer has stopped".into());
        self.jobs.send(job(answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    /// One step, and all before it, on disk before it is answered.
    pub(super) async fn durably<T>(
        &self,
        step: impl FnOnce(&mut State, Millis) -> T,
    ) -> Result<T, StoreError> {
        let answer = self.core.step(step)?;
        self.sync().await?;
        Ok(answer)
    }

    pub(super) async fn sync(&self) -> Result<(), StoreError> {
        self.ask(|answer| Job::Sync { answer }).await
    }
}
