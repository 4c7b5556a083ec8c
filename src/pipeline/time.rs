//! The door that opens by itself: leases that ran out, not-befores that arrived, deadlines that passed. And before a deadline
//! passes, a better moment is found for what will go then without presence.
//!
//! The store says when there is something to do ([`Store::due`]); nothing here polls.

use std::sync::Arc;
use std::time::Duration;

use prometheus::Histogram;
use tokio_util::sync::CancellationToken;

use crate::dispatch::Dispatcher;
use crate::flow::Gate;
use crate::model::{ClaimId, SendState};
use crate::store::{Aim, Store, Ticked};
use crate::telemetry::{Metric, Registry};

/// Most sends one tick looks at, so that signals are not kept waiting behind a deadline shared by a whole campaign.
const AT_ONCE: usize = 256;

/// After a tick that failed, the next one waits this long.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Bucket bounds of [`LATE`] in seconds: from what a timer of the system is late by, over the half second in which gateways
/// hear of each other's timers, to what an outage makes.
const LATE_BUCKETS: [f64; 13] =
    [0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0];

const LATE: Metric = Metric {
    name: "vigie_timer_late_seconds",
    labels: &[],
    meaning: "By how much what time brings was late: due moments, aims, deadlines, ends of leases, of sends and cases, from \
              when something could be done about each. What was held back by a flow, an hour, a limit or its turn is not \
              late",
    healthy: "99 % within 1 s",
    alert: "more than 1 % above 5 s over ten minutes: too many attempts are under way, or the store was away",
};

/// Where it is counted how late time-driven work is.
#[derive(Debug, Clone)]
pub struct Lateness(Histogram);

impl Lateness {
    /// Registers it.
    pub fn new(registry: &Registry) -> Self {
        Self(registry.histogram(LATE, &LATE_BUCKETS).with_label_values::<&str>(&[]))
    }
}

/// Does what time brings until it is told to stop.
pub async fn run(
    store: Arc<dyn Store>,
    dispatcher: Dispatcher,
    gate: Gate,
    late: Lateness,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = store.due() => {}
        }
        let Some(room) = stop.run_until_cancelled(dispatcher.room()).await else { return };
        drop(room);
        match store.tick(ClaimId::random(), dispatcher.free().min(AT_ONCE)).await {
            Ok(ticked) => {
                let aims: Vec<_> = ticked.near.iter().filter_map(|near| gate.aim(near)).collect();
                ticked.late.iter().for_each(|by| late.0.observe(by.as_secs_f64()));
                follow(ticked, &dispatcher);
                aim(store.as_ref(), &aims).await;
            }
            Err(error) => {
                tracing::warn!(%error, "time-driven work is late: the store did not answer");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

/// Times sends better than by their deadlines.
async fn aim(store: &dyn Store, aims: &[Aim]) {
    if aims.is_empty() {
        return;
    }
    if let Err(error) = store.aim(aims).await {
        tracing::warn!(%error, sends = aims.len(), "sends keep their deadlines: the store did not answer");
    }
}

fn follow(ticked: Ticked, dispatcher: &Dispatcher) {
    for (send, state) in ticked.expired {
        if state == SendState::Uncertain {
            tracing::error!(%send, "outcome unknown: the lease ran out after the hand-over began");
        } else {
            tracing::warn!(%send, "lease ran out: waiting again");
        }
    }
    for (send, state) in ticked.ended {
        tracing::info!(%send, state = state.as_str(), "deadline passed");
    }
    dispatcher.fire(ticked.claims, None);
}
