//! Who saw which letter, for statistics: on its way to the store, where it is counted in the letter's case.
//!
//! It takes no part in what happens to mail: it leaves the way of signals before the store is asked, or after it answered,
//! into a bounded queue of its own; what finds that full is shed and counted.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use prometheus::IntCounter;
use tokio::sync::mpsc;

use crate::model::{Glance, RecipientId, SendId, Signal, Source, Verdict};

/// The same of one letter is told once in so long: image proxies fetch an image again and again.
const ONCE_IN: Duration = Duration::from_mins(1);

/// Letters that are remembered for that; beyond, the least recent is counted again.
const REMEMBERED: u64 = 65_536;

/// Sights that wait for the store, 40 bytes each.
const WAITING: usize = 4096;

/// Somebody saw a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// Whose letter.
    pub recipient: RecipientId,
    /// Which.
    pub send: SendId,
    /// How.
    pub what: Glance,
}

/// The giving side, which waits for the store.
#[derive(Debug)]
pub struct Sights(mpsc::Receiver<Sight>);

impl Sights {
    /// The next sight; none once the intake is gone.
    pub async fn recv(&mut self) -> Option<Sight> {
        self.0.recv().await
    }

    /// The next sight, if one waits already.
    pub fn try_recv(&mut self) -> Option<Sight> {
        self.0.try_recv().ok()
    }
}

/// What is remembered of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Open,
    Click,
    Payment,
}

/// The taking side.
#[derive(Debug)]
pub(super) struct Statistics {
    told: Cache<(SendId, Kind), (), foldhash::fast::RandomState>,
    sender: mpsc::Sender<Sight>,
    /// Until somebody takes it.
    sights: Mutex<Option<Sights>>,
    shed: IntCounter,
}

impl Statistics {
    pub(super) fn new(shed: IntCounter) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let told = Cache::builder()
            .max_capacity(REMEMBERED)
            .time_to_live(ONCE_IN)
            .eviction_policy(EvictionPolicy::lru())
            .build_with_hasher(foldhash::fast::RandomState::default());
        Self { told, sender, sights: Mutex::new(Some(Sights(receiver))), shed }
    }

    pub(super) fn sights(&self) -> Option<Sights> {
        self.sights.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What a signal says of a letter, if anything; never waits.
    pub(super) fn tell(&self, sight: Option<Sight>, verdict: &Verdict) {
        let Some(sight) = sight.filter(|_| verdict.open) else { return };
        let kind = if sight.what == Glance::Open { Kind::Open } else { Kind::Click };
        if self.first(sight.send, kind) && self.sender.try_send(sight).is_err() {
            self.shed.inc();
        }
    }

    /// Somebody follows a letter's payment link; `None`: that was told a moment ago.
    pub(super) fn paying(&self, send: SendId) -> Option<Glance> {
        self.first(send, Kind::Payment).then(|| {
            let counted = !self.first(send, Kind::Click);
            if counted { Glance::Counted } else { Glance::Click }
        })
    }

    pub(super) fn shed(&self, many: u64) {
        self.shed.inc_by(many);
    }

    fn first(&self, send: SendId, kind: Kind) -> bool {
        self.told.entry((send, kind)).or_insert(()).is_fresh()
    }
}

impl Sight {
    /// What a signal says of a letter.
    pub(super) fn of(signal: &Signal) -> Option<Self> {
        let what = match signal.source {
            Source::Open => Glance::Open,
            Source::Click => Glance::Click,
            Source::Beacon | Source::Partner | Source::Imap | Source::Webmail | Source::Portal => {
                return None;
            }
        };
        Some(Self { recipient: signal.recipient, send: signal.about?, what })
    }
}
