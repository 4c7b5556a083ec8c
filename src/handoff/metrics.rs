//! What operators see of the call centre's files.

use prometheus::{IntCounter, IntCounterVec, IntGauge};

use crate::telemetry::{Metric, Registry};

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
    labels: &["brand", "file"],
    meaning: "Cases written into the call centre's files: handed_off (to be called), settled (not any more)",
    alert: "falls behind vigie_cases{state=\"handed_off\"}: see vigie_handoff_failures_total",
};

const FAILURES: Metric = Metric {
    name: "vigie_handoff_failures_total",
    labels: &[],
    meaning: "How often the call centre's files could not be written; tried again every few seconds",
    alert: "alert on any: the disk is full, or handoff.dir may not be written",
};

const MISSED: Metric = Metric {
    name: "vigie_handoff_missed_total",
    labels: &[],
    meaning: "How often events were not kept until the call centre's files were written: cases are missing in them",
    alert: "alert on any: raise events.keep, and compare the files with GET /v1/cases",
};

const BEHIND: Metric = Metric {
    name: "vigie_handoff_behind_seconds",
    labels: &[],
    meaning: "Age in seconds of the oldest event the call centre's files may lack; shown by the gateway that writes",
    alert: "healthy: 0 or a few; alert above 600",
};
