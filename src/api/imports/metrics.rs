//! What operators see of imports.

use prometheus::IntCounterVec;

use crate::feeds::Report;
use crate::model::Name;
use crate::telemetry::{Label, Metric, Registry};

const LINES: Metric = Metric {
    name: "vigie_import_lines_total",
    labels: &[Label::BRAND, Label::of("result", &["accepted", "same", "duplicate", "rejected"])],
    meaning: "Lines of feeds, by POST /v1/imports and from watched folders. Dry runs are not counted. \
              Result accepted: new sends, and cases opened or changed; same: accepted before; duplicate: of \
              an earlier line of the feed; rejected: see the import's report",
    healthy: "mostly accepted, or mostly same where a feed lists everything each night",
    alert: "rejected above some percent of all: the feed has changed, or its producer has; nothing \
              accepted on a day on which the feed comes",
};

/// The metrics of all imports.
#[derive(Debug, Clone)]
pub(super) struct Metrics(IntCounterVec);

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Self {
        Self(registry.counter(LINES))
    }

    /// Counts what is new in the sums of one import.
    pub(super) fn count(&self, brand: &Name, before: &Report, now: &Report) {
        let results = [
            ("accepted", now.accepted - before.accepted),
            ("same", now.same - before.same),
            ("duplicate", now.duplicate - before.duplicate),
            ("rejected", now.rejected - before.rejected),
        ];
        for (result, lines) in results {
            if lines > 0 {
                self.0.with_label_values(&[brand.as_str(), result]).inc_by(lines);
            }
        }
    }
}
