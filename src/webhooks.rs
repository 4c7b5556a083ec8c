//! Webhooks: what happened is posted to the servers of brands, by Standard Webhooks.
//!
//! One *courier* for each webhook walks the log of events, in order, one event at a time:
//!
//! ```text
//!  take the errand ──▶ read on ──▶ sign, post ──▶ 2xx: note the position ──▶ …
//!  (one gateway)         ▲             │
//!                        └── wait ◀────┴── anything else: back off, the same event again
//! ```
//!
//! - **At least once, in order.** How far a courier got is a note in the store ([`Errands`](crate::store::Errands)); after a
//!   crash, or on another gateway, the next one goes on from there. A receiver that knows `webhook-id` acts once.
//! - **Nobody waits for a receiver**: not mail, for a courier only reads what was written down before; not other receivers,
//!   for each has a courier. A courier holds one page of events.
//! - **Failures are the receiver's** and never cost it an event while the log keeps it: tried again with doubled pauses, for
//!   as long as it takes. But for an answer that is about this one event (400, 409, 413, 415, 422): after
//!   `webhooks.refusals` of them it is left out, counted and logged, so that one poisoned event does not hold up all others.
//!   410 disables the webhook, as Standard Webhooks asks, until an operator replays it or its address changes.
//! - **Only where it may go**: redirects are answers, and [`dial`](crate::dial) connects to public addresses only.

mod courier;
mod delivery;
mod metrics;
mod progress;
mod signature;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use self::courier::Courier;
use self::delivery::Receiver;
use self::metrics::Metrics;
use self::progress::Progress;
pub use self::signature::SigningKeys;
use crate::clock::Clock;
use crate::config::{self, Brand, Webhook};
use crate::dial::{Roots, RootsError};
use crate::model::{Name, Position};
use crate::store::{Heard, Store, StoreError};
use crate::telemetry::Registry;

/// All webhooks of this gateway. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks {
    common: Arc<Common>,
    running: Arc<Mutex<BTreeMap<Key, Running>>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// A brand's webhook.
type Key = (Name, Name);

/// What all couriers need.
struct Common {
    store: Arc<dyn Store>,
    clock: Clock,
    roots: Roots,
    settings: config::Webhooks,
    metrics: Metrics,
}

/// A courier at work.
struct Running {
    webhook: Webhook,
    stop: CancellationToken,
}

/// How it stands with a webhook, wherever its courier runs.
#[derive(Debug, Clone, Serialize)]
pub struct Standing {
    /// Whose.
    pub brand: Name,
    /// What it is called.
    pub name: Name,
    /// Where it goes, without path and query: those may hold secrets.
    pub to: String,
    /// Which events; none means all.
    pub types: Vec<String>,
    /// The last event that was dealt with, if any.
    pub position: Option<Position>,
    /// Events its receiver took.
    pub delivered: u64,
    /// When it took the last one.
    pub last_success: Option<Timestamp>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When that was.
    pub last_error_at: Option<Timestamp>,
    /// Failures since the last success.
    pub failures: u32,
    /// When the next try comes.
    pub next_try: Option<Timestamp>,
    /// Its receiver said that it is gone.
    pub disabled: bool,
    /// Events left out because the receiver does not accept them.
    pub left_out: u64,
    /// How often events were not kept for as long as the receiver was away.
    pub missed: u64,
    /// Events that wait for it as of the last failure, 10,000 at most.
    pub behind: u64,
    /// When the oldest of them happened.
    pub behind_since: Option<Timestamp>,
}

/// Why a replay is not possible.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReplayError {
    /// There is no such webhook.
    #[error("there is no such webhook")]
    Unknown,
    /// Events after this position are not kept any more; they are from this one on.
    #[error("events after this position are not kept any more")]
    Gone(Position),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where a replay begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// With the oldest event that is kept.
    Oldest,
    /// With what is told from now on.
    Now,
    /// Behind this position.
    After(Position),
}

impl Webhooks {
    /// No courier runs yet.
    ///
    /// # Errors
    /// If `webhooks.ca` cannot be read.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Clock,
        settings: &config::Webhooks,
        registry: &Registry,
    ) -> Result<Self, RootsError> {
        let roots = Roots::load(settings.ca.as_deref())?;
        let roots = if settings.allow_private { roots } else { roots.public_only() };
        let metrics = Metrics::new(registry);
        let common = Common { store, clock, roots, settings: settings.clone(), metrics };
        let (running, tasks, stop) = (Arc::default(), TaskTracker::new(), CancellationToken::new());
        Ok(Self { common: Arc::new(common), running, tasks, stop })
    }

    /// Runs a courier for each of these brands' webhooks, and none for others: those that are new or have changed begin, those
    /// that are gone end.
    pub fn follow<'a>(&self, brands: impl IntoIterator<Item = (&'a Name, &'a Brand)>) {
        let wanted: BTreeMap<Key, &Webhook> = brands
            .into_iter()
            .flat_map(|(brand, of)| {
                of.webhooks.iter().map(|webhook| ((brand.clone(), webhook.name.clone()), webhook))
            })
            .collect();
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|key, courier| {
            let stays = wanted.get(key).is_some_and(|webhook| **webhook == courier.webhook);
            if !stays {
                courier.stop.cancel();
            }
            stays
        });
        for (key, webhook) in wanted {
            running.entry(key).or_insert_with_key(|key| self.start(key, webhook));
        }
    }

    fn start(&self, (brand, _): &Key, webhook: &Webhook) -> Running {
        let stop = self.stop.child_token();
        // The configuration was checked.
        if let Ok(url) = Url::parse(&webhook.url) {
            let receiver = Receiver::new(url, webhook.secrets.clone(), self.common.clone());
            let courier = Courier::new(brand.clone(), webhook, receiver, self.common.clone());
            self.tasks.spawn(courier.run(stop.clone()));
        }
        Running { webhook: webhook.clone(), stop }
    }

    /// Ends all couriers; others take over at once.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// How it stands with each webhook.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn standings(&self) -> Result<Vec<Standing>, StoreError> {
        let all: Vec<(Key, Webhook)> = {
            let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            running.iter().map(|(key, courier)| (key.clone(), courier.webhook.clone())).collect()
        };
        let mut standings = Vec::with_capacity(all.len());
        for ((brand, name), webhook) in all {
            let note = self.common.store.errand(&errand(&brand, &name)).await?;
            standings.push(Progress::read(note.as_deref()).standing(brand, &webhook));
        }
        Ok(standings)
    }

    /// Has a webhook's events delivered again, or some left out; enables it, if it is disabled.
    ///
    /// # Errors
    /// If it is not known, the position is gone, or the store does not answer.
    pub async fn replay(&self, brand: &Name, name: &Name, from: From) -> Result<(), ReplayError> {
        let key = (brand.clone(), name.clone());
        if !self.running.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&key) {
            return Err(ReplayError::Unknown);
        }
        let store = &self.common.store;
        let position = match from {
            From::Oldest => None,
            From::Now => Some(store.newest().borrow().clone()),
            From::After(position) => match store.events(Some(position.clone()), 1).await? {
                Heard::Events(_) => Some(position),
                Heard::Gone { before } => return Err(ReplayError::Gone(before)),
            },
        };
        let errand = errand(brand, name);
        let progress = Progress::read(store.errand(&errand).await?.as_deref()).replaying(position);
        store.change_errand(&errand, &progress.write()).await?;
        tracing::info!(%brand, webhook = %name, "events are delivered again");
        Ok(())
    }
}

/// The name of a webhook's errand.
fn errand(brand: &Name, name: &Name) -> String {
    format!("webhook:{brand}/{name}")
}
