//! What the cases work with: a store, its clock, and ways to stop and start it.

mod embedded;
mod remote;
mod words;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use vigie::clock::after;
use vigie::model::{Claim, ClaimId, Hold, RecipientId, SendSpec, SendState};
use vigie::store::{Counts, Enqueued, Rules, Store, Ticked};

pub(crate) use embedded::{EmbeddedBackend, copy};
pub(crate) use remote::{ClusterBackend, Kind, RedisBackend, Remote, SpreadBackend, ValkeyBackend};
pub(crate) use words::{accepted, case_of, name, references, rules, send, send_of, signal, start, who};

/// Where the stores of cases stand.
pub(crate) trait Grounded {
    /// What stores can stand on, one after the other, and what takes time to start: servers.
    type Ground: Clone;

    /// A ground for several cases.
    async fn ground() -> Self::Ground;
    /// Runs cases whose stores all stand on this ground, instead of each on one of its own.
    async fn on(ground: Self::Ground, cases: impl Future<Output = ()>);
}

/// How a backend is set up for one case.
pub(crate) trait Backend: Grounded + Sized + Send + Sync {
    /// In what it legitimately differs from others.
    const HABITS: Habits;

    /// An empty store under these rules.
    async fn start(rules: Rules) -> Self;
    /// The store as it is now.
    fn store(&self) -> Arc<dyn Store>;
    /// The same store, as another gateway has it open at the same time.
    async fn another(&self) -> Arc<dyn Store>;
    /// What the store's clock shows.
    fn now(&self) -> Timestamp;
    /// Lets time pass.
    fn pass(&self, by: Duration);
    /// Sets the store's clock back.
    fn set_back(&self, by: Duration);
    /// Stops the store gently and opens it again.
    async fn reopen(&mut self);
    /// Kills the store and opens what is left.
    async fn crash(&mut self);
}

/// In what backends legitimately differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habits {
    /// Who stops the store is all who used it. So claims come back when it is opened again, where otherwise they wait
    /// for their leases to run out, and after a crash for one lease more, as nobody could renew while it lasted.
    pub(crate) holders_die_with_store: bool,
    /// Who was online is forgotten when the store stops.
    pub(crate) presence_dies_with_store: bool,
    /// `max_online` is kept, where otherwise the bound is the server's memory.
    pub(crate) bounds_presence: bool,
    /// Parts that share people among them. Each has its even part of `max_waiting` for itself, and takes its own ticks.
    pub(crate) partitions: u16,
    /// How long `due` may take to hear of what is due.
    pub(crate) due_within: Duration,
    /// How long a gateway that died still counts as alive, and keeps its share of what time brings.
    pub(crate) alive_after_death: Duration,
}

/// From one embedded store to another.
pub(crate) type EmbeddedPair = (EmbeddedBackend, EmbeddedBackend);
/// From an embedded store to one in Redis.
pub(crate) type ToRedis = (EmbeddedBackend, RedisBackend);
/// From a store in Redis to an embedded one.
pub(crate) type FromRedis = (RedisBackend, EmbeddedBackend);
/// From an embedded store to one in a Redis Cluster.
pub(crate) type ToCluster = (EmbeddedBackend, ClusterBackend);
/// From a store in a Redis Cluster to an embedded one.
pub(crate) type FromCluster = (ClusterBackend, EmbeddedBackend);

/// Two backends, which are two stores at once.
impl<A: Grounded, B: Grounded> Grounded for (A, B) {
    type Ground = (A::Ground, B::Ground);

    async fn ground() -> Self::Ground {
        (A::ground().await, B::ground().await)
    }

    async fn on((one, other): Self::Ground, cases: impl Future<Output = ()>) {
        A::on(one, B::on(other, cases)).await;
    }
}

/// A backend with short words for what cases do.
pub(crate) struct Bench<B> {
    pub(crate) backend: B,
}

impl<B: Backend> Bench<B> {
    /// An empty store under [`rules`], changed by `change`.
    pub(crate) async fn with(change: impl FnOnce(&mut Rules)) -> Self {
        let mut rules = rules();
        change(&mut rules);
        Self { backend: B::start(rules).await }
    }

    /// An empty store under [`rules`].
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// The store.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        self.backend.store()
    }

    /// Now.
    pub(crate) fn now(&self) -> Timestamp {
        self.backend.now()
    }

    /// A moment from now.
    pub(crate) fn later(&self, by: Duration) -> Timestamp {
        after(self.now(), by)
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, by: Duration) {
        self.backend.pass(by);
    }

    /// Accepts sends and says what became of each.
    pub(crate) async fn enqueue(&self, sends: &[SendSpec]) -> Vec<Enqueued> {
        self.store()
            .enqueue(ClaimId::random(), sends.to_vec(), vigie::store::Wait::Stored)
            .await
            .expect("enqueue works")
    }

    /// Accepts one send that must be new; gives its claim.
    pub(crate) async fn accept(&self, send: &SendSpec) -> Option<Claim> {
        match self.enqueue(std::slice::from_ref(send)).await.pop() {
            Some(Enqueued::New(claim)) => claim,
            other => panic!("{other:?} instead of a new send"),
        }
    }

    /// A trusted signal; gives the claims.
    pub(crate) async fn touch(&self, who: RecipientId) -> Vec<Claim> {
        let touched = self.store().touch(signal(who)).await.expect("touch works");
        assert_eq!(touched.ignored, None);
        touched.claims
    }

    /// A trusted signal that must claim one send.
    pub(crate) async fn claim(&self, who: RecipientId) -> Claim {
        let mut claims = self.touch(who).await;
        assert_eq!(claims.len(), 1, "one claim");
        claims.pop().expect("one claim")
    }

    /// Waits until the store says that something is due, which must have come.
    pub(crate) async fn due(&self) {
        let store = self.store();
        let due = tokio::time::timeout(B::HABITS.due_within, store.due());
        assert!(due.await.is_ok(), "due has come");
    }

    /// All that time has brought.
    pub(crate) async fn tick(&self) -> Ticked {
        let mut all = Ticked { more: true, ..Ticked::default() };
        for _ in 0..=B::HABITS.partitions {
            if all.more {
                let ticked = self.store().tick(ClaimId::random(), 1000).await.expect("tick works");
                all.claims.extend(ticked.claims);
                all.expired.extend(ticked.expired);
                all.ended.extend(ticked.ended);
                all.near.extend(ticked.near);
                all.late.extend(ticked.late);
                all.more = ticked.more;
            }
        }
        assert!(!all.more, "it comes to an end");
        all
    }

    /// The relay took it.
    pub(crate) async fn sent(&self, hold: Hold) {
        let fenced = self.store().finish(hold, accepted()).await.expect("finish works");
        assert_eq!(fenced, vigie::store::Fenced::Done);
    }

    /// Where a send stands; none if unknown.
    pub(crate) async fn state(&self, send: &SendSpec) -> Option<SendState> {
        self.store().send(send.id).await.expect("send works").map(|record| record.state)
    }

    /// The events of a send's history.
    pub(crate) async fn events(&self, send: &SendSpec) -> Vec<String> {
        let record = self.store().send(send.id).await.expect("send works").expect("a known send");
        record.history.into_iter().map(|line| line.event).collect()
    }

    /// Counters of all flows together. Checks the conservation law for each.
    pub(crate) async fn counts(&self) -> Counts {
        let snapshot = self.store().snapshot().await.expect("snapshot works");
        let mut all = Counts::default();
        for (scope, counts) in snapshot.flows {
            assert_eq!(counts.gap(), 0, "{scope:?} conserves: {counts:?}");
            all.accepted += counts.accepted;
            all.states.iter_mut().zip(counts.states).for_each(|(sum, part)| *sum += part);
        }
        all
    }
}
