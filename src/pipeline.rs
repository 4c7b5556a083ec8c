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
use std::time::Instant;

use prometheus::{Histogram, IntCounter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::dispatch::{Dispatcher, Room};
use crate::intake::{Intake, Outlet};
use crate::model::{Claim, ClaimId, Signal};
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
        let under_way = Arc::new(Semaphore::new(UNDER_WAY));
        while let Some(Some(group)) = stop.run_until_cancelled(self.next(&mut outlet, &under_way)).await {
            self.dispatcher.track(self.clone().follow(group));
        }
    }

    /// The signals that wait, each with room for what it may claim; none when the outlet is closed.
    async fn next(&self, outlet: &mut Outlet, under_way: &Arc<Semaphore>) -> Option<Group> {
        let first = outlet.recv().await?;
        let turn = Arc::clone(under_way).acquire_owned().await.expect("the semaphore is never closed");
        let mut signals = vec![(first, self.dispatcher.room().await)];
        while signals.len() < TOGETHER
            && let Some(room) = self.dispatcher.try_room()
            && let Some(signal) = outlet.try_recv()
        {
            signals.push((signal, room));
        }
        Some(Group { signals, turn })
    }

    /// Touch, remember, fire.
    async fn follow(self, group: Group) {
        let asked = group.signals.iter().map(|(signal, _)| self.touch(signal)).collect();
        let answers = self.store.touch_all(asked).await;
        drop(group.turn);
        for ((signal, room), answer) in group.signals.into_iter().zip(answers) {
            match answer {
                Ok(done) => {
                    if done.ignored.is_none() {
                        self.intake.touched(&signal.recipient);
                    }
                    if !done.claims.is_empty() {
                        self.fire(done.claims, signal.received, room);
                    }
                }
                Err(error) => {
                    self.metrics.lost.inc();
                    tracing::debug!(%error, "signal lost: the store did not take it");
                }
            }
        }
    }

    fn touch(&self, signal: &Signal) -> Touch {
        self.metrics.waited.observe(signal.received.elapsed().as_secs_f64());
        Touch {
            request: ClaimId::random(),
            recipient: signal.recipient,
            source: signal.source,
            origin: signal.origin.clone(),
            about: signal.about,
        }
    }

    /// In a task of its own, so that nobody in a group waits for another's mail.
    fn fire(&self, claims: Vec<Claim>, since: Instant, room: Room) {
        let dispatcher = self.dispatcher.clone();
        self.dispatcher.track(async move { dispatcher.fire_now(claims, since, room).await });
    }
}

/// Signals that are touched together.
struct Group {
    signals: Vec<(Signal, Room)>,
    turn: OwnedSemaphorePermit,
}

/// Most signals of a group: what is claimed first waits for the answers to all.
const TOGETHER: usize = 32;

/// Groups of one outlet that the store has not answered. While they are fewer, a signal leaves at once, alone; beyond,
/// those that come are collected: where the store is far or busy, it costs less to ask it in larger groups.
const UNDER_WAY: usize = 4;

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
