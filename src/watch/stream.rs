//! Producers on Redis: `XADD vigie:sends * send <the JSON of POST /v1/sends>`.
//!
//! Every gateway is one consumer of the group `vigie` of that stream. The life of one entry:
//!
//! 1. A [`Consumer`] reads up to [`Pace::batch`] new entries with a blocking `XREADGROUP`, on a connection of its own
//!    ([`link`]). From here on the entry is *pending*: Redis remembers which consumer has it, and since when.
//! 2. The batch goes through [`Accept`], which is the API's own examination and acceptance, with an operator's rights:
//!    any brand. Access to the stream is the credential. An entry whose JSON has no `id` is called
//!    `stream-<entry id>`, so that it is accepted once however often it is read.
//! 3. What the store has (new, or the same as before) is deleted *and* acknowledged. What is refused
//!    (a field at fault, an id taken by another send) is first written to `vigie:sends:rejected` with its problem
//!    ([`rejected`]), then deleted and acknowledged.
//! 4. What the store cannot take now (away, full) stays pending and in hand: asked again with growing pauses, kept
//!    from being taken for stuck meanwhile. Nothing new is read until then, so the stream holds what waits. If the store
//!    takes others of the batch (one partition is broken, one server of a cluster away), or after [`Pace::hold`], it is
//!    put off: it stays pending, the next upkeep but one tries it again, and others are read. A gateway with 5 000
//!    entries pending reads nothing new.
//!
//! So the stream contains exactly what is not done, and is bounded by what producers push and vigie has not taken. It is
//! vigie's own: entries are deleted under other consumer groups, too. Deleting is by entry id, so what producers add
//! meanwhile is never touched. A crash between two steps repeats the later one: a send is enqueued again under its id
//! and is the same, a rejection may stand twice with the same `id`.
//!
//! **Whose gateway died.** At start and every [`Pace::upkeep`] each gateway looks for entries that nobody has touched for
//! [`Pace::stuck_after`] and takes them over ([`recovery`]). One that keeps killing gateways is found out by how often
//! it was delivered, without the entries beside it being blamed, and is rejected.
//!
//! **Rights.** An ACL user needs, on `vigie:sends`: `XGROUP|CREATE`, `XGROUP|DELCONSUMER`, `XINFO|CONSUMERS`, `XREADGROUP`,
//! `XPENDING`, `XCLAIM`, `XACK`, `XDEL`, `XLEN`; on `vigie:sends:rejected`: `XADD`, `XLEN`, `XTRIM`;
//! and `TIME`. A producer needs `XADD` on the one and, to see what was refused, `XRANGE` or `XREAD` on the other.
//!
//! **Redis itself.** A lost connection, a stream that moved to another server of a cluster, a Redis that came back
//! empty: the consumer connects again, makes the group if it is missing, looks for what it had pending, and goes on. The
//! gateway never ends for it.

mod batch;
mod entry;
mod group;
mod link;
mod metrics;
mod recovery;
mod rejected;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use bytes::Bytes;
use redis::RedisResult;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::config::RedisUrl;
use crate::redact::foreign;
use group::Group;
use link::Servers;
use rejected::Rejected;

pub use metrics::Metrics;

/// The stream that producers write to.
pub const SENDS: &str = "vigie:sends";

/// The stream of what was refused: `id` (of the entry), `problem` (RFC 9457 JSON), `send` (as it came).
pub const REJECTED: &str = "vigie:sends:rejected";

/// The consumer group of all gateways.
pub const GROUP: &str = "vigie";

/// A send as a producer pushed it. Not `Debug`: it holds an address.
pub struct Pushed {
    /// The JSON of `POST /v1/sends`.
    pub json: Bytes,
    /// Its id if the JSON has none.
    pub name: String,
}

/// What became of a send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// New, and the store has it.
    Accepted,
    /// The store had it before.
    Same,
    /// Refused for good: the problem as RFC 9457 JSON, which names no address.
    Rejected(String),
    /// The store cannot take it now: ask again.
    Later,
    /// An internal error, perhaps by this very send; nothing is known about its effect.
    Broken,
}

/// Examines and accepts sends, and fires those that come back claimed; answers in the order given.
pub type Accept = Arc<dyn Fn(Vec<Pushed>) -> Answers + Send + Sync>;

/// What [`Accept`] answers.
pub type Answers = Pin<Box<dyn Future<Output = Vec<Verdict>> + Send>>;

/// How a consumer goes about it. The default is right for production; tests are in more of a hurry.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Most entries read together.
    pub batch: usize,
    /// How long one read waits for entries; also how long a stop may wait for it. An idle gateway costs Redis one
    /// command in this time.
    pub block: Duration,
    /// Entries that no consumer has touched for this long belong to one that died.
    pub stuck_after: Duration,
    /// How often to look for those.
    pub upkeep: Duration,
    /// A batch of which the store takes nothing is held for this long; then it is put off, and others are read.
    pub hold: Duration,
    /// Consumers that have been silent for this long and have nothing pending are removed.
    pub forget_after: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            batch: 500,
            block: Duration::from_secs(1),
            stuck_after: Duration::from_secs(30),
            upkeep: Duration::from_secs(10),
            hold: Duration::from_secs(2),
            forget_after: Duration::from_hours(1),
        }
    }
}

/// A consumer that could not speak for this long takes a new name: others may be about to remove the old one
/// ([`Pace::forget_after`]), and what is read under a name that is being removed would be pending nowhere.
const STRANGER_AFTER: Duration = Duration::from_mins(1);

/// With so many entries pending a consumer reads no new ones: what is put off stays bounded.
const MOST_PENDING: usize = 5_000;

/// How often to look for rejections that have been kept for long enough.
const EXPIRE_EVERY: Duration = Duration::from_hours(1);

/// After a failure, wait at least and at most this.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(10));

/// Pauses that double, with jitter: gateways that failed together do not come back together.
fn pauses() -> ExponentialBackoff {
    let (shortest, longest) = PAUSES;
    let pauses = ExponentialBuilder::default().with_min_delay(shortest).with_max_delay(longest);
    pauses.without_max_times().with_jitter().build()
}

/// One gateway's consumer of the stream.
pub struct Consumer {
    servers: Servers,
    rejected: Rejected,
    accept: Accept,
    metrics: Metrics,
    pace: Pace,
    /// Unique to this process.
    name: String,
    /// When Redis last did as asked.
    heard: Instant,
    pauses: ExponentialBackoff,
    /// Entries whose delivery is not to be held against them should the connection be lost now: they have a verdict
    /// that Redis could not be told yet, or were not tried yet.
    blameless: Vec<String>,
    /// When old rejections are removed next.
    expiry: Instant,
    /// [`MOST_PENDING`] is reached.
    crowded: bool,
}

impl Consumer {
    /// A consumer of the stream in this Redis; does nothing until it [runs](Self::run).
    pub fn new(url: &RedisUrl, accept: Accept, metrics: Metrics, pace: Pace) -> Self {
        let servers = Servers::new(url);
        let rejected = Rejected::new(servers.clone());
        let (name, heard) = (fresh_name(), Instant::now());
        let (pauses, blameless, expiry, crowded) = (pauses(), Vec::new(), heard, false);
        Self { servers, rejected, accept, metrics, pace, name, heard, pauses, blameless, expiry, crowded }
    }

    /// Consumes until it is told to stop; then ends the batch in hand, and reads no more. Whatever happens to Redis, it
    /// does not end by itself.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let Err(error) = self.consume(&stop).await else { return };
            let pause = self.pauses.next().unwrap_or(PAUSES.1);
            let error = foreign(&error.to_string());
            tracing::warn!(%error, ?pause, "producers on Redis are not heard; trying again");
            stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
    }

    /// One connection's life: joins the group, takes up what was left, and reads until something fails or the stop.
    async fn consume(&mut self, stop: &CancellationToken) -> RedisResult<()> {
        let mut group = self.join().await?;
        self.recover_own(&mut group, stop).await?;
        let mut upkeep = Instant::now();
        while !stop.is_cancelled() {
            if upkeep <= Instant::now() {
                self.upkeep(&mut group, stop).await?;
                upkeep = Instant::now() + self.pace.upkeep;
                continue;
            }
            if self.crowded {
                stop.run_until_cancelled(tokio::time::sleep_until(upkeep)).await;
                continue;
            }
            if self.heard.elapsed() > STRANGER_AFTER {
                self.name = fresh_name();
                group.rename(&self.name);
            }
            let batch = group.read(self.pace.batch, self.pace.block).await?;
            self.answered();
            self.handle(batch, self.pace.hold, &mut group, stop).await?;
        }
        group.leave().await
    }

    /// Redis does what it is asked to: what went wrong before is over.
    fn answered(&mut self) {
        self.heard = Instant::now();
        self.pauses = pauses();
    }

    async fn join(&self) -> RedisResult<Group> {
        let patience = self.pace.block + link::PATIENCE;
        let mut group = Group::new(self.servers.owner_of(SENDS, patience).await?, &self.name);
        group.join().await?;
        Ok(group)
    }

    /// What time brings: entries of the dead, names of the gone, old rejections, and how much there is to do.
    async fn upkeep(&mut self, group: &mut Group, stop: &CancellationToken) -> RedisResult<()> {
        self.observe(group).await?;
        self.recover_stuck(group, stop).await?;
        self.crowded = group.own_number().await? >= MOST_PENDING;
        self.answered();
        self.expire().await;
        group.tidy(self.pace.forget_after).await
    }

    /// Removes old rejections. Failing, it is tried again an hour later: nothing else waits for it.
    async fn expire(&mut self) {
        if self.expiry > Instant::now() {
            return;
        }
        self.expiry = Instant::now() + EXPIRE_EVERY;
        if let Err(error) = self.rejected.expire().await {
            let error = foreign(&error.to_string());
            tracing::warn!(%error, "old entries of vigie:sends:rejected were not removed");
        }
    }

    async fn observe(&self, group: &mut Group) -> RedisResult<()> {
        self.metrics.pending(group.length().await?);
        Ok(())
    }
}

/// A name no other process ever has.
fn fresh_name() -> String {
    format!("gateway-{}", Uuid::now_v7())
}
