//! From a claim to its fate: gate → render → relay → gate → hand over → finish, one straight line in [`attempt`].
//!
//! A [`Claim`] given to the [`Dispatcher`] ends in exactly one [`Finish`], recorded in the store. Until then its
//! lease is renewed by [`leases`]; if this process dies, or the record cannot be written, the lease runs out and the
//! store decides: back to waiting, or uncertain if the hand-over had begun.
//!
//! Limits are permits: a claim waits for a place among `dispatch.max_in_flight`, then for a connection among
//! `relay.connections`. The pipeline asks for [room](Dispatcher::room) *before* it touches the store, so that nothing
//! is claimed that cannot be fired. Claims that come without room, from a bulk push for people who are online or from
//! a shared deadline, share half of the places, so that a person's signal never queues behind them.

mod attempt;
mod leases;
mod metrics;
mod retry;

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bounces::Bounces;
use crate::brakes::Brakes;
use crate::classify::Classifier;
use crate::clock::Clock;
use crate::config;
use crate::flow::Gate;
use crate::intake::Intake;
use crate::model::Claim;
#[cfg(doc)]
use crate::model::Finish;
use crate::relay::Relays;
use crate::render::Renderer;
use crate::store::Store;
use crate::telemetry::Registry;

pub use crate::flow::Providers;
use attempt::Attempt;
use leases::Leases;
use metrics::Metrics;

/// Fires claims. Cheap to clone.
#[derive(Clone)]
pub struct Dispatcher {
    inner: Arc<Inner>,
}

/// What every attempt needs.
struct Inner {
    store: Arc<dyn Store>,
    gate: Gate,
    renderer: Arc<Renderer>,
    relays: Relays,
    intake: Arc<Intake>,
    clock: Clock,
    classifier: Arc<Classifier>,
    providers: Providers,
    brakes: Brakes,
    bounces: Bounces,
    settings: config::Dispatch,
    places: Arc<Semaphore>,
    /// The half of the places that claims without a signal may take.
    background: Arc<Semaphore>,
    leases: Leases,
    tasks: TaskTracker,
    /// Set when the gateway stops: attempts that have not reached the relay give their claim back.
    stopping: CancellationToken,
    metrics: Metrics,
}

/// The parts a dispatcher is put together from.
pub struct Parts {
    /// Where claims come from and fates go to.
    pub store: Arc<dyn Store>,
    /// Whether a flow is still open at the instant of sending.
    pub gate: Gate,
    /// Makes the mail.
    pub renderer: Arc<Renderer>,
    /// Take the mail.
    pub relays: Relays,
    /// Told when a recipient's next signal must reach the store again.
    pub intake: Arc<Intake>,
    /// Wall time.
    pub clock: Clock,
    /// Told whose domain a mail went to.
    pub classifier: Arc<Classifier>,
    /// Whose mailboxes mails go to.
    pub providers: Providers,
    /// Told what relays take and refuse.
    pub brakes: Brakes,
    /// Told of recipients that the relay says do not exist.
    pub bounces: Bounces,
}

/// A place among the attempts under way, held until the attempt has ended.
#[derive(Debug)]
pub struct Room(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

/// What set a claim off: the start of the latency that matters, if a signal did.
pub type Since = Option<Instant>;

impl Dispatcher {
    /// Puts a dispatcher together and starts the renewal of leases.
    pub fn new(parts: Parts, settings: config::Dispatch, registry: &Registry) -> Self {
        let Parts { store, gate, renderer, relays, intake, clock, classifier, providers, brakes, bounces } =
            parts;
        let places = Arc::new(Semaphore::new(settings.max_in_flight));
        let background = Arc::new(Semaphore::new((settings.max_in_flight / 2).max(1)));
        let leases = Leases::default();
        let stopping = CancellationToken::new();
        let (tasks, metrics) = (TaskTracker::new(), Metrics::new(registry));
        tokio::spawn(leases.clone().keep(Arc::clone(&store), settings.lease / 3));
        let inner = Inner {
            store,
            gate,
            renderer,
            relays,
            intake,
            clock,
            classifier,
            providers,
            brakes,
            bounces,
            settings,
            places,
            background,
            leases,
            tasks,
            stopping,
            metrics,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Waits for a place among the attempts under way.
    pub async fn room(&self) -> Room {
        let place = Arc::clone(&self.inner.places).acquire_owned().await;
        Room(place.expect("the semaphore is never closed"))
    }

    /// A place among the attempts under way, if one is free.
    pub fn try_room(&self) -> Option<Room> {
        Arc::clone(&self.inner.places).try_acquire_owned().ok().map(Room)
    }

    /// As many claims as there are free places, at least one.
    pub fn free(&self) -> usize {
        self.inner.places.available_permits().max(1)
    }

    /// Fires claims in the background, each as soon as there is room. Their leases are renewed from now on.
    pub fn fire(&self, claims: Vec<Claim>, since: Since) {
        for claim in claims {
            let attempt = Attempt::new(Arc::clone(&self.inner), claim, since);
            let this = self.clone();
            self.inner.tasks.spawn(async move {
                let _share = this.inner.background.acquire().await.expect("the semaphore is never closed");
                let room = this.room().await;
                attempt.run(room).await;
            });
        }
    }

    /// Waits until claims fired now would not queue: whoever brings many asks between two batches.
    pub async fn settled(&self) {
        drop(self.inner.background.acquire().await);
    }

    /// Fires claims with the room the caller has; the first in the caller's own task.
    pub async fn fire_now(&self, mut claims: Vec<Claim>, since: Instant, room: Room) {
        let Some(first) = (!claims.is_empty()).then(|| claims.swap_remove(0)) else { return };
        self.fire(claims, Some(since));
        Attempt::new(Arc::clone(&self.inner), first, Some(since)).run(room).await;
    }

    /// Runs a task that the stop waits for.
    pub fn track<F: Future<Output = ()> + Send + 'static>(&self, task: F) {
        self.inner.tasks.spawn(task);
    }

    /// Stops: attempts that have not reached the relay give their claims back, the others finish. Waits at most
    /// `dispatch.drain`; returns how many claims are left to their leases.
    pub async fn stop(&self) -> usize {
        self.inner.stopping.cancel();
        self.inner.tasks.close();
        let drained = tokio::time::timeout(self.inner.settings.drain, self.inner.tasks.wait()).await;
        let left = self.inner.leases.count();
        if drained.is_err() || left > 0 {
            tracing::warn!(left, "attempts did not finish in time; their leases decide");
        }
        left
    }
}
