//! What operators see of the call centre's files.

use prometheus::{IntCounter, IntCounterVec, IntGauge};

use crate::telemetry::{Label, Metric, Registry};

/// The metrics of the clerk.
pub(super) struct Metrics {
    pub(super) lines: IntCounterVec,
    pub(super) failures: IntCounter,
    pub(super) missed: IntCounter,
    pub(super) behind: IntGauge,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            lines: registry.counter(LINES),
            failures: registry.counter(FAILURES).with_label_values::<&str>(&[]),
            missed: registry.counter(MISSED).with_label_values::<&str>(&[]),
            behind: registry.gauge(BEHIND).with_label_values::<&str>(&[]),
        }
    }
}

const LINES: Metric = Metric {
    name: "vigie_handoff_lines_total",
    labels: &[Label::BRAND, Label::of("file", &["handed_off", "settled"])],
    meaning: "Cases written into the call centre's files. File handed_off: to be called; settled: not to \
              be called any more",
    healthy: "follows vigie_cases{state=\"handed_off\"}",
    alert: "it falls behind that: see vigie_handoff_failures_total",
};

const FAILURES: Metric = Metric {
    name: "vigie_handoff_failures_total",
    labels: &[],
    meaning: "How often the call centre's files could not be written; tried again every few seconds",
    healthy: "0",
    alert: "any: the disk is full, or handoff.dir may not be written",
};

const MISSED: Metric = Metric {
    name: "vigie_handoff_missed_total",
    labels: &[],
    meaning: "How often events were not kept until the call centre's files were written: cases are missing \
              in them",
    healthy: "0",
    alert: "any: raise events.keep, and ask GET /v1/cases/BRAND/CASE of every case that your own system \
              still counts as open",
};

const BEHIND: Metric = Metric {
    name: "vigie_handoff_behind_seconds",
    labels: &[],
    meaning: "Age of the oldest event the call centre's files may lack; shown by the gateway that writes",
    healthy: "0 or a few",
    alert: "above 600",
};
