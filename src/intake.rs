//! The bounded hand-off between whoever hears of a signal and the pipeline that acts on it.
//!
//! A signal arrives judged, and most of them end here, in memory: those that can be no presence, and those that say what
//! was recorded a moment ago (somebody reading mail makes many signals, and the store needs one; a proxy fetches the same
//! image again and again). What remains is offered to the queue of its recipient. Nothing here waits: a full queue sheds
//! its oldest signal and counts it, and the mail client has its answer either way. A queue that is behind serves the newest
//! first, and sheds what has waited for ten seconds ([`Outlet`]).
//!
//! ```text
//! receive ─▶ presence? ─▶ said a moment ago? ─▶ line (bounded) ─▶ Outlet::recv ─▶ judged
//!              │ no           │ yes                │ full                           │
//!              ▼              ▼                    ▼                                ▼
//!           Counted        Recent          the oldest: shed                  counted by its mail's age
//! ```
//!
//! Every signal is counted once, by its verdict: what ends here at once, what goes on when the store has said how old its
//! mail is.
//!
//! Forgetting a recipient here too early costs one store call; remembering one too long costs a missed chance to
//! fire, but only for sends that arrived by [`enqueue`](crate::store), and those fire by themselves while the
//! recipient is online. Hence the order: `refresh` is at most a quarter of the presence window.

mod counts;
mod endings;
mod line;
mod met;
mod statistics;

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::config;
use crate::model::{Glance, Leaving, RecipientId, SendId, Signal, Source, Verdict, Worth};
use crate::telemetry::Registry;
use counts::Counts;
use endings::{Ending, Endings};
pub use line::Outlet;
use line::{Inlet, Refused, line};
use met::Met;
use statistics::Statistics;
pub use statistics::{Sight, Sights};

/// What became of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It is no presence: counted, and that was all.
    Counted,
    /// The same was recorded a moment ago: nothing to do.
    Recent,
    /// The pipeline will act on it.
    Queued,
    /// The gateway stops, or too many departures wait: counted as shed. The next signal of this recipient gets another
    /// chance.
    Shed,
}

/// What the pipeline hears of.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "nearly all are signals")]
pub enum Report {
    /// Somebody was seen.
    Seen(Signal),
    /// Somebody is not there any more, or never was.
    Gone(RecipientId, Leaving),
}

/// The receiving side: shared by the edge, the API and the watchers.
#[derive(Debug)]
pub struct Intake {
    endings: Arc<Endings>,
    /// What was recorded of recipients less than `presence.refresh` ago.
    recent: Cache<RecipientId, Met, foldhash::fast::RandomState>,
    refresh: Duration,
    shards: Vec<Inlet>,
}

impl Intake {
    /// An intake with `config.shards` outlets that share `config.capacity`; at least one of each.
    pub fn new(
        config: &config::Intake,
        presence: &config::Presence,
        registry: &Registry,
    ) -> (Self, Vec<Outlet>) {
        let shards = config.shards.max(1);
        let depth = config.capacity.div_ceil(shards).max(1);
        let counts = Counts::new(registry);
        let statistics = Statistics::new(counts.statistics());
        let endings = Arc::new(Endings { counts, statistics });
        let (shards, outlets) = (0..shards).map(|_| line(depth, Arc::clone(&endings))).unzip();
        let intake = Self { endings, recent: recent(presence), refresh: presence.refresh, shards };
        (intake, outlets)
    }

    /// Takes one signal; never waits.
    pub fn receive(&self, signal: Signal) -> Received {
        let verdict = signal.judgement.settled();
        let (source, sight) = (signal.source, Sight::of(&signal));
        let received = self.admit(signal);
        match received {
            // It is counted when the store has answered.
            Received::Queued => {}
            // It was seen when it was said first.
            Received::Recent => self.count(source, &verdict),
            Received::Counted | Received::Shed => self.endings.ended(source, sight, &verdict),
        }
        received
    }

    fn admit(&self, signal: Signal) -> Received {
        if signal.judgement.worth() == Worth::default() {
            return Received::Counted;
        }
        if self.recent.get(&signal.recipient).is_some_and(|met| met.says(&signal, self.refresh)) {
            return Received::Recent;
        }
        self.offer(signal.recipient, Report::Seen(signal))
    }

    /// Takes word that somebody is not there (any more); never waits.
    pub fn gone(&self, recipient: RecipientId, leaving: Leaving) -> Received {
        self.forget(&recipient);
        self.offer(recipient, Report::Gone(recipient, leaving))
    }

    fn offer(&self, recipient: RecipientId, report: Report) -> Received {
        match self.shard(&recipient).offer(report) {
            Ok(None) => Received::Queued,
            Ok(Some(oldest)) => {
                self.endings.end(&oldest, Ending::Full);
                Received::Queued
            }
            Err(Refused::Full) => {
                self.endings.counts.full();
                Received::Shed
            }
            Err(Refused::Closed) => {
                self.endings.counts.closed();
                Received::Shed
            }
        }
    }

    /// Counts a signal by its verdict.
    pub fn count(&self, source: Source, verdict: &Verdict) {
        self.endings.counts.judged(source, verdict);
    }

    /// This signal was about a letter that somebody saw: counted in the letter's case, if the verdict says it was somebody.
    pub fn saw(&self, signal: &Signal, verdict: &Verdict) {
        self.endings.statistics.tell(Sight::of(signal), verdict);
    }

    /// Somebody follows the payment link in this letter: how that is to be counted. `None`: it was told a moment ago.
    pub fn paying(&self, send: SendId) -> Option<Glance> {
        self.endings.statistics.paying(send)
    }

    /// So much will be missing in the counts of cases.
    pub fn shed_statistics(&self, many: u64) {
        self.endings.statistics.shed(many);
    }

    /// What somebody saw, for whoever asks first.
    pub fn sights(&self) -> Option<Sights> {
        self.endings.statistics.sights()
    }

    /// The store has taken in this signal just now, as `presence` or as less: what says the same ends here for
    /// `presence.refresh`.
    pub fn recorded(&self, signal: &Signal, presence: bool) {
        let now = Instant::now();
        let entry = self.recent.entry(signal.recipient);
        entry.and_upsert_with(|before| {
            let met = before.map(moka::Entry::into_value).unwrap_or_default();
            met.and(signal, presence, now)
        });
    }

    /// The store has not taken in this signal just now, for want of consent: what whoever sent it says of the recipient
    /// ends here for a moment.
    pub fn without_consent(&self, signal: &Signal) {
        let now = Instant::now();
        let entry = self.recent.entry(signal.recipient);
        entry.and_upsert_with(|before| {
            before.map(moka::Entry::into_value).unwrap_or_default().without_consent(signal, now)
        });
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
    fn shard(&self, recipient: &RecipientId) -> &Inlet {
        let number = usize::from(u16::from_be_bytes([recipient.0[2], recipient.0[3]]));
        &self.shards[number % self.shards.len()]
    }
}

/// Least recently used, not moka's default: that one refuses newcomers when full, and every refused one would cost a
/// store call per signal.
fn recent(presence: &config::Presence) -> Cache<RecipientId, Met, foldhash::fast::RandomState> {
    Cache::builder()
        .max_capacity(presence.recent_capacity)
        .time_to_live(presence.refresh)
        .eviction_policy(EvictionPolicy::lru())
        .build_with_hasher(foldhash::fast::RandomState::default())
}

#[cfg(test)]
mod tests;
