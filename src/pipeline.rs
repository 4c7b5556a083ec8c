//! The product on one page: a signal that reached the [intake](crate::intake) becomes a touch of the store, and what
//! the touch claims is fired.
//!
//! ```text
//! intake ──▶ room? ──▶ touch ──▶ claims ──▶ dispatch
//!                        ╰─▶ remembered as touched: the next signals of this person end in the intake
//! ```
//!
//! Two other doors lead to the same dispatcher: [`time`] (a not-before arrived, a deadline
//! passed, a lease ran out), and the API, whose `enqueue` claims at once for people who are online already.

pub mod time;

use std::sync::Arc;

use prometheus::{Histogram, IntCounter};
use tokio_util::sync::CancellationToken;

use crate::dispatch::{Dispatcher, Room};
use crate::intake::{Intake, Outlet};
use crate::model::{ClaimId, Signal};
use crate::store::{Store, Touch};
use crate::telemetry::{Metric, Registry};

/// Follows signals from the intake to the dispatcher. Cheap to clone.
#[derive(Clone)]
pub struct Pipeline {
    store: Arc<dyn Store>,
    intake: Arc<Intake>,
    dispatcher: Dispatcher,
    metrics: Arc<Metrics>,
}

struct Metrics {
    waited: Histogram,
    lost: IntCounter,
}

impl Pipeline {
    /// A pipeline between these two.
    pub fn new(
        store: Arc<dyn Store>,
        intake: Arc<Intake>,
        dispatcher: Dispatcher,
        registry: &Registry,
    ) -> Self {
        let metrics = Metrics {
            waited: registry.latency(WAITED).with_label_values::<&str>(&[]),
            lost: registry.counter(LOST).with_label_values::<&str>(&[]),
        };
        Self { store, intake, dispatcher, metrics: Arc::new(metrics) }
    }

    /// Follows the signals of one outlet until it is told to stop; what then still waits in the intake is dropped
    /// with it: presence lost makes a mail later, never lost.
    pub async fn run(self, mut outlet: Outlet, stop: CancellationToken) {
        loop {
            let signal = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                signal = outlet.recv() => signal,
            };
            let Some(signal) = signal else { return };
            let Some(room) = stop.run_until_cancelled(self.dispatcher.room()).await else { return };
            self.dispatcher.track(self.clone().follow(signal, room));
        }
    }

    /// One signal: touch, remember, fire.
    async fn follow(self, signal: Signal, room: Room) {
        self.metrics.waited.observe(signal.received.elapsed().as_secs_f64());
        let touch = Touch {
            request: ClaimId::random(),
            recipient: signal.recipient,
            source: signal.source,
            origin: signal.origin,
            about: signal.about,
        };
        match self.store.touch(touch).await {
            Ok(touched) => {
                if touched.ignored.is_none() {
                    self.intake.touched(&signal.recipient);
                }
                self.dispatcher.fire_now(touched.claims, signal.received, room).await;
            }
            Err(error) => {
                self.metrics.lost.inc();
                tracing::debug!(%error, "signal lost: the store did not take it");
            }
        }
    }
}

const WAITED: Metric = Metric {
    name: "vigie_intake_wait_seconds",
    labels: &[],
    meaning: "Seconds a signal waited between the edge and the store",
    alert: "healthy: below a millisecond; alert when the median is above 100 ms for a minute: the gateway is saturated",
};

const LOST: Metric = Metric {
    name: "vigie_signals_lost_total",
    labels: &[],
    meaning: "Signals whose presence was not recorded because the store did not answer",
    alert: "healthy: zero; alert on any: the store is in trouble",
};
