//! The composition root: the only place that names concrete backends, and the order in which things start and stop.

mod brands;
mod folders;
mod mailboxes;
mod opening;
mod portable;
pub mod producers;
mod refusal;
mod sockets;
mod start;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::classify::Classifier;
use crate::dispatch::Dispatcher;
use crate::ops::Phase;
use crate::relay::Relays;
use crate::store::{Store, StoreError};
use crate::telemetry::Registry;
use crate::webhooks::Webhooks;

use self::brands::Keeper;

pub use opening::open_store;
pub use portable::{End, open_to_move};
pub use refusal::StartError;
pub use sockets::Sockets;

/// A running gateway.
pub struct Gateway {
    addresses: Addresses,
    registry: Registry,
    phase: watch::Sender<Phase>,
    edge: Listener,
    /// Writes down who unsubscribed; ends after the edge, when all is written.
    recorder: tokio::task::JoinHandle<()>,
    api: Listener,
    ops: Listener,
    /// Takes mails in that come back, where it is configured.
    lmtp: Option<Listener>,
    /// Listens to producers on Redis, where there is one.
    producers: Option<Listener>,
    /// Watches folders for feeds, where some are configured.
    folders: Option<Listener>,
    /// Watches mailboxes.
    mailboxes: Listener,
    /// Tells the servers of brands what happened.
    webhooks: Webhooks,
    /// Writes files for the call centre, where that is configured.
    clerk: Option<Listener>,
    /// Stops what makes new claims: the pipeline and the time door.
    claiming: CancellationToken,
    claimers: TaskTracker,
    /// Tells of payment links that were followed; ends by itself within `drain` of `claiming`.
    clicks: tokio::task::JoinHandle<()>,
    dispatcher: Dispatcher,
    /// Follows the brands' folders.
    following: Listener,
    keeper: Arc<Keeper>,
    classifier: Arc<Classifier>,
    relays: Relays,
    store: Arc<dyn Store>,
    /// How long each part may take to end.
    drain: Duration,
}

/// Bound addresses, with the real ports.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// Mail clients.
    pub edge: SocketAddr,
    /// Producers, signals, operators.
    pub api: SocketAddr,
    /// Metrics and health.
    pub ops: SocketAddr,
}

/// A listener at work, and how to stop it.
struct Listener {
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

impl Listener {
    /// Runs `serve` with the token that stops it.
    fn start<F: Future<Output = ()> + Send + 'static>(serve: impl FnOnce(CancellationToken) -> F) -> Self {
        let stop = CancellationToken::new();
        Self { serving: tokio::spawn(serve(stop.clone())), stop }
    }

    async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.serving.await {
            tracing::error!(%error, "a listener ended abnormally");
        }
    }
}

impl Gateway {
    /// Where the listeners are bound.
    pub const fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Every metric of this gateway.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Reads the brands, and the files of agents and networks, again; what cannot be used stays as it was. The log says
    /// what came of it.
    pub fn reload(&self) {
        let brands = self.keeper.read(true);
        if let Err(error) = self.classifier.reload() {
            tracing::error!(%error, "agents and networks are not reloaded; the old ones stay in use");
        } else if brands {
            tracing::info!("brands, agents and networks reloaded");
        }
    }

    /// Waits until the store has failed for good: a supervisor should start a new process.
    pub async fn failed(&self) -> StoreError {
        self.store.failed().await
    }

    /// Stops in the order in which nothing is lost: say so, take no more, claim no more, let attempts finish, give
    /// claims back, close the store. Returns how many claims are left to their leases.
    pub async fn stop(mut self) -> usize {
        self.phase.send_replace(Phase::Stopping);
        self.edge.stop().await;
        self.following.stop().await;
        // Before the store: the last refresh tokens go there.
        self.mailboxes.stop().await;
        self.claiming.cancel();
        let producers = async {
            if let Some(producers) = self.producers {
                producers.stop().await;
            }
        };
        let folders = async {
            if let Some(folders) = self.folders {
                folders.stop().await;
            }
        };
        let lmtp = async {
            if let Some(lmtp) = self.lmtp {
                lmtp.stop().await;
            }
        };
        let both = async { tokio::join!(self.api.stop(), producers, folders, lmtp) };
        if tokio::time::timeout(self.drain, both).await.is_err() {
            tracing::warn!("what producers push did not end in time; what was stored stays stored");
        }
        self.claimers.close();
        self.claimers.wait().await;
        let left = self.dispatcher.stop().await;
        if let Err(error) = self.clicks.await {
            tracing::error!(%error, "telling of clicks ended abnormally");
        }
        if tokio::time::timeout(self.drain, &mut self.recorder).await.is_err() {
            tracing::warn!("not every unsubscription could be written down in time");
            self.recorder.abort();
        }
        self.relays.close().await;
        self.webhooks.stop().await;
        if let Some(clerk) = self.clerk {
            clerk.stop().await;
        }
        if let Err(error) = self.store.close().await {
            tracing::error!(%error, "the store did not close cleanly");
        }
        self.ops.stop().await;
        left
    }
}
