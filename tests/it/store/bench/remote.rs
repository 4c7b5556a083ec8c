//! The store in Redis and its kin, on real servers.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use vigie::clock::{Clock, after};
use vigie::config::StoreUrl;
use vigie::store::redis::{Options, RedisStore};
use vigie::store::{Rules, Store, StoreError};

use super::{Backend, Grounded, Habits, start};
use crate::support::redis::{self, Hands, Program, RedisCluster, RedisServer, Shape};

/// How long servers have run when a store is opened for the first time: so long that it does not take them for just
/// recovered, and reclaims leases.
const SETTLED: Duration = Duration::from_hours(1);

/// One Redis server, and a store that is not divided.
pub(crate) type RedisBackend = Remote<Redis>;
/// One Redis server, and a store divided as usual.
pub(crate) type SpreadBackend = Remote<Spread>;
/// A Redis Cluster of three primaries with a replica each, and a store divided as usual.
pub(crate) type ClusterBackend = Remote<Cluster>;
/// One Valkey server, and a store that is not divided.
pub(crate) type ValkeyBackend = Remote<Valkey>;

/// What kind of servers a store is on.
pub(crate) trait Kind: Send + Sync + 'static {
    /// Into how many partitions the store is divided.
    const PARTITIONS: u16;
    /// Servers without a store.
    async fn start(options: redis::Options) -> Servers;
}

pub(crate) struct Redis;
pub(crate) struct Spread;
pub(crate) struct Cluster;
pub(crate) struct Valkey;

impl Kind for Redis {
    const PARTITIONS: u16 = 1;

    async fn start(options: redis::Options) -> Servers {
        Servers::One(RedisServer::start(options).await)
    }
}

impl Kind for Spread {
    const PARTITIONS: u16 = 256;

    async fn start(options: redis::Options) -> Servers {
        Redis::start(options).await
    }
}

impl Kind for Cluster {
    const PARTITIONS: u16 = 256;

    async fn start(options: redis::Options) -> Servers {
        Servers::Many(RedisCluster::start(Shape::default(), options).await)
    }
}

impl Kind for Valkey {
    const PARTITIONS: u16 = 1;

    async fn start(options: redis::Options) -> Servers {
        Servers::One(RedisServer::start(options.run(Program::Valkey)).await)
    }
}

/// Running servers.
pub(crate) enum Servers {
    One(RedisServer),
    Many(RedisCluster),
}

impl Servers {
    fn url(&self) -> String {
        match self {
            Self::One(server) => server.url(),
            Self::Many(cluster) => cluster.url(),
        }
    }

    async fn flush(&self) {
        match self {
            Self::One(server) => server.flush().await,
            Self::Many(cluster) => cluster.flush().await,
        }
    }

    /// Kills a server, once it has written what it acknowledged, and starts it on what is left. Of a cluster none is killed: its primaries would wait, by a clock
    /// that stands still, before they take writes again.
    async fn crash(&self) {
        if let Self::One(server) = self {
            server.written().await;
            server.restart().await;
        }
    }
}

/// Servers with their clock.
pub(crate) struct Ground {
    servers: Servers,
    hands: Arc<Hands>,
}

impl Ground {
    async fn new<K: Kind>() -> Self {
        let hands = Arc::new(Hands::at(start()));
        let servers = K::start(redis::Options::default().clock(&hands)).await;
        hands.set(after(hands.now(), SETTLED));
        Self { servers, hands }
    }
}

tokio::task_local! {
    /// What all stores of the cases now running stand on.
    static GROUND: Arc<Ground>;
}

/// A store on servers of one kind.
pub(crate) struct Remote<K> {
    ground: Arc<Ground>,
    rules: Rules,
    clock: Clock,
    /// None only while it is opened.
    store: Option<Arc<RedisStore>>,
    kind: PhantomData<K>,
}

impl<K: Kind> Remote<K> {
    /// The store as it is now.
    pub(crate) fn redis(&self) -> Arc<RedisStore> {
        Arc::clone(self.store.as_ref().expect("a store is open"))
    }

    async fn open(&self) -> Arc<RedisStore> {
        Arc::new(self.try_open().await.expect("the store opens"))
    }

    /// The same store, as another gateway opens it, or does not.
    pub(crate) async fn try_open(&self) -> Result<RedisStore, StoreError> {
        let url = format!("{}/?partitions={}", self.ground.servers.url(), K::PARTITIONS);
        let StoreUrl::Redis(url) = StoreUrl::parse(&url).expect("a good URL") else {
            panic!("{url} is Redis")
        };
        let options = Options {
            replicas: 0,
            replicas_within: Duration::from_secs(1),
            accept_losing_sends: false,
            identity: Some([1; 8]),
        };
        RedisStore::open(&url, options, self.rules.clone(), self.clock.clone()).await
    }
}

impl<K: Kind> Grounded for Remote<K> {
    type Ground = Arc<Ground>;

    async fn ground() -> Arc<Ground> {
        Arc::new(Ground::new::<K>().await)
    }

    async fn on(ground: Arc<Ground>, cases: impl Future<Output = ()>) {
        GROUND.scope(ground, cases).await;
    }
}

impl<K: Kind> Backend for Remote<K> {
    const HABITS: Habits = Habits {
        holders_die_with_store: false,
        presence_dies_with_store: false,
        bounds_presence: false,
        partitions: K::PARTITIONS,
        due_within: Duration::from_secs(10),
        alive_after_death: Duration::from_secs(2),
    };

    async fn start(rules: Rules) -> Self {
        let ground = match GROUND.try_with(Arc::clone) {
            Ok(ground) => ground,
            Err(_) => Self::ground().await,
        };
        ground.servers.flush().await;
        let clock = Clock::manual(ground.hands.now());
        let mut backend = Self { ground, rules, clock, store: None, kind: PhantomData };
        backend.store = Some(backend.open().await);
        backend
    }

    fn store(&self) -> Arc<dyn Store> {
        self.redis()
    }

    async fn another(&self) -> Arc<dyn Store> {
        self.open().await
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The servers first, so that whoever the other clock wakes finds that their time has come.
    fn pass(&self, by: Duration) {
        self.ground.hands.set(after(self.now(), by));
        self.clock.advance(by);
    }

    fn set_back(&self, by: Duration) {
        self.clock.set_back(by);
        self.ground.hands.set(self.now());
    }

    async fn reopen(&mut self) {
        let store = self.store.take().expect("a store is open");
        store.close().await.expect("it closes");
        self.store = Some(self.open().await);
    }

    async fn crash(&mut self) {
        self.ground.servers.crash().await;
        // Not closed: the gateway dies too.
        self.store = None;
        self.store = Some(self.open().await);
    }
}
