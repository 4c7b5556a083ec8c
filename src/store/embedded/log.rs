//! The embedded store's [`Log`].

use async_trait::async_trait;
use tokio::sync::watch;

use super::Embedded;
use super::records::Change;
use super::state::State;
use crate::model::{Event, Position};
use crate::store::{Heard, Log, StoreError};

#[async_trait]
impl Log for Embedded {
    async fn announce(&self, event: Event) -> Result<(), StoreError> {
        self.open_store().await?.core.step(|state, _| state.announce(event))
    }

    async fn events(&self, after: Option<Position>, limit: usize) -> Result<Heard, StoreError> {
        self.open_store().await?.core.disk.told(after.as_ref(), limit)
    }

    /// Heard of at once.
    fn newest(&self) -> watch::Receiver<Position> {
        self.newest.clone()
    }
}

impl State {
    /// Tells an event with the step at hand.
    pub(super) fn announce(&mut self, event: Event) {
        self.changes.push(Change::Announce(Box::new(event)));
    }
}
