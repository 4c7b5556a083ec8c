//! Putting a gateway together. Everything that can fail does so before the first claim is possible.

mod binding;
mod wiring;

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::brands::{self, Keeper};
use super::opening::open_store;
use super::{Gateway, Listener, Sockets, StartError, folders, producers};
use crate::bounces::Bounces;
use crate::brakes::Brakes;
use crate::brands::Brands;
use crate::classify::Classifier;
use crate::clock::Clock;
use crate::config::Config;
use crate::dispatch::Dispatcher;
use crate::edge::Edge;
use crate::flow::{Gate, Standing};
use crate::intake::{Intake, Outlet};
use crate::model::{Flows, SendState};
use crate::ops::Phase;
use crate::partners::Partners;
use crate::pipeline::paying::{Clicks, Paying};
use crate::pipeline::{Pipeline, statistics, time};
use crate::relay::Relays;
use crate::render::Renderer;
use crate::secrets::Prepared;
use crate::store::measured::Measured;
use crate::store::{Counts, Store};
use crate::telemetry::Registry;
use crate::token::Identity;
use crate::webhooks::Webhooks;
use crate::{api, lmtp, ops};

/// The parts that can refuse to be built, and what they are built from.
struct Foundation {
    config: Config,
    clock: Clock,
    registry: Registry,
    identity: Identity,
    brands: Brands,
    renderer: Arc<Renderer>,
    relays: Relays,
    keeper: Arc<Keeper>,
    store: Arc<dyn Store>,
    gate: Gate,
    brakes: Brakes,
    intake: Arc<Intake>,
    classifier: Arc<Classifier>,
    partners: Arc<Partners>,
    imports: api::Imports,
    webhooks: Webhooks,
    paying: Paying,
    /// Until they are run.
    clicks: Clicks,
    bounces: Bounces,
}

impl Gateway {
    /// Starts a gateway in this runtime: lays the foundation, takes over the sockets that were passed, binds the others,
    /// and only then lets claims happen.
    pub async fn start(
        config: Config,
        prepared: Prepared,
        clock: Clock,
        sockets: Sockets,
    ) -> Result<Self, StartError> {
        let keys = keys(&config, &prepared)?;
        let vault = prepared.secrets.vault.clone();
        let (base, outlets) = Box::pin(Foundation::lay(config, prepared, clock)).await?;
        base.warn_of_strangers().await?;
        let mailboxes = base.mailboxes(vault.clone())?;
        let bound = base.bind(sockets).await?;
        let addresses = bound.addresses()?;
        let dispatcher = base.dispatcher();
        let (claiming, claimers) = base.claimers(outlets, &dispatcher);
        let phase = watch::Sender::new(Phase::Running);
        let doors = base.api_doors(keys, vault, &mailboxes, &dispatcher);
        let figures = base.ops_doors(&phase);
        let drain = base.config.dispatch.drain;
        let clerk = base.clerk().map(|clerk| Listener::start(|stop| clerk.run(stop)));
        if !base.config.store.guest {
            base.keeper.have_followed(base.outside());
        }
        Ok(Self {
            addresses,
            phase,
            edge: Listener::start(|stop| run_edge(bound.edge, stop)),
            recorder: tokio::spawn(bound.recorder.run(Arc::clone(&base.store))),
            folders: folders::watch(&base.config.feeds, &doors, base.clock.clone(), &base.registry),
            producers: producers::listen(&base.config.store, &doors, &base.registry),
            api: Listener::start(|stop| api::serve(bound.api, doors, stop)),
            lmtp: bound
                .lmtp
                .map(|door| Listener::start(|stop| lmtp::serve(door, base.bounces.clone(), stop))),
            ops: Listener::start(|stop| ops::serve(bound.ops, figures, stop)),
            mailboxes: mailboxes.start(),
            webhooks: base.webhooks,
            clerk,
            clicks: tokio::spawn(base.clicks.run(Arc::clone(&base.store) as _, claiming.clone(), drain)),
            claiming,
            claimers,
            dispatcher,
            drain,
            registry: base.registry,
            following: Listener::start(|stop| Arc::clone(&base.keeper).follow(stop)),
            keeper: base.keeper,
            classifier: base.classifier,
            relays: base.relays,
            store: base.store,
        })
    }
}

impl Foundation {
    async fn lay(
        config: Config,
        prepared: Prepared,
        clock: Clock,
    ) -> Result<(Self, Vec<Outlet>), StartError> {
        let registry = Registry::new();
        registry.process();
        let ring = Arc::new(prepared.secrets.ring);
        let renderer = Arc::new(Renderer::new(&config.brands, Arc::clone(&ring)).map_err(configuration)?);
        let relays = Relays::new(&config.relay, &config.data.dir, &registry).map_err(configuration)?;
        let brands = Brands::new(config.brands.clone(), ring);
        let identity = prepared.secrets.identity;
        let parts = brands::Parts {
            brands: brands.clone(),
            renderer: Arc::clone(&renderer),
            relays: relays.clone(),
            identity: identity.clone(),
        };
        let keeper = Arc::new(Keeper::new(config.clone(), parts, &registry));
        keeper.begin()?;
        let known = (!config.store.guest).then_some(&identity);
        let store = open_store(&config, &brands, known, &clock, &registry).await?;
        let store = Arc::new(Measured::new(store, &registry));
        let standing = Standing::new(brands.clone(), &config.limits, &config.providers);
        let gate = Gate::new(store.flows(), brands.clone(), clock.clone()).under(standing);
        let brakes =
            Brakes::new(Arc::clone(&store) as _, gate.clone(), clock.clone(), config.brakes, &registry);
        let (intake, outlets) = Intake::new(&config.intake, &config.presence, &registry);
        let intake = Arc::new(intake);
        let (paying, clicks) = Paying::new(Arc::clone(&intake), clock.clone(), &registry);
        let classifier =
            Arc::new(Classifier::new(&config.classify, config.presence.scan_grace).map_err(configuration)?);
        let webhooks = Webhooks::new(Arc::clone(&store) as _, clock.clone(), &config.webhooks, &registry)
            .map_err(|error| StartError::Configuration(format!("`webhooks.ca`: {error}")))?;
        let partners = Partners::new(&config.partners, gate.clone(), clock.clone(), &registry);
        let bounces =
            Bounces::new(Arc::clone(&store) as _, brands.clone(), brakes.clone(), clock.clone(), &registry);
        let imports = api::Imports::new(&config.feeds, &registry).map_err(configuration)?;
        let base = Self {
            config,
            clock,
            registry,
            identity,
            brands,
            renderer,
            relays,
            keeper,
            store,
            gate,
            brakes,
            intake,
            classifier,
            partners: Arc::new(partners),
            imports,
            webhooks,
            paying,
            clicks,
            bounces,
        };
        Ok((base, outlets))
    }

    /// Sends of a brand that the configuration lost would wait for it: better somebody hears of that now.
    async fn warn_of_strangers(&self) -> Result<(), StartError> {
        let waiting = |counts: &Counts| counts.states[SendState::Waiting as usize];
        for (scope, counts) in self.store.snapshot().await?.flows {
            if waiting(&counts) > 0 && !self.brands.now().brands.contains_key(&scope.brand) {
                tracing::error!(brand = %scope.brand, waiting = waiting(&counts), "sends wait for a brand that is not configured");
            }
        }
        Ok(())
    }

    /// Starts what makes claims: the pipeline behind each outlet, and the time door; and beside it what counts.
    fn claimers(&self, outlets: Vec<Outlet>, dispatcher: &Dispatcher) -> (CancellationToken, TaskTracker) {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (store, intake) = (&self.store, &self.intake);
        let pipeline = Pipeline::new(
            Arc::clone(store),
            Arc::clone(intake),
            dispatcher.clone(),
            Arc::clone(&self.classifier),
            &self.registry,
        );
        for outlet in outlets {
            tasks.spawn(pipeline.clone().run(outlet, stop.clone()));
        }
        let (gate, late) = (self.gate.clone(), time::Lateness::new(&self.registry));
        tasks.spawn(time::run(Arc::clone(store), dispatcher.clone(), gate, late, stop.clone()));
        if let Some(sights) = intake.sights() {
            let (store, intake) = (Arc::clone(store) as _, Arc::clone(intake));
            let letters = statistics::Letters::new(&self.registry);
            tasks.spawn(statistics::run(sights, store, intake, self.clock.clone(), letters, stop.clone()));
        }
        tasks.spawn(self.brakes.clone().run(stop.clone()));
        tasks.spawn(touch_again(store.flows(), Arc::clone(intake), stop.clone()));
        (stop, tasks)
    }
}

fn keys(config: &Config, prepared: &Prepared) -> Result<api::Keys, StartError> {
    let mut keys = config.api.keys.clone();
    keys.push(prepared.operator.key.clone());
    api::Keys::new(&keys).map_err(configuration)
}

async fn run_edge(edge: Edge, stop: CancellationToken) {
    if let Err(error) = edge.run(stop).await {
        tracing::error!(%error, "the edge ended");
    }
}

/// A flow that was changed may be open again: whoever is online must reach the store with the next signal.
async fn touch_again(mut flows: watch::Receiver<Arc<Flows>>, intake: Arc<Intake>, stop: CancellationToken) {
    while let Some(Ok(())) = stop.run_until_cancelled(flows.changed()).await {
        intake.forget_all();
    }
}

fn configuration(error: impl std::fmt::Display) -> StartError {
    StartError::Configuration(error.to_string())
}

fn unavailable(error: impl std::fmt::Display) -> StartError {
    StartError::Unavailable(error.to_string())
}
