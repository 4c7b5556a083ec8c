//! A running edge with everything around it.

mod client;

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vigie::brands::Brands;
use vigie::classify::Classifier;
use vigie::clock::Clock;
use vigie::config;
use vigie::edge::{Edge, Parts, PaymentClick, Payments, Recorder, Tracker, Unsubscriber};
use vigie::flow::Gate;
use vigie::intake::{Intake, Outlet, Report};
use vigie::model::{Flows, Grantee, Name, RecipientId, SendId, Signal};
use vigie::partners::Partners;
use vigie::telemetry::Registry;
use vigie::token::{Identity, Key, KeyRing, Kind, Purpose, Token};

pub(super) use client::{Client, Reply};

/// Longer than anything here should take.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// The day the house's clock shows.
pub(super) const TODAY: u32 = 20_000;

/// A running edge with everything around it.
pub(super) struct House {
    pub(super) address: SocketAddr,
    pub(super) intake: Arc<Intake>,
    pub(super) stop: CancellationToken,
    pub(super) identity: Identity,
    /// What operators have paused.
    pub(super) flows: watch::Sender<Arc<Flows>>,
    /// Nobody writes down unsubscriptions yet: the store is as slow as can be.
    pub(super) recorder: Option<Recorder>,
    paid: Arc<Mutex<Vec<PaymentClick>>>,
    outlet: Outlet,
    registry: Registry,
    ring: Arc<KeyRing>,
    served: JoinHandle<io::Result<()>>,
    pub(super) runtime: Runtime,
}

pub(super) fn edge_config() -> config::Edge {
    config::Edge {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        threads: 2,
        max_connections: 100,
        max_connections_per_address: 100,
        header_timeout: Duration::from_secs(10),
        request_timeout: Duration::from_secs(15),
        max_target: 2048,
        max_head: 16 * 1024,
        origins: vec!["https://portal.example".into(), "http://127.0.0.1:8090".into()],
        trusted_proxies: Vec::new(),
        client_ip_header: "X-Forwarded-For".into(),
        proxy_protocol: config::ProxyProtocol::Off,
    }
}

/// Two brands and what people know them by.
fn brands() -> BTreeMap<Name, config::Brand> {
    let brand = |name: &str, from: &str, more: &str| {
        let text = format!("from = '{from}'\ntracking_url = 'https://t.{name}.example'\n{more}");
        (name.parse().expect("a name"), toml::from_str(&text).expect("a brand"))
    };
    [
        brand("demo", "Démo & Cie <a@demo.example>", "language = 'fr'\nconsent = 'presumed'"),
        brand("strict", "a@strict.example", "language = 'en'"),
    ]
    .into()
}

/// Two partners: one may use the pixel without a token.
fn partners() -> BTreeMap<Name, config::Partner> {
    let partner = |name: &str, more: &str| {
        let text = format!("tracking_url = 'https://t.{name}.example'\n{more}");
        (name.parse().expect("a name"), toml::from_str(&text).expect("a partner"))
    };
    let more = "hashed_pixel = true\nquota_per_second = 20000\nquota_per_day = 20000";
    [partner("paper", more), partner("signed", "purposes = ['statistics']\nquota_per_day = 2")].into()
}

fn presence() -> config::Presence {
    config::Presence {
        window: Duration::from_mins(4),
        refresh: Duration::from_mins(1),
        recent_capacity: 1_000,
        min_gap: Duration::from_hours(4),
        scan_grace: Duration::from_secs(30),
        landed_within: Duration::from_mins(3),
        history: true,
        max_online: 1_000,
    }
}

/// The rules that ship with vigie.
fn classifier() -> Classifier {
    let config = config::Config::load(&[], []).expect("the embedded configuration");
    Classifier::new(&config.classify, Duration::from_secs(30)).expect("the embedded rules")
}

pub(super) fn brand(name: &str) -> Grantee {
    Grantee::Brand(name.parse().expect("a name"))
}

pub(super) fn partner(name: &str) -> Grantee {
    Grantee::Partner(name.parse().expect("a name"))
}

fn ring() -> KeyRing {
    let ours = vec![Kind::Open, Kind::Click, Kind::Beacon, Kind::Unsubscribe];
    let keys = vec![
        Key::new(1, brand("demo"), ours.clone(), true, &[1; 32]).expect("a key"),
        Key::new(2, brand("strict"), ours, true, &[2; 32]).expect("a key"),
        Key::new(3, partner("paper"), vec![Kind::Partner], true, &[3; 32]).expect("a key"),
        Key::new(4, partner("signed"), vec![Kind::Partner], true, &[4; 32]).expect("a key"),
        Key::new(5, partner("stranger"), vec![Kind::Partner], true, &[5; 32]).expect("a key"),
    ];
    KeyRing::new(keys, vec![]).expect("a ring")
}

/// A pixel's token for one recipient.
pub(super) fn open(recipient: u8) -> Token {
    Token {
        kind: Kind::Open,
        expires: Some(TODAY + 1),
        recipient: RecipientId([recipient; 16]),
        send: Some(SendId([5; 16])),
        purpose: Purpose::Presence,
        destination: String::new(),
    }
}

/// A link's token.
pub(super) fn click(destination: &str) -> Token {
    Token { kind: Kind::Click, destination: destination.to_owned(), ..open(1) }
}

impl House {
    pub(super) fn open() -> Self {
        Self::with(&edge_config(), 1_000)
    }

    pub(super) fn with(config: &config::Edge, capacity: usize) -> Self {
        let registry = Registry::new();
        let paid = Arc::<Mutex<Vec<PaymentClick>>>::default();
        let (intake, mut outlets) =
            Intake::new(&config::Intake { capacity, shards: 1 }, &presence(), &registry);
        let (intake, ring) = (Arc::new(intake), Arc::new(ring()));
        let brands = Brands::new(brands(), Arc::clone(&ring));
        let now = Timestamp::from_second(i64::from(TODAY) * 86_400 + 7).expect("a moment");
        let (clock, identity) = (Clock::manual(now), Identity::new(&[9; 32]));
        let (flows, receiver) = watch::channel(Arc::default());
        let partners = Partners::new(
            &partners(),
            Gate::new(receiver, Brands::default(), clock.clone()),
            clock.clone(),
            &registry,
        );
        let parts = Parts {
            brands: brands.clone(),
            identity: identity.clone(),
            classifier: Arc::new(classifier()),
            intake: Arc::clone(&intake),
            partners: Arc::new(partners),
            clock: clock.clone(),
            paying: Payments::told_to({
                let paid = Arc::clone(&paid);
                move |click| paid.lock().expect("nobody panics with it in hand").push(click)
            }),
        };
        let (unsubscriber, recorder) = Unsubscriber::new(brands, clock, &registry);
        let tracker = Tracker::new(parts, &registry);
        let edge = Edge::bind(config, tracker, unsubscriber, &registry).expect("a free port");
        let (address, stop) = (edge.local_addr(), CancellationToken::new());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let served = runtime.spawn(edge.run(stop.clone()));
        let outlet = outlets.pop().expect("one shard");
        let recorder = Some(recorder);
        Self {
            address,
            intake,
            stop,
            identity,
            flows,
            recorder,
            paid,
            outlet,
            registry,
            ring,
            served,
            runtime,
        }
    }

    pub(super) fn mint(&self, token: &Token, owner: &Grantee) -> String {
        token.mint(&self.ring, owner).expect("minted")
    }

    pub(super) fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Client(stream)
    }

    /// One GET on a connection of its own.
    pub(super) fn get(&self, target: &str) -> Reply {
        self.connect().ask(&format!("GET {target} HTTP/1.1\r\nHost: t\r\nUser-Agent: {BROWSER}\r\n\r\n"))
    }

    /// The payment clicks that were told so far.
    pub(super) fn paid(&self) -> Vec<PaymentClick> {
        self.paid.lock().expect("nobody panics with it in hand").clone()
    }

    /// One POST on a connection of its own.
    pub(super) fn post(&self, target: &str, body: &str) -> Reply {
        let length = body.len();
        self.connect().ask(&format!(
            "POST {target} HTTP/1.1\r\nHost: t\r\nUser-Agent: {BROWSER}\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    }

    /// The next report the pipeline would see.
    pub(super) fn report(&mut self) -> Report {
        let next = async { tokio::time::timeout(PATIENCE, self.outlet.recv()).await };
        self.runtime.block_on(next).expect("a report in time").expect("an open intake")
    }

    /// The next report, which must be a signal.
    pub(super) fn signal(&mut self) -> Signal {
        match self.report() {
            Report::Seen(signal) => signal,
            Report::Gone(..) => panic!("somebody left"),
        }
    }

    /// Whether nothing more is queued once the outlet is closed.
    pub(super) fn no_more_signals(&mut self) -> bool {
        self.outlet.close();
        self.runtime.block_on(self.outlet.recv()).is_none()
    }

    /// The value of a metric's line.
    pub(super) fn metric(&self, line: &str) -> Option<u64> {
        let text = self.registry.text();
        text.lines().find_map(|each| each.strip_prefix(line)?.trim().parse().ok())
    }

    /// Waits until a metric has a value.
    pub(super) fn wait_for(&self, line: &str, value: u64) {
        let until = Instant::now() + PATIENCE;
        while self.metric(line) != Some(value) {
            assert!(Instant::now() < until, "{line} never became {value}: {:?}", self.metric(line));
            std::thread::yield_now();
        }
    }

    /// Drops the future that runs the edge.
    pub(super) fn abandon(&self) {
        self.served.abort();
    }

    /// Stops the edge and says how that went.
    pub(super) fn close(self) -> io::Result<()> {
        self.stop.cancel();
        let ended = async { tokio::time::timeout(PATIENCE, self.served).await };
        self.runtime.block_on(ended).expect("stopped in time").expect("no panic")
    }
}
