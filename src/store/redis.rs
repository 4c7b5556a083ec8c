//! The store in Redis, Valkey or Redis Cluster, shared by many gateways.

#[cfg_attr(not(test), expect(dead_code, reason = "the store's operations tell their events through it"))]
mod events;

use crate::clock::Clock;
use crate::config::RedisUrl;

use super::{Rules, StoreError};

/// How a gateway uses Redis, beyond where it is.
#[derive(Debug, Clone)]
pub struct Options {
    /// Replicas that must have an accepted send before the producer hears of it (`store.enqueue_wait`); zero for none.
    pub replicas: u16,
    /// Start although the server may lose sends (`--accept-losing-sends`).
    pub accept_losing_sends: bool,
}

/// A store in Redis.
pub struct RedisStore {}

impl RedisStore {
    /// Connects, checks that the server is fit for a queue, and loads the functions where they are missing.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] if the server would lose sends, [`StoreError::Unavailable`] if it cannot be reached.
    pub async fn open(
        _url: &RedisUrl,
        _options: Options,
        _rules: Rules,
        _clock: Clock,
    ) -> Result<Self, StoreError> {
        Err(StoreError::Unavailable("being built".into()))
    }
}
