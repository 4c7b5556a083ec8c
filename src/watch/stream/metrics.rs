//! What operators see of producers on Redis.

use prometheus::{IntCounterVec, IntGaugeVec};

use super::Verdict;
use crate::telemetry::{Label, Metric, Registry};

const ENTRIES: Metric = Metric {
    name: "vigie_stream_entries_total",
    labels: &[Label::of("outcome", &["accepted", "same", "rejected"])],
    meaning: "Entries of the stream vigie:sends by how they ended. Only where the store is Redis. Outcome \
              accepted: new; same: accepted before; rejected: see vigie:sends:rejected",
    healthy: "mostly accepted",
    alert: "any rejected: a producer's sends do not go out; standstill while vigie_stream_pending is \
              above zero",
};

const PENDING: Metric = Metric {
    name: "vigie_stream_pending",
    labels: &[],
    meaning: "Entries of the stream vigie:sends that are not done, as last looked at; every gateway sees \
              the same stream. Only where the store is Redis",
    healthy: "near 0 between bursts",
    alert: "it grows for minutes: producers are faster than the gateways, or the store takes no sends",
};

/// The metrics of a [`Consumer`](super::Consumer).
#[derive(Debug, Clone)]
pub struct Metrics {
    entries: IntCounterVec,
    pending: IntGaugeVec,
}

impl Metrics {
    /// Registers them. Without a consumer they are described, and show nothing.
    pub fn new(registry: &Registry) -> Self {
        Self { entries: registry.counter(ENTRIES), pending: registry.gauge(PENDING) }
    }

    /// Counts an entry that is done.
    pub(super) fn ended(&self, verdict: &Verdict) {
        let outcome = match verdict {
            Verdict::Accepted => "accepted",
            Verdict::Same => "same",
            Verdict::Rejected(_) => "rejected",
            Verdict::Later | Verdict::Broken => return,
        };
        self.entries.with_label_values(&[outcome]).inc();
    }

    /// So many entries are not done.
    pub(super) fn pending(&self, entries: i64) {
        self.pending.with_label_values::<&str>(&[]).set(entries);
    }
}
