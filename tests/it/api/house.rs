//! A gateway's private side: embedded store, API and operations listener on free ports, time that stands still.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vigie::api::{Doors, Ears, Imports, Keys, TryOut, Unfit};
use vigie::bounces::Bounces;
use vigie::brakes::Brakes;
use vigie::brands::Brands;
use vigie::classify::Classifier;
use vigie::clock::Clock;
use vigie::config::{Api, ApiKey, Brand, Config, Events, Role, Signals};
use vigie::flow::Gate;
use vigie::intake::{Intake, Outlet};
use vigie::model::{CaseFacts, Claim, ClaimId, Grantee, Name, Origin, SendSpec, Source, Worth};
use vigie::ops::Phase;
use vigie::partners::Partners;
use vigie::redact::Secret;
use vigie::secrets::Vault;
use vigie::store::embedded::Embedded;
use vigie::store::{Rules, Store, Touch};
use vigie::telemetry::Registry;
use vigie::token::{Identity, Key, KeyRing, Kind};
use vigie::webhooks::Webhooks;

use super::client::Client;

/// What differs between tests.
pub struct Plan {
    pub max_requests: usize,
    pub max_waiting: u64,
    pub batch: usize,
    pub try_out: TryOut,
    pub signals: Signals,
    pub events: Events,
    /// Keys of servers that report, beside the others.
    pub more_keys: Vec<String>,
}

/// Everything under test; dropping it stops it.
pub struct House {
    pub store: Arc<dyn Store>,
    pub clock: Clock,
    pub identity: Identity,
    pub ring: Arc<KeyRing>,
    pub registry: Registry,
    pub phase: watch::Sender<Phase>,
    pub fired: watch::Receiver<Vec<Claim>>,
    pub address: SocketAddr,
    pub ops: SocketAddr,
    pub shutdown: CancellationToken,
    pub serving: JoinHandle<()>,
    /// Where signals come out.
    pub outlets: Vec<Outlet>,
    /// What the API was made of, for whatever else accepts sends.
    pub doors: Doors,
    _directory: tempfile::TempDir,
}

/// Where the clock stands.
pub const NOW: &str = "2026-03-02T09:00:00Z";

impl Default for Plan {
    fn default() -> Self {
        let try_out = Arc::new(amount_needed);
        Self {
            max_requests: 64,
            max_waiting: 100_000,
            batch: 100,
            try_out,
            signals: default_file().signals,
            events: default_file().events,
            more_keys: Vec::new(),
        }
    }
}

fn default_file() -> Config {
    Config::load(&[], []).expect("the default file")
}

/// What turns word of people into signals, and where those come out.
fn ears(plan: &Plan, identity: &Identity, clock: &Clock, registry: &Registry) -> (Ears, Vec<Outlet>) {
    let Config { mut intake, presence, classify, .. } = default_file();
    intake.shards = 1;
    let (intake, outlets) = Intake::new(&intake, &presence, registry);
    let classifier = Classifier::new(&classify, presence.scan_grace).expect("the rules that ship");
    let (intake, classifier) = (Arc::new(intake), Arc::new(classifier));
    (Ears::new(plan.signals.clone(), identity.clone(), intake, classifier, clock.clone(), registry), outlets)
}

/// Stands in for the renderer: the template is `reminder` and needs `amount`.
fn bounces(
    store: &Arc<dyn Store>,
    brands: &Brands,
    gate: &Gate,
    clock: &Clock,
    registry: &Registry,
) -> Bounces {
    let brakes = Brakes::new(Arc::clone(store), gate.clone(), clock.clone(), default_file().brakes, registry);
    Bounces::new(Arc::clone(store), brands.clone(), brakes, clock.clone(), registry)
}

fn amount_needed(spec: &SendSpec, facts: Option<&CaseFacts>) -> Result<(), Unfit> {
    let unfit = |field: &str, problem: &str| Unfit { field: field.into(), problem: problem.into() };
    match spec.vars.get("amount") {
        _ if spec.template.as_str() != "reminder" => Err(unfit("template", "there is no such template")),
        None if facts.is_none() => Err(unfit("vars.amount", "the template needs this variable")),
        None | Some(_) => Ok(()),
    }
}

pub fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// A complete send of brand `demo`.
pub fn send(id: &str, email: &str) -> Value {
    json!({
        "id": id, "brand": "demo", "campaign": "wave", "case": "c-1", "to": {"email": email, "name": "Marie"},
        "template": "reminder", "vars": {"amount": "120,50 €"},
    })
}

fn rules(plan: &Plan, brands: Brands) -> Rules {
    Rules {
        window: Duration::from_mins(3),
        min_gap: Duration::from_mins(10),
        lease: Duration::from_secs(30),
        claims_per_touch: 1,
        max_attempts: 8,
        max_waiting: plan.max_waiting,
        max_online: 1000,
        max_mailboxes: 3,
        keep_finished: Duration::from_hours(48),
        brands,
        ..Rules::default()
    }
}

fn brands() -> BTreeMap<Name, Brand> {
    let brand = |text: &str| -> Brand { toml::from_str(text).expect("a brand") };
    let demo = "from = 'Demo <demo@demo.example>'\ntracking_url = 'https://t.demo.example'\nlanguage = 'fr'\nconsent = 'presumed'";
    let other = "from = 'Other <o@other.example>'\ntracking_url = 'https://t.other.example'\nlanguage = 'en'";
    [(name("demo"), brand(demo)), (name("other"), brand(other))].into()
}

/// One partner, called `paper`.
fn partners(store: &Arc<dyn Store>, clock: &Clock) -> Partners {
    let paper = toml::from_str("tracking_url = 'https://t.paper.example'").expect("a partner");
    let gate = Gate::new(store.flows(), Brands::default(), clock.clone());
    Partners::new(&[(name("paper"), paper)].into(), gate, clock.clone(), &Registry::new())
}

fn ring() -> KeyRing {
    let kinds = vec![Kind::Open, Kind::Click, Kind::Beacon, Kind::Unsubscribe];
    let key = Key::new(1, Grantee::Brand(name("demo")), kinds, true, &[1; 32]).expect("a key");
    let paper = Grantee::Partner(name("paper"));
    let theirs = Key::new(2, paper, vec![Kind::Partner], true, &[2; 32]).expect("a key");
    KeyRing::new(vec![key, theirs], vec![]).expect("a ring")
}

fn keys(plan: &Plan) -> Keys {
    let api_key = |id: &str, key: &str, role, brand: Option<&str>| ApiKey {
        id: id.into(),
        hash: format!("sha256:{}", const_hex::encode(Sha256::digest(key))),
        role,
        brand: brand.map(name),
    };
    let key = |id: &str, role, brand| api_key(id, &format!("key of {id}"), role, brand);
    let mut configured = vec![
        key("demo", Role::Producer, Some("demo")),
        key("other", Role::Producer, Some("other")),
        key("signals", Role::Signals, None),
    ];
    configured.extend(plan.more_keys.iter().map(|key| api_key("server", key, Role::Signals, None)));
    Keys::new(&configured).expect("good keys").with_operator("env", &Secret::new("key of operator"))
}

fn settings(plan: &Plan) -> Api {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    Api {
        listen,
        max_body: 8192,
        max_line: 1024,
        batch: plan.batch,
        max_requests: plan.max_requests,
        keys: vec![],
    }
}

async fn bind() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

fn webhooks(store: &Arc<dyn Store>, clock: &Clock, registry: &Registry) -> Webhooks {
    let settings = default_file().webhooks;
    Webhooks::new(Arc::clone(store), clock.clone(), &settings, registry).expect("no file")
}

async fn serve_ops(
    registry: Registry,
    store: Arc<dyn Store>,
    phase: watch::Receiver<Phase>,
    shutdown: CancellationToken,
) -> SocketAddr {
    let (listener, address) = bind().await;
    let doors = vigie::ops::Doors { registry, store, campaigns: 20, phase };
    tokio::spawn(vigie::ops::serve(listener, doors, shutdown));
    address
}

impl House {
    pub async fn open() -> Self {
        Self::with(Plan::default()).await
    }

    pub async fn with(plan: Plan) -> Self {
        let clock = Clock::manual(NOW.parse().expect("a moment"));
        let (directory, ring) = (tempfile::tempdir().expect("a directory"), Arc::new(ring()));
        let brands = Brands::new(brands(), Arc::clone(&ring));
        let rules = rules(&plan, brands.clone());
        let store =
            Embedded::open(directory.path(), 16, rules.clone(), clock.clone()).expect("an empty store");
        let store: Arc<dyn Store> = Arc::new(store);
        let (fire, fired) = watch::channel(Vec::new());
        let (identity, registry) = (Identity::new(&[2; 32]), Registry::new());
        let (ears, outlets) = ears(&plan, &identity, &clock, &registry);
        let gate = Gate::new(store.flows(), brands.clone(), clock.clone());
        let bounces = bounces(&store, &brands, &gate, &clock, &registry);
        let doors = Doors {
            store: Arc::clone(&store),
            rules: Arc::new(rules),
            identity: identity.clone(),
            brands: brands.clone(),
            partners: Arc::new(partners(&store, &clock)),
            keys: keys(&plan),
            ears: Arc::new(ears),
            gate,
            clock: clock.clone(),
            ramps: default_file().flows,
            settings: settings(&plan),
            events: plan.events,
            webhooks: webhooks(&store, &clock, &registry),
            vault: Vault::new(&[3; 32]),
            watch: default_file().watch,
            look: Arc::new(|_| None),
            bounces,
            imports: Imports::new(&default_file().feeds, &registry).expect("no mappings"),
            try_out: plan.try_out,
            fire: Arc::new(move |claims| {
                fire.send_modify(|all| all.extend(claims));
                Box::pin(std::future::ready(()))
            }),
        };
        let shutdown = CancellationToken::new();
        let (listener, address) = bind().await;
        let serving = tokio::spawn(vigie::api::serve(listener, doors.clone(), shutdown.clone()));
        let (phase, receiver) = watch::channel(Phase::Starting);
        let ops = serve_ops(registry.clone(), Arc::clone(&store), receiver, shutdown.clone()).await;
        Self {
            store,
            clock,
            identity,
            ring,
            registry,
            phase,
            fired,
            address,
            ops,
            shutdown,
            serving,
            outlets,
            doors,
            _directory: directory,
        }
    }

    /// A caller with the key of `demo`, `other`, `signals` or `operator`.
    pub fn caller(&self, who: &str) -> Client {
        Client { address: self.address, key: Some(format!("key of {who}")) }
    }

    /// The producer of brand `demo`.
    pub fn producer(&self) -> Client {
        self.caller("demo")
    }

    pub fn operator(&self) -> Client {
        self.caller("operator")
    }

    /// Somebody is seen in the mailbox; returns what was claimed.
    pub async fn seen(&self, email: &str) -> Vec<Claim> {
        let touch = Touch {
            request: ClaimId::random(),
            recipient: self.identity.of_address(email).expect("an address"),
            source: Source::Portal,
            origin: Origin::Trusted,
            about: None,
            worth: Worth::PRESENCE,
        };
        self.store.touch(touch).await.expect("touched").claims
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
