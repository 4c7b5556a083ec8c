//! The bounded hand-off between whoever hears of a signal and the pipeline that acts on it.
//!
//! A signal arrives judged, is counted, and then most of them end here, in memory: those that are no presence, and
//! those of a recipient whose presence was recorded a moment ago (somebody reading mail makes many signals, and the
//! store needs one). What remains is offered to the queue of its recipient. Nothing here waits: a full queue sheds
//! the signal and counts it, and the mail client has its answer either way.
//!
//! ```text
//! receive ─▶ count ─▶ presence? ─▶ touched a moment ago? ─▶ shard (bounded) ─▶ Outlet::recv
//!              │          │ no               │ yes             │ full
//!              ▼          ▼                  ▼                 ▼
//!           metrics    Counted            Recent             Shed
//! ```
//!
//! Forgetting a recipient here too early costs one store call; remembering one too long costs a missed chance to
//! fire, but only for sends that arrived by [`enqueue`](crate::store), and those fire by themselves while the
//! recipient is online. Hence the order: `refresh` is at most a quarter of the presence window.

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use prometheus::IntCounter;
use tokio::sync::mpsc;

use crate::config;
use crate::model::{Class, RecipientId, Signal, Source};
use crate::telemetry::{Metric, Registry};

const SIGNALS: Metric = Metric {
    name: "vigie_signals_total",
    labels: &["source", "verdict"],
    meaning: "Signals received and judged, by where they came from and what they were worth",
    alert: "Falls to zero during business hours: pixels do not reach us. A jump of scanner or bot: somebody crawls our mails.",
};

const SHED: Metric = Metric {
    name: "vigie_signals_shed_total",
    labels: &["reason"],
    meaning: "Signals that were presence but found their queue full (full) or the gateway stopping (closed)",
    alert: "Any increase of full for a minute: the store or the pipeline is slower than the signals arrive.",
};

/// What became of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It is no presence: counted, and that was all.
    Counted,
    /// Its recipient's presence was recorded a moment ago: nothing to do.
    Recent,
    /// The pipeline will act on it.
    Queued,
    /// No room: counted as shed. The next signal of this recipient gets another chance.
    Shed,
}

/// The receiving side: shared by the edge, the API and the watchers.
#[derive(Debug)]
pub struct Intake {
    /// `vigie_signals_total` by source and class, resolved once.
    counted: Vec<[IntCounter; Class::ALL.len()]>,
    shed_full: IntCounter,
    shed_closed: IntCounter,
    /// Recipients whose presence was recorded less than `presence.refresh` ago.
    recent: Cache<RecipientId, (), foldhash::fast::RandomState>,
    shards: Vec<mpsc::Sender<Signal>>,
}

/// The giving side of one shard. All signals of one recipient leave by the same outlet, in order.
#[derive(Debug)]
pub struct Outlet(mpsc::Receiver<Signal>);

impl Intake {
    /// An intake with `config.shards` outlets that share `config.capacity`; at least one of each.
    pub fn new(
        config: &config::Intake,
        presence: &config::Presence,
        registry: &Registry,
    ) -> (Self, Vec<Outlet>) {
        let shards = config.shards.max(1);
        let depth = config.capacity.div_ceil(shards).max(1);
        let (shards, outlets) = (0..shards).map(|_| mpsc::channel(depth)).unzip::<_, _, Vec<_>, Vec<_>>();
        let signals = registry.counter(SIGNALS);
        let shed = registry.counter(SHED);
        let of = |source: Source| {
            Class::ALL.map(|class| signals.with_label_values(&[source.as_str(), class.as_str()]))
        };
        let intake = Self {
            counted: Source::ALL.map(of).into(),
            shed_full: shed.with_label_values(&["full"]),
            shed_closed: shed.with_label_values(&["closed"]),
            recent: recent(presence),
            shards,
        };
        (intake, outlets.into_iter().map(Outlet).collect())
    }

    /// Takes one signal; never waits.
    pub fn receive(&self, signal: Signal) -> Received {
        self.counted[signal.source as usize][signal.verdict.class as usize].inc();
        if !signal.verdict.presence {
            return Received::Counted;
        }
        if self.recent.contains_key(&signal.recipient) {
            return Received::Recent;
        }
        match self.shard(&signal.recipient).try_send(signal) {
            Ok(()) => Received::Queued,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.shed_full.inc();
                Received::Shed
            }
            Err(mpsc::error::TrySendError::Closed(_)) => {
                self.shed_closed.inc();
                Received::Shed
            }
        }
    }

    /// The store has recorded this recipient's presence just now: their signals end here for `presence.refresh`.
    pub fn touched(&self, recipient: &RecipientId) {
        self.recent.insert(*recipient, ());
    }

    /// This recipient's presence ended, or what was recorded of it is to be asked anew.
    pub fn forget(&self, recipient: &RecipientId) {
        self.recent.invalidate(recipient);
    }

    /// Everybody's presence is to be asked anew (a flow was resumed, the store came back).
    pub fn forget_all(&self) {
        self.recent.invalidate_all();
    }

    /// The queue of a recipient. Not the bytes that choose the store's partition, so that one partition's
    /// recipients spread over all shards.
    fn shard(&self, recipient: &RecipientId) -> &mpsc::Sender<Signal> {
        let number = usize::from(u16::from_be_bytes([recipient.0[2], recipient.0[3]]));
        &self.shards[number % self.shards.len()]
    }
}

/// Least recently used, not moka's default: that one refuses newcomers when full, and every refused one would cost a
/// store call per signal.
fn recent(presence: &config::Presence) -> Cache<RecipientId, (), foldhash::fast::RandomState> {
    Cache::builder()
        .max_capacity(presence.recent_capacity)
        .time_to_live(presence.refresh)
        .eviction_policy(EvictionPolicy::lru())
        .build_with_hasher(foldhash::fast::RandomState::default())
}

impl Outlet {
    /// The next signal; none once the outlet is closed (or the intake gone) and what was queued is drained.
    pub async fn recv(&mut self) -> Option<Signal> {
        self.0.recv().await
    }

    /// The next signal, if one waits already.
    pub fn try_recv(&mut self) -> Option<Signal> {
        self.0.try_recv().ok()
    }

    /// Takes no more signals: what is queued can still be received, then [`recv`](Self::recv) gives none.
    pub fn close(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests;
