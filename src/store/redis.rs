//! The store in Redis, Valkey or Redis Cluster, shared by many gateways.
//!
//! Every step is one function call in one slot: the rules of [`Store`] are written in `lua/`, one file per operation, and
//! this side only encodes, routes and decodes. [`keys`] is the page of everything that lies in Redis; [`router`] finds the
//! server, [`enqueue`] takes sends in, [`turns`] shares out what time brings, [`after`] does what may come a moment later.
//!
//! Where it differs from the [embedded store](super::embedded), because it is shared:
//!
//! - Time is the server's: leases, deadlines, gaps and presence run out by its clock. A gateway knows when to ask by its
//!   own, put right by what the server said last, and counts presence in slices of that. Three moments are a gateway's:
//!   since when a flow has its setting and until when, when a person consented, and until when a send is deferred.
//! - Claims outlive the gateway that made them: they come back when the lease runs out. After an outage of the server
//!   nothing is taken back for a whole lease, since holders could not renew.
//! - `max_waiting` is kept by each partition for its share, [`max_online`](super::Rules::max_online) not at all: presence
//!   has a time to live, and when the server is short of memory people are claimed for but not remembered.
//!
//! # Size and speed
//!
//! Measured in release on a two-core virtual machine with everything on it; the README names the command of each figure.
//!
//! - A touch with nothing waiting, each of another person, through the edge: 28–33 µs of processor in all, of which Redis
//!   takes 9–11 (1.5 to 2.2 times a plain `SET … PX` to the same Redis), the gateway 12–15, the load generator 6–7; 56–67
//!   thousand a second. What bounds it are the two processors; a Redis with a core to itself would be next. Of its time a
//!   quarter is the call of any function, a quarter the `SET`, a sixth the counter of the present, the rest the look for
//!   what is known and the append-only file.
//! - The gateway asks in groups while the store is busy ([`pipeline`](crate::pipeline)), and the function looks at all that
//!   could matter in one command: before, a touch took 1.3 times as much in the same minutes.
//! - A touch that claims takes Redis about 110 µs, the beginning of the hand-over 25, its result 90: four thousand mails a
//!   second for each Redis.
//! - Memory of Redis: 130 bytes for a person online, 140 for one with a consent, 1.4 KB for a waiting send with its case.
//! - A send accepted in bulk takes 38–45 µs of Redis and 30–36 of the gateway.

pub mod admin;
pub mod rights;
pub mod server;

mod after;
mod cases;
mod claims;
mod ending;
mod enqueue;
mod errands;
mod events;
mod fault;
mod figures;
mod head;
mod inner;
mod keys;
mod library;
mod link;
mod meta;
mod moving;
mod near;
mod opening;
mod reply;
mod reserve;
mod router;
mod settings;
mod show;
mod suppression;
mod turns;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{
    Aim, Cancelled, Enqueued, Fenced, Forgotten, Person, Snapshot, Store, StoreError, Suppressed, Ticked,
    Touch, Touched, Wait,
};
use crate::model::{
    ClaimId, Consent, Finish, FlowScope, FlowSetting, Flows, Hold, Leaving, Mailboxes, Pass, RecipientId,
    Sealed, SendId, SendRecord, SendSpec, SuppressScope, Suppression, Toll,
};

pub use self::figures::Figures;
use self::inner::Inner;
use self::library::functions;
pub use self::library::{Library, library};
pub use self::opening::Options;
use self::router::Lane;
use super::time::span;

/// How long a store that closes waits for Redis to take the last events.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A store in Redis.
pub struct RedisStore {
    inner: Arc<Inner>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl RedisStore {
    /// Shows operators what it sees of its servers; the first call counts.
    pub fn show(&self, figures: Figures) {
        drop(self.inner.figures.set(figures));
        self.inner.follow_figures();
    }

    fn open_store(&self) -> Result<&Inner, StoreError> {
        if self.inner.closed.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("the store is closed".into()));
        }
        Ok(&self.inner)
    }

    /// For all that would begin something, or change what is being moved.
    fn running_store(&self) -> Result<&Inner, StoreError> {
        let inner = self.open_store()?;
        inner.gate.pass()?;
        Ok(inner)
    }
}

/// A store that is dropped without being closed stops living among the gateways: others take over what was its share.
impl Drop for RedisStore {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn enqueue(
        &self,
        request: ClaimId,
        sends: Vec<SendSpec>,
        wait: Wait,
    ) -> Result<Vec<Enqueued>, StoreError> {
        self.running_store()?.enqueue(request, sends, wait).await
    }

    async fn touch(&self, touch: Touch) -> Result<Touched, StoreError> {
        self.running_store()?.touch(&touch).await
    }

    async fn touch_all(&self, touches: Vec<Touch>) -> Vec<Result<Touched, StoreError>> {
        match self.running_store() {
            Ok(inner) => inner.touch_all(&touches).await,
            Err(closed) => touches.iter().map(|_| Err(closed.clone())).collect(),
        }
    }

    async fn away(&self, recipient: RecipientId, leaving: Leaving) -> Result<(), StoreError> {
        let inner = self.open_store()?;
        let partition = inner.partitions.of(recipient);
        let mut call = partition.fcall(&functions().away);
        call.arg(&recipient.0[..]);
        match leaving {
            Leaving::Left => call.arg(""),
            Leaving::Unmasked(within) => call.arg(span(within)),
        };
        call.arg(inner.spans.window).arg(claims::fetched());
        inner.call(Lane::Hot, partition, call).await.map(drop)
    }

    /// Late by [`turns::BEAT`] at most where another gateway set the timer.
    async fn due(&self) {
        tokio::select! {
            () = self.inner.turns.due() => {}
            () = self.stop.cancelled() => std::future::pending().await,
        }
    }

    async fn tick(&self, request: ClaimId, limit: usize) -> Result<Ticked, StoreError> {
        self.running_store()?.tick(request, limit).await
    }

    async fn aim(&self, aims: &[Aim]) -> Result<Vec<bool>, StoreError> {
        self.open_store()?.aim(aims).await
    }

    async fn renew(&self, holds: &[Hold]) -> Result<Vec<Fenced>, StoreError> {
        self.open_store()?.renew(holds).await
    }

    async fn begin(&self, hold: Hold) -> Result<Fenced, StoreError> {
        self.open_store()?.begin(hold).await
    }

    async fn take(&self, send: SendId, tolls: &[Toll]) -> Result<Pass, StoreError> {
        self.open_store()?.take(send, tolls).await
    }

    async fn finish(&self, hold: Hold, finish: Finish) -> Result<Fenced, StoreError> {
        self.open_store()?.finish(hold, &finish).await
    }

    async fn cancel(&self, send: SendId, reason: &str) -> Result<Cancelled, StoreError> {
        self.running_store()?.cancel(send, reason).await
    }

    async fn forget(&self, recipient: RecipientId) -> Result<Forgotten, StoreError> {
        self.running_store()?.forget(recipient).await
    }

    async fn consent(&self, consent: Consent) -> Result<(), StoreError> {
        self.running_store()?.consent(&consent).await
    }

    async fn suppress(&self, suppression: Suppression) -> Result<Suppressed, StoreError> {
        self.running_store()?.suppress(&suppression).await
    }

    async fn unsuppress(&self, recipient: RecipientId, scope: SuppressScope) -> Result<bool, StoreError> {
        self.running_store()?.unsuppress(recipient, &scope).await
    }

    async fn set_flow(&self, scope: FlowScope, setting: FlowSetting) -> Result<(), StoreError> {
        self.running_store()?.set_flow(scope, setting).await
    }

    async fn replace_flow(
        &self,
        scope: FlowScope,
        known: Option<FlowSetting>,
        setting: FlowSetting,
    ) -> Result<bool, StoreError> {
        self.running_store()?.replace_flow(scope, known.as_ref(), setting).await
    }

    fn flows(&self) -> watch::Receiver<Arc<Flows>> {
        self.inner.turns.flows()
    }

    async fn watch_mailbox(&self, recipient: RecipientId, sealed: Option<Sealed>) -> Result<(), StoreError> {
        self.running_store()?.watch_mailbox(recipient, sealed).await
    }

    async fn reseal_mailbox(
        &self,
        recipient: RecipientId,
        known: Sealed,
        fresh: Sealed,
    ) -> Result<bool, StoreError> {
        self.running_store()?.reseal_mailbox(recipient, &known, &fresh).await
    }

    /// Those of this gateway's partitions; [`turns::mailboxes`] states how late.
    fn mailboxes(&self) -> watch::Receiver<Arc<Mailboxes>> {
        self.inner.turns.mailboxes.heard()
    }

    async fn send(&self, id: SendId) -> Result<Option<SendRecord>, StoreError> {
        self.open_store()?.record(id).await
    }

    async fn person(&self, recipient: RecipientId) -> Result<Person, StoreError> {
        self.open_store()?.person(recipient).await
    }

    async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.open_store()?.snapshot().await
    }

    /// Never: Redis comes back by itself.
    async fn failed(&self) -> StoreError {
        std::future::pending().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        if self.inner.closed.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        self.inner.events.close(LAST_WORDS).await;
        self.stop.cancel();
        drop(tokio::time::timeout(LAST_WORDS, self.tasks.wait()).await);
        // Not worth failing for: a gateway that is not heard of any more is taken for dead soon.
        drop(self.inner.sign_off().await);
        Ok(())
    }
}
