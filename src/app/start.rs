//! Putting a gateway together. Everything that can fail does so before the first claim is possible.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Addresses, Gateway, Task};
use crate::clock::Clock;
use crate::config::{Config, ConsentRule};
use crate::dispatch::{Dispatcher, Parts};
use crate::edge::Edge;
use crate::flow::Gate;
use crate::intake::{Intake, Outlet};
use crate::pipeline::{Pipeline, time};
use crate::relay::Relay;
use crate::render::Renderer;
use crate::secrets::Secrets;
use crate::store::embedded::Embedded;
use crate::store::measured::Measured;
use crate::store::{Rules, Store, StoreError};
use crate::telemetry::Registry;
use crate::{api, ops};

/// Why a gateway does not start, in one sentence, sorted by who has to act.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration asks for something that cannot be.
    #[error("{0}")]
    Configuration(String),
    /// Something the gateway needs is not there: an address in use, a store that is locked.
    #[error("{0}")]
    Unavailable(String),
    /// What the store holds is damaged.
    #[error("{0}")]
    Damaged(String),
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Damaged(_) => Self::Damaged(error.to_string()),
            StoreError::Unavailable(_) | StoreError::Full(_) => Self::Unavailable(error.to_string()),
        }
    }
}

/// Opens the store that `store.url` names.
pub fn open_store(config: &Config, clock: &Clock) -> Result<Arc<dyn Store>, StartError> {
    let Some(directory) = config.store.url.strip_prefix("embedded:") else {
        let sentence = "store.url must be `embedded:DIR`; this build knows no other store";
        return Err(StartError::Configuration(sentence.into()));
    };
    let directory = config.data.dir.join(directory);
    Ok(Arc::new(Embedded::open(&directory, config.store.cache_mib, rules(config), clock.clone())?))
}

/// What the store needs to know of the configuration.
fn rules(config: &Config) -> Rules {
    Rules {
        window: config.presence.window,
        min_gap: config.presence.min_gap,
        scan_grace: config.presence.scan_grace,
        lease: config.dispatch.lease,
        claims_per_touch: config.dispatch.claims_per_touch,
        max_attempts: config.dispatch.retry.max_attempts,
        max_waiting: config.store.max_waiting,
        max_online: config.presence.max_online,
        keep_finished: config.store.keep_finished,
        consent: config.brands.iter().map(|(name, brand)| (name.clone(), brand.consent)).collect(),
    }
}

/// The listeners, bound before anything can claim: an address in use must not leave half a gateway behind.
struct Bound {
    edge: Edge,
    api: TcpListener,
    ops: TcpListener,
}

impl Gateway {
    /// Starts a gateway in this runtime.
    pub async fn start(config: Config, secrets: Secrets, clock: Clock) -> Result<Self, StartError> {
        let registry = Registry::new();
        registry.process();
        let ring = Arc::new(secrets.ring.clone());
        let renderer = Arc::new(Renderer::new(&config.brands, Arc::clone(&ring)).map_err(configuration)?);
        let relay = Relay::new(&config.relay, &config.data.dir, &registry).map_err(configuration)?;
        let store = open_store(&config, &clock)?;
        let store: Arc<dyn Store> = Arc::new(Measured::new(store, &registry));
        let (intake, outlets) = Intake::new(&config.intake, &config.presence, &registry);
        let intake = Arc::new(intake);
        let tracker = Tracker::new(
            Arc::clone(&ring),
            consent_rules(&config),
            Arc::new(Classifier::new()),
            Arc::clone(&intake),
            clock.clone(),
            &registry,
        );
        let bound = bind(&config, tracker, &registry).await?;
        let addresses = bound.addresses().map_err(|error| StartError::Unavailable(error.to_string()))?;
        let gate = Gate::new(store.flows(), clock.clone());
        let parts = Parts {
            store: Arc::clone(&store),
            gate: gate.clone(),
            renderer: Arc::clone(&renderer),
            relay: relay.clone(),
            intake: Arc::clone(&intake),
            clock: clock.clone(),
        };
        let dispatcher = Dispatcher::new(parts, config.dispatch.clone(), &registry);
        let (claiming, claimers) = (CancellationToken::new(), TaskTracker::new());
        let pipeline = Pipeline::new(Arc::clone(&store), Arc::clone(&intake), dispatcher.clone(), &registry);
        for outlet in outlets {
            claimers.spawn(pipeline.clone().run(outlet, claiming.clone()));
        }
        claimers.spawn(time::run(Arc::clone(&store), dispatcher.clone(), claiming.clone()));
        claimers.spawn(forget_on_flow_change(store.flows(), intake, claiming.clone()));
        let doors = doors(&config, secrets, ring, gate, clock, &store, &renderer, &dispatcher);
        let phase = watch::Sender::new(Phase::Running);
        let ops_doors =
            ops::Doors { registry: registry.clone(), store: Arc::clone(&store), phase: phase.subscribe() };
        Ok(Self {
            addresses,
            registry,
            phase,
            edge: Listener::start(|stop| run_edge(bound.edge, stop)),
            api: Listener::start(|stop| api::serve(bound.api, doors, stop)),
            ops: Listener::start(|stop| ops::serve(bound.ops, ops_doors, stop)),
            claiming,
            claimers,
            dispatcher,
            renderer,
            relay,
            store,
        })
    }
}
