//! What operators see of brakes.

use prometheus::IntCounterVec;

use super::Why;
use crate::model::FlowScope;
use crate::telemetry::{Label, Metric, Registry};

/// The metrics of all brakes.
pub(super) struct Metrics {
    brakes: IntCounterVec,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Self {
        Self { brakes: registry.counter(BRAKES) }
    }

    pub(super) fn count(&self, why: Why, result: &str) {
        self.brakes.with_label_values(&[why.as_str(), result]).inc();
    }

    pub(super) fn let_go(&self, scope: &FlowScope) {
        let of = if scope.is_of_domains() { "throttled" } else { "brand" };
        self.brakes.with_label_values(&[of, "let_go"]).inc();
    }
}

const BRAKES: Metric = Metric {
    name: "vigie_brakes_total",
    labels: &[
        Label::of("why", &["throttled", "complaints", "bounces", "brand"]),
        Label::of("result", &["slowed", "paused", "left_alone", "let_go"]),
    ],
    meaning: "Brakes this gateway put on a flow, or took off. Why throttled: a recipient's domain said \
              that we are too many; complaints, bounces: a brand's shares; brand: it is over. Result slowed; \
              paused; left_alone: an operator has set the flow; let_go: it is over",
    healthy: "still, but for throttled now and then",
    alert: "paused by complaints or bounces: the brand waits for an operator; GET /v1/flows says why",
};
