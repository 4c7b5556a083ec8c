//! The operations listener: `/metrics`, `/livez`, `/readyz`.
//!
//! Metrics come from the components' own counters and from one [snapshot](crate::store::Store::snapshot) of the
//! store, taken at the scrape. A store that does not answer within a second leaves its figures out; everything else
//! is served all the same, because that is when operators need it.

mod campaigns;
mod figures;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::listener;
use crate::store::{Snapshot, Store};
use crate::telemetry::Registry;
use figures::Figures;

/// How long the store may take to answer a scrape or a readiness probe.
const STORE_PATIENCE: Duration = Duration::from_secs(1);

/// Where the process stands, as the application tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not yet taking work.
    Starting,
    /// Taking work.
    Running,
    /// Finishing what is under way.
    Stopping,
}

/// What the operations listener needs.
pub struct Doors {
    /// All components' metrics; the store's figures are registered here too.
    pub registry: Registry,
    /// Asked for its counters at each scrape.
    pub store: Arc<dyn Store>,
    /// So many campaigns of each brand have figures of their own (`ops.campaigns`).
    pub campaigns: usize,
    /// Followed by `/readyz`.
    pub phase: watch::Receiver<Phase>,
}

/// Serves the operations listener on a bound socket until `shutdown`.
pub async fn serve(listener: TcpListener, doors: Doors, shutdown: CancellationToken) {
    listener::serve(listener, router(doors), shutdown).await;
}

#[derive(Clone)]
struct Ops {
    registry: Registry,
    figures: Figures,
    store: Arc<dyn Store>,
    phase: watch::Receiver<Phase>,
}

fn router(doors: Doors) -> Router {
    let figures = Figures::register(&doors.registry, doors.campaigns);
    let ops = Ops { registry: doors.registry, figures, store: doors.store, phase: doors.phase };
    Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .with_state(ops)
}

impl Ops {
    /// The store's counters, if it answers in time.
    async fn snapshot(&self) -> Option<Snapshot> {
        tokio::time::timeout(STORE_PATIENCE, self.store.snapshot()).await.ok()?.ok()
    }
}

async fn metrics(State(ops): State<Ops>) -> Response {
    ops.figures.show(ops.snapshot().await);
    let format = [(header::CONTENT_TYPE, prometheus::TEXT_FORMAT), (header::CACHE_CONTROL, "no-store")];
    (format, ops.registry.text()).into_response()
}

async fn livez() -> &'static str {
    "alive\n"
}

/// The answer of `/readyz`.
#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

async fn readyz(State(ops): State<Ops>) -> Response {
    let phase = *ops.phase.borrow();
    let reason = match phase {
        Phase::Starting => Some("starting"),
        Phase::Stopping => Some("stopping"),
        Phase::Running => ops.snapshot().await.is_none().then_some("store not available"),
    };
    let status = if reason.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let readiness = Json(Readiness { ready: reason.is_none(), reason });
    (status, [(header::CACHE_CONTROL, "no-store")], readiness).into_response()
}
