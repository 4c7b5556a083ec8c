//! What is counted of signals: each once by its verdict, and those that found no room.

use prometheus::IntCounter;

use crate::model::{Class, Source, Verdict};
use crate::telemetry::{Label, Metric, Registry};

/// Counters, resolved once.
#[derive(Debug)]
pub(super) struct Counts {
    /// `vigie_signals_total` by source and class.
    judged: Vec<[IntCounter; Class::ALL.len()]>,
    full: IntCounter,
    left: IntCounter,
    late: IntCounter,
    closed: IntCounter,
    statistics: IntCounter,
}

impl Counts {
    pub(super) fn new(registry: &Registry) -> Self {
        let signals = registry.counter(SIGNALS);
        let shed = registry.counter(SHED);
        let of = |source: Source| {
            Class::ALL.map(|class| signals.with_label_values(&[source.as_str(), class.as_str()]))
        };
        Self {
            judged: Source::ALL.map(of).into(),
            full: shed.with_label_values(&["full"]),
            left: shed.with_label_values(&["left"]),
            late: shed.with_label_values(&["late"]),
            closed: shed.with_label_values(&["closed"]),
            statistics: shed.with_label_values(&["statistics"]),
        }
    }

    /// A signal of this verdict.
    pub(super) fn judged(&self, source: Source, verdict: &Verdict) {
        self.judged[source as usize][verdict.class as usize].inc();
    }

    /// A report that found no room.
    pub(super) fn full(&self) {
        self.full.inc();
    }

    /// A report that came when the gateway stopped.
    pub(super) fn closed(&self) {
        self.closed.inc();
    }

    /// A signal whose recipient left before its turn.
    pub(super) fn left(&self) {
        self.left.inc();
    }

    /// A signal that waited too long.
    pub(super) fn late(&self) {
        self.late.inc();
    }

    /// The counter of what is missing in the counts of cases.
    pub(super) fn statistics(&self) -> IntCounter {
        self.statistics.clone()
    }
}

const SIGNALS: Metric = Metric {
    name: "vigie_signals_total",
    labels: &[
        Label::of("source", &["open", "click", "beacon", "partner", "imap", "webmail", "portal"]),
        Label::of("verdict", &["human", "proxy", "prefetch", "scanner", "bot", "unknown"]),
    ],
    meaning: "Signals received and judged, by where they came from and what they were worth",
    healthy: "mostly human and proxy, by the hours of the day",
    alert: "it falls to zero during business hours: pixels do not reach us. scanner or bot jump: \
              somebody crawls our mails",
};

const SHED: Metric = Metric {
    name: "vigie_signals_shed_total",
    labels: &[Label::of("reason", &["full", "left", "late", "closed", "statistics"])],
    meaning: "Signals that were presence and found no room, and what is missing in the counts of cases. \
              Reason full: their queue was, and the oldest gave way; left: their recipient left again before \
              their turn came; late: they had waited ten seconds, and nobody knows who is still there; closed: the gateway stops; statistics: opens and clicks that are missing in \
              the counts of their cases, because their queue was full or the store did not take them",
    healthy: "0, but for closed during a stop",
    alert: "full or late rises for a minute: the store or the pipeline is slower than the signals arrive",
};
