//! Entries that were delivered and never acknowledged: whose gateway died, whose answer was lost, or that kill.
//!
//! Redis counts how often each was delivered, and we see to it that the count means something: an entry is delivered
//! again only at the moment it is tried, and an attempt that ends in good order (the store was away), or that a lost
//! connection kept from beginning, sets it back. So
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
        if !self.blameless.is_empty() {
            group.keep_cleared(&self.blameless).await?;
            self.blameless.clear();
        }
        let found = group.own(self.pace.batch).await?;
        self.recover(found, Duration::ZERO, group, stop).await.map(drop)
    }

    /// Takes over what nobody works on, or was put off; goes on while the store takes some of it.
    pub(super) async fn recover_stuck(
        &mut self,
        group: &mut Group,
        stop: &CancellationToken,
    ) -> RedisResult<()> {
        let idle = self.pace.stuck_after;
        loop {
            let found = group.stuck(idle, self.pace.batch).await?;
            if !found.is_empty() {
                tracing::warn!(
                    entries = found.len(),
                    "entries of the stream were stuck, or put off; trying them"
                );
            }
            if !self.recover(found, idle, group, stop).await? || stop.is_cancelled() {
                return Ok(());
            }
        }
    }

    /// Tries these once; says whether the store took any.
    async fn recover(
        &mut self,
        found: Vec<Pending>,
        idle: Duration,
        group: &mut Group,
        stop: &CancellationToken,
    ) -> RedisResult<bool> {
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
        let mut taken = self.try_again(together, idle, group, stop).await?;
        for id in alone {
            if stop.is_cancelled() {
                break;
            }
            taken |= self.try_again(vec![id], idle, group, stop).await?;
        }
        Ok(taken)
    }

    /// Claims and handles these. If the answer to the claim is lost, it counts as a delivery, but nothing was tried.
    async fn try_again(
        &mut self,
        ids: Vec<String>,
        idle: Duration,
        group: &mut Group,
        stop: &CancellationToken,
    ) -> RedisResult<bool> {
        self.blameless.clone_from(&ids);
        let hand = group.claim(&ids, idle).await?;
        self.blameless.clear();
        self.handle(hand, Duration::ZERO, group, stop).await
    }
}
