//! Opening a store: what for, and what is checked before anything is done with it.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::events::Events;
use super::inner::{Inner, Spans};
use super::keys::Partitions;
use super::moving::{Gate, Scanned};
use super::router::Router;
use super::server::Sync;
use super::turns::Turns;
use super::{RedisStore, admin, after, library, meta, server};
use crate::clock::Clock;
use crate::config::RedisUrl;
use crate::store::{Rules, Store, StoreError};

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

/// What a store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To work with it, as a gateway or a guest.
    Work,
    /// To move out of what is there.
    MoveOut,
    /// To move into it.
    MoveIn,
}

impl RedisStore {
    /// Connects, checks that the server is fit for a queue, and loads the functions where they are missing.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] if the server would lose sends, or the store is being moved out of and
    /// [shut](crate::store::portable::Portable::shut); [`StoreError::Unavailable`] if it cannot be reached.
    pub async fn open(
        url: &RedisUrl,
        options: Options,
        rules: Rules,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let store = Self::start(url, options, rules, clock, Purpose::Work).await?;
        if let Err(shut) = store.inner.gate.pass() {
            store.close().await?;
            return Err(shut);
        }
        Ok(store)
    }

    pub(super) async fn start(
        url: &RedisUrl,
        options: Options,
        rules: Rules,
        clock: Clock,
        purpose: Purpose,
    ) -> Result<Self, StoreError> {
        let mut sync = Sync::Always;
        for survey in admin::survey(url, options.replicas).await? {
            server::heed(&survey.server, survey.remarks(), options.accept_losing_sends)?;
            sync = sync.min(survey.sync);
        }
        let router = Router::connect(url, library().clone(), &clock).await?;
        match purpose {
            Purpose::MoveOut => meta::must_exist(&router).await?,
            Purpose::Work | Purpose::MoveIn => meta::found(&router, url.partitions, options.identity).await?,
        }
        let count = meta::read(&router, url.partitions, options.identity).await?;
        let (mover, guest) = (purpose != Purpose::Work, options.identity.is_none());
        let (gone, queue) = mpsc::channel(after::WAITING);
        let events = Events::start(&router, rules.keep_events);
        let inner = Arc::new(Inner {
            router,
            partitions: Partitions::new(count),
            spans: Spans::new(&rules, count),
            turns: Turns::new(count, clock, guest || mover),
            sync,
            rules,
            options,
            gone,
            events,
            figures: OnceLock::new(),
            gate: Gate::new(mover),
            scanned: Scanned::default(),
            closed: AtomicBool::new(false),
        });
        inner.beat().await?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let beating = Arc::clone(&inner).keep_beating();
        tasks.spawn(stop.clone().run_until_cancelled_owned(beating));
        tasks.spawn(stop.clone().run_until_cancelled_owned(Arc::clone(&inner).follow_events()));
        tasks.spawn(after::run(Arc::clone(&inner), queue, stop.clone()));
        tasks.close();
        Ok(Self { inner, stop, tasks })
    }
}
