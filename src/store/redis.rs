//! The store in Redis, Valkey or Redis Cluster, shared by many gateways.

pub mod admin;
mod library;
pub mod rights;
pub mod server;

use std::time::Duration;

use crate::clock::Clock;
use crate::config::RedisUrl;

use super::{Rules, StoreError};

pub use library::{Library, library};

/// How a gateway uses Redis, beyond where it is.
#[derive(Debug, Clone)]
pub struct Options {
    /// Replicas that must have an accepted send before the producer hears of it (`store.enqueue_wait`); zero for none.
    pub replicas: u16,
    /// How long to wait for them, at most (`store.enqueue_wait_timeout`).
    pub replicas_within: Duration,
    /// Start although the server may lose sends (`--accept-losing-sends`).
    pub accept_losing_sends: bool,
    /// The fingerprint of the gateway's identity key: a store belongs to the first one that opened it, and another is
    /// refused as [`StoreError::Unfit`], for it would know nobody in it. None is a guest, who is compared with nobody,
    /// brings people of its own and takes no share of what time brings.
    pub identity: Option<[u8; 8]>,
}

/// A store in Redis.
pub struct RedisStore {}

impl RedisStore {
    /// Connects, checks that the server is fit for a queue, and loads the functions where they are missing.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] if the server would lose sends, [`StoreError::Unavailable`] if it cannot be reached.
    pub async fn open(
        url: &RedisUrl,
        options: Options,
        _rules: Rules,
        _clock: Clock,
    ) -> Result<super::embedded::Embedded, StoreError> {
        for survey in admin::survey(url, options.replicas).await? {
            server::heed(&survey.server, survey.remarks(), options.accept_losing_sends)?;
        }
        Err(StoreError::Unavailable("being built".into()))
    }
}
