//! Which claims this gateway holds, and keeping them: one renewal for all of them every third of a lease.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::model::Hold;
use crate::store::{Fenced, Store};

/// The holds of attempts under way. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Leases {
    holds: Arc<Mutex<HashSet<Hold>>>,
}

/// One hold, renewed until this is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    hold: Hold,
    leases: Leases,
}

/// Renewed in one call, at most.
const BATCH: usize = 256;

impl Leases {
    /// Renews `hold` until the returned lease is dropped.
    pub(super) fn hold(&self, hold: Hold) -> Lease {
        self.lock().insert(hold);
        Lease { hold, leases: self.clone() }
    }

    /// How many claims are held.
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Renews everything held, every `interval`, for ever.
    pub(super) async fn keep(self, store: Arc<dyn Store>, interval: Duration) {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut suspected = HashSet::new();
        loop {
            ticks.tick().await;
            let refused = self.renew(store.as_ref()).await;
            let lost = refused.intersection(&suspected).count();
            if lost > 0 {
                tracing::warn!(lost, "leases could not be renewed; their attempts stop before the hand-over");
            }
            suspected = refused;
        }
    }

    /// Renews everything once; tells what was refused. One that ends at this very moment may be among that: only what is
    /// refused twice was lost.
    async fn renew(&self, store: &dyn Store) -> HashSet<Hold> {
        let holds: Vec<Hold> = self.lock().iter().copied().collect();
        let mut refused = HashSet::new();
        for batch in holds.chunks(BATCH) {
            match store.renew(batch).await {
                Ok(answers) => {
                    let stale = batch.iter().zip(answers).filter(|(_, fenced)| *fenced == Fenced::Stale);
                    refused.extend(stale.map(|(hold, _)| *hold));
                }
                Err(error) => tracing::warn!(%error, holds = batch.len(), "leases not renewed"),
            }
        }
        refused
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<Hold>> {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.lock().remove(&self.hold);
    }
}
