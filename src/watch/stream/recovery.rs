//! Entries that were delivered and never acknowledged: whose gateway died, whose answer was lost, or that kill.
//!
//! Redis counts how often each was delivered, and we see to it that the count means something: an entry is delivered
//! again only at the moment it is tried, and an attempt that ends in good order (the store was away) sets it back. So
//!
//! - 1 means: its gateway died, or lost Redis, with a batch in hand. They are tried together again.
//! - 2 to 4 mean: that happened again. Each is tried alone, so that the one at fault blames no other.
//! - [`MOST_DELIVERIES`] means: it was tried alone and never came to an end. It is rejected without another attempt.

use std::time::Duration;

use redis::RedisResult;
use tokio_util::sync::CancellationToken;

use super::Consumer;
use super::entry::Pending;
use super::group::Group;
use super::rejected::GAVE_UP;

/// Delivered so often and never decided: an entry that kills whoever reads it.
pub(super) const MOST_DELIVERIES: u64 = 5;

impl Consumer {
    /// Takes up what this process had pending when it lost its connection.
    pub(super) async fn recover_own(
        &mut self,
        group: &mut Group,
        stop: &CancellationToken,
    ) -> RedisResult<()> {
        if !self.decided.is_empty() {
            group.keep_cleared(&std::mem::take(&mut self.decided)).await?;
        }
        let found = group.own(self.pace.batch).await?;
        self.recover(found, Duration::ZERO, group, stop).await
    }

    /// Takes over what nobody works on.
    pub(super) async fn recover_stuck(
        &mut self,
        group: &mut Group,
        stop: &CancellationToken,
    ) -> RedisResult<()> {
        let idle = self.pace.stuck_after;
        let found = group.stuck(idle, self.pace.batch).await?;
        if !found.is_empty() {
            tracing::warn!(entries = found.len(), "entries of the stream were stuck; taking them over");
        }
        self.recover(found, idle, group, stop).await
    }

    async fn recover(
        &mut self,
        found: Vec<Pending>,
        idle: Duration,
        group: &mut Group,
        stop: &CancellationToken,
    ) -> RedisResult<()> {
        let (mut together, mut alone, mut killers) = (Vec::new(), Vec::new(), Vec::new());
        for entry in found {
            match entry.deliveries {
                0..2 => together.push(entry.id),
                2..MOST_DELIVERIES => alone.push(entry.id),
                _ => killers.push(entry.id),
            }
        }
        let killers = group.claim(&killers, idle).await?;
        self.reject(killers.into_iter().map(|entry| (entry, GAVE_UP.to_owned())).collect(), group).await?;
        let batch = group.claim(&together, idle).await?;
        self.handle(batch, group, stop).await?;
        for id in alone {
            if stop.is_cancelled() {
                break;
            }
            let one = group.claim(&[id], idle).await?;
            self.handle(one, group, stop).await?;
        }
        Ok(())
    }
}
