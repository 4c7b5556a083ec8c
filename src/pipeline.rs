//! The product on one page: a signal that reached the [intake](crate::intake) becomes a touch of the store, and what
//! the touch claims is fired.
//!
//! ```text
//! intake ──▶ room? ──▶ touch ──▶ claims ──▶ dispatch
//!                        ╰─▶ remembered as touched: the next signals of this person end in the intake
//! ```
//!
//! Beside it, and never in its way, [`statistics`] are counted, and [`paying`] tells of payment links.
//!
//! Two other doors lead to the same dispatcher: [`time`] (a not-before arrived, a deadline
//! passed, a lease ran out), and the API, whose `enqueue` claims at once for people who are online already.

pub mod paying;
pub mod statistics;
pub mod time;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use prometheus::{Histogram, IntCounter, IntCounterVec};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::classify::Classifier;
use crate::dispatch::{Dispatcher, Room};
use crate::intake::{Intake, Outlet, Report};
use crate::model::{Claim, ClaimId, Landed, Leaving, Name, RecipientId, Signal};
use crate::store::{Ignored, Store, Touch, Touched};
use crate::telemetry::{Label, Metric, Registry};

/// Follows signals from the intake to the dispatcher. Cheap to clone.
#[derive(Clone)]
pub struct Pipeline {
    store: Arc<dyn Store>,
    intake: Arc<Intake>,
    dispatcher: Dispatcher,
    classifier: Arc<Classifier>,
    metrics: Arc<Metrics>,
}

struct Metrics {
    waited: Histogram,
    lost: IntCounter,
    landed: IntCounterVec,
}

impl Metrics {
    fn landed(&self, landed: &Landed) {
        let provider = landed.provider.as_ref().map_or("other", Name::as_str);
        self.landed.with_label_values(&[provider]).inc();
    }
}

impl Pipeline {
    /// A pipeline between these two.
    pub fn new(
        store: Arc<dyn Store>,
        intake: Arc<Intake>,
        dispatcher: Dispatcher,
        classifier: Arc<Classifier>,
        registry: &Registry,
    ) -> Self {
        let metrics = Metrics {
            waited: registry.latency(WAITED).with_label_values::<&str>(&[]),
            lost: registry.counter(LOST).with_label_values::<&str>(&[]),
            landed: registry.counter(LANDED),
        };
        Self { store, intake, dispatcher, classifier, metrics: Arc::new(metrics) }
    }

    /// Follows the signals of one outlet until it is told to stop; what then still waits in the intake is dropped
    /// with it: presence lost makes a mail later, never lost.
    pub async fn run(self, outlet: Outlet, stop: CancellationToken) {
        let under_way = Arc::new(Semaphore::new(UNDER_WAY as usize));
        let mut outlet = Waiting { outlet, next: None };
        while let Some(Some(work)) = stop.run_until_cancelled(self.next(&mut outlet, &under_way)).await {
            self.dispatcher.track(self.clone().work(work));
        }
    }

    /// What waits: signals, each with room for what it may claim, or departures; none when the outlet is closed.
    async fn next(&self, outlet: &mut Waiting, under_way: &Arc<Semaphore>) -> Option<Work> {
        let first = match outlet.recv().await? {
            Report::Seen(signal) => signal,
            Report::Gone(who, leaving) => {
                // Whoever was seen before must be recorded before.
                let turns = Arc::clone(under_way).acquire_many_owned(UNDER_WAY).await;
                let turns = turns.expect("the semaphore is never closed");
                return Some(Work::Departures { gone: outlet.departures((who, leaving)), turns });
            }
        };
        let turn = Arc::clone(under_way).acquire_owned().await.expect("the semaphore is never closed");
        let mut signals = vec![(first, self.dispatcher.room().await)];
        while signals.len() < TOGETHER
            && let Some(room) = self.dispatcher.try_room()
            && let Some(signal) = outlet.try_signal()
        {
            signals.push((signal, room));
        }
        Some(Work::Signals(Group { signals, turn }))
    }

    async fn work(self, work: Work) {
        match work {
            Work::Signals(group) => self.follow(group).await,
            Work::Departures { gone, turns } => {
                let turns = Arc::new(turns);
                for (who, leaving) in gone {
                    let (pipeline, turns) = (self.clone(), Arc::clone(&turns));
                    self.dispatcher.track(async move {
                        pipeline.depart(who, leaving).await;
                        drop(turns);
                    });
                }
            }
        }
    }

    async fn depart(&self, who: RecipientId, leaving: Leaving) {
        if let Err(error) = self.store.away(who, leaving).await {
            tracing::debug!(%error, "a departure is lost: the store did not take it");
        }
        // What was recorded while it waited is over, too.
        self.intake.forget(&who);
    }

    /// Touch, remember, fire.
    async fn follow(self, group: Group) {
        let asked = group.signals.iter().map(|(signal, _)| self.touch(signal)).collect();
        let answers = self.store.touch_all(asked).await;
        for ((signal, room), answer) in group.signals.into_iter().zip(answers) {
            match answer {
                Ok(done) => self.recorded(&signal, room, done),
                Err(error) => {
                    self.metrics.lost.inc();
                    self.intake.count(signal.source, &signal.judgement.settled());
                    tracing::debug!(%error, "signal lost: the store did not take it");
                }
            }
        }
        // Not before it is remembered: who leaves next must be forgotten after it.
        drop(group.turn);
    }

    /// What the store made of a signal: counted by what it was at its mail's age, remembered, and what it claimed fired.
    fn recorded(&self, signal: &Signal, room: Room, done: Touched) {
        let age = if done.joined { None } else { done.age };
        let verdict = signal.judgement.at(age);
        self.intake.count(signal.source, &verdict);
        match done.ignored {
            Some(Ignored::NoConsent) => self.intake.without_consent(signal),
            ignored => {
                self.intake.saw(signal, &verdict);
                self.intake.recorded(signal, ignored.is_none());
            }
        }
        if let Some(mail) = signal.about.filter(|_| done.age.is_some()) {
            self.classifier.was_young(signal.recipient, mail, &signal.judgement, done.age);
        }
        if let Some(landed) = &done.landed {
            self.metrics.landed(landed);
        }
        if !done.claims.is_empty() {
            self.fire(done.claims, signal.received, room);
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
            worth: signal.judgement.worth(),
        }
    }

    /// In a task of its own, so that nobody in a group waits for another's mail.
    fn fire(&self, claims: Vec<Claim>, since: Instant, room: Room) {
        let dispatcher = self.dispatcher.clone();
        self.dispatcher.track(async move { dispatcher.fire_now(claims, since, room).await });
    }
}

/// An outlet, and a report that was taken from it too early.
struct Waiting {
    outlet: Outlet,
    next: Option<Report>,
}

impl Waiting {
    async fn recv(&mut self) -> Option<Report> {
        match self.next.take() {
            Some(report) => Some(report),
            None => self.outlet.recv().await,
        }
    }

    /// The next report, if it waits already and is a signal.
    fn try_signal(&mut self) -> Option<Signal> {
        match self.try_recv()? {
            Report::Seen(signal) => Some(signal),
            gone @ Report::Gone(..) => {
                self.next = Some(gone);
                None
            }
        }
    }

    /// This departure and those that wait behind it up to the next signal, each once: whoever sends many costs one.
    fn departures(&mut self, first: (RecipientId, Leaving)) -> HashSet<(RecipientId, Leaving)> {
        let mut gone = HashSet::from([first]);
        while gone.len() < TOGETHER {
            match self.try_recv() {
                Some(Report::Gone(who, leaving)) => _ = gone.insert((who, leaving)),
                seen => {
                    self.next = seen;
                    break;
                }
            }
        }
        gone
    }

    fn try_recv(&mut self) -> Option<Report> {
        self.next.take().or_else(|| self.outlet.try_recv())
    }
}

/// What is done in one go.
enum Work {
    Signals(Group),
    Departures { gone: HashSet<(RecipientId, Leaving)>, turns: OwnedSemaphorePermit },
}

/// Signals that are touched together.
struct Group {
    signals: Vec<(Signal, Room)>,
    turn: OwnedSemaphorePermit,
}

/// Most signals of a group, or departures: what is claimed first waits for the answers to all.
const TOGETHER: usize = 32;

/// Groups of one outlet that the store has not answered. While they are fewer, a signal leaves at once, alone; beyond,
/// those that come are collected: where the store is far or busy, it costs less to ask it in larger groups.
const UNDER_WAY: u32 = 4;

const WAITED: Metric = Metric {
    name: "vigie_intake_wait_seconds",
    labels: &[],
    meaning: "Time a signal waited between the edge and the store. While more come than the store takes the newest go \
              first, so what waits longest is never seen here: see the reasons full and late of vigie_signals_shed_total",
    healthy: "below a millisecond",
    alert: "the median above 100 ms for a minute: the gateway is saturated",
};

const LOST: Metric = Metric {
    name: "vigie_signals_lost_total",
    labels: &[],
    meaning: "Signals whose presence was not recorded because the store did not answer",
    healthy: "0",
    alert: "any: the store is in trouble",
};

const LANDED: Metric = Metric {
    name: "vigie_sends_landed_online_total",
    labels: &[Label::each("provider", "providers of the configuration; other")],
    meaning: "Mails seen, or fetched for somebody, within presence.landed_within of the relay's 250: they \
              landed while their recipient was online",
    healthy: "a steady share of vigie_sends_delivered_total of the same provider",
    alert: "a fall: arrival has become slower than people's visits",
};
