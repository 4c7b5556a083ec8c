//! Moving out of and into this store.
//!
//! A store that is shut says so in `vigie:meta`. A gateway first shows itself in `vigie:gateways` and then looks whether
//! the store is shut, whoever shuts it does the two the other way round: so one of them sees the other. A gateway that
//! was not to be seen for a while (stopped, cut off) looks again with every beat, and only ends what it has begun while
//! the store is shut.
//!
//! | file | what |
//! | --- | --- |
//! | [`chart`] | the servers, by a mark that changes with them |
//! | [`scan`] | everybody who has a key of one kind, server by server |
//! | [`export`] | pages of settings, consents, cases, sends |
//! | [`arrive`] | what is taken in, and what has gone |

mod arrive;
mod chart;
mod export;
mod position;
mod scan;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use redis::{Cmd, Value, cmd};

use super::inner::set;
use super::keys::META;
use super::opening::{Options, Purpose};
use super::router::{Lane, Place};
use super::{Inner, RedisStore};
use crate::clock::Clock;
use crate::config::RedisUrl;
use crate::model::{CaseId, SendId};
use crate::store::portable::{Adopted, Item, Page, Portable, Position};
use crate::store::{Cancelled, Rules, StoreError, Wait};

pub(super) use self::scan::Scanned;

/// The field of `vigie:meta` that is there while the store is shut.
const SHUT: &str = "shut";

/// Whether the store is shut, and to whom.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// As read with the last beat.
    shut: AtomicBool,
    /// This process moves the store: it goes on.
    mover: AtomicBool,
}

impl Gate {
    /// For whoever was asked to move the store, or not.
    pub(super) fn new(mover: bool) -> Self {
        Self { shut: AtomicBool::new(false), mover: AtomicBool::new(mover) }
    }

    /// Refuses whoever does not move the store while it is shut.
    pub(super) fn pass(&self) -> Result<(), StoreError> {
        if self.shut.load(Ordering::Relaxed) && !self.mover.load(Ordering::Relaxed) {
            return Err(StoreError::Unfit(
                "a copy out of it is under way or was interrupted, and what it moved last could go out twice; run the same \
                 `vigie store copy` again (only if the other store is gone for good, `HDEL vigie:meta shut` instead)"
                    .into(),
            ));
        }
        Ok(())
    }
}

impl RedisStore {
    /// Opens a store that is there, to move out of it, [shut](Portable::shut) or not. It is no gateway: it takes no part
    /// in what time brings. The identity in the options is compared all the same.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for being shut; [`StoreError::Unavailable`] if there is none.
    pub async fn open_to_move_out(
        url: &RedisUrl,
        options: Options,
        rules: Rules,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        Self::start(url, options, rules, clock, Purpose::MoveOut).await
    }

    /// Opens a store to move into it, and makes it, if there is none.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for being shut.
    pub async fn open_to_move_in(
        url: &RedisUrl,
        options: Options,
        rules: Rules,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        Self::start(url, options, rules, clock, Purpose::MoveIn).await
    }
}

impl Inner {
    /// Looks whether the store is shut.
    pub(super) async fn read_shut(&self) -> Result<bool, StoreError> {
        let mut get = cmd("HGET");
        get.arg(META).arg(SHUT);
        let shut = self.router.call(Lane::Control, Place::of(META.as_bytes()), get).await? != Value::Nil;
        self.gate.shut.store(shut, Ordering::Relaxed);
        Ok(shut)
    }

    async fn shut(&self) -> Result<u64, StoreError> {
        self.gate.mover.store(true, Ordering::Relaxed);
        self.write_safest(vec![set(META, SHUT, 1)]).await?;
        self.other_gateways().await
    }

    /// First all that was done before must be safe, or a power cut could leave sends in both stores and this one open.
    async fn reopen(&self) -> Result<(), StoreError> {
        let look = |partition: &super::keys::Partition| {
            let mut exists = cmd("EXISTS");
            exists.arg(format!("{}:x", partition.tag));
            (partition.place, exists)
        };
        self.write_safest(self.partitions.all().iter().map(look).collect()).await?;
        let mut del = cmd("HDEL");
        del.arg(META).arg(SHUT);
        self.write_safest(vec![(Place::of(META.as_bytes()), del)]).await?;
        self.gate.shut.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Commands, and all before them, that must be as safe as these servers can make anything before they answer: where
    /// they cannot wait for their disk, or this user may not ask for it, as safe as an enqueue.
    async fn write_safest(&self, commands: Vec<(Place, Cmd)>) -> Result<Vec<Value>, StoreError> {
        if let Ok(safe) = self.safe(Wait::Durable) {
            match self.write(commands.clone(), safe).await {
                Err(StoreError::Unfit(_)) => {}
                written => return written,
            }
        }
        self.write(commands, self.safe(Wait::Stored)?).await
    }

    /// Expired claims are not taken back for so long after an outage, in milliseconds.
    fn quiet(&self, place: Place) -> u64 {
        let quiet: Duration = self.router.quiet_for(place, self.rules.lease);
        u64::try_from(quiet.as_millis()).unwrap_or(u64::MAX)
    }
}

#[async_trait]
impl Portable for RedisStore {
    async fn shut(&self) -> Result<u64, StoreError> {
        self.open_store()?.shut().await
    }

    async fn is_shut(&self) -> Result<bool, StoreError> {
        self.open_store()?.read_shut().await
    }

    async fn reopen(&self) -> Result<(), StoreError> {
        self.open_store()?.reopen().await
    }

    /// People are found with `SCAN`. When servers change meanwhile (a failover, a slot that moves, a restart), it begins
    /// again with their keys: what has departed is not there any more.
    async fn export(&self, after: Option<Position>, most: usize) -> Result<Page, StoreError> {
        self.open_store()?.export(after.as_ref(), most.max(1)).await
    }

    /// As safe as an enqueue is (`appendfsync`, `store.enqueue_wait`).
    async fn adopt(&self, items: Vec<Item>) -> Result<Vec<Adopted>, StoreError> {
        self.open_store()?.adopt(&items).await
    }

    /// As safe as an enqueue is. What departs is not told on `vigie:events`: it has not ended.
    async fn depart(&self, sends: Vec<SendId>) -> Result<Vec<Cancelled>, StoreError> {
        self.open_store()?.depart(&sends).await
    }

    async fn depart_cases(&self, cases: Vec<CaseId>) -> Result<(), StoreError> {
        self.open_store()?.depart_cases(&cases).await
    }
}
