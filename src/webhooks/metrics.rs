//! What operators see of webhooks.

use prometheus::{IntCounterVec, IntGaugeVec};

use crate::telemetry::{Label, Metric, Registry};

/// The metrics of all webhooks.
pub(super) struct Metrics {
    pub(super) deliveries: IntCounterVec,
    pub(super) retries: IntCounterVec,
    pub(super) behind: IntGaugeVec,
    pub(super) behind_seconds: IntGaugeVec,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            deliveries: registry.counter(DELIVERIES),
            retries: registry.counter(RETRIES),
            behind: registry.gauge(BEHIND),
            behind_seconds: registry.gauge(BEHIND_SECONDS),
        }
    }

    /// A brand has a webhook from now on.
    pub(super) fn begin(&self, labels: [&str; 2]) {
        for series in DELIVERIES.series(&labels) {
            self.deliveries.with_label_values(&series);
        }
        self.retries.with_label_values(&labels);
        self.behind.with_label_values(&labels);
        self.behind_seconds.with_label_values(&labels);
    }
}

const DELIVERIES: Metric = Metric {
    name: "vigie_webhook_deliveries_total",
    labels: &[
        Label::BRAND,
        Label::each("webhook", "webhooks of the brand"),
        Label::of("result", &["delivered", "failed", "refused", "left_out", "gone", "missed"]),
    ],
    meaning: "Events posted to a brand's receiver, by what came of it. Result delivered; failed and \
              refused: tried again; left_out: refused too often, given up; gone: 410, the webhook is \
              disabled; missed: events that were not kept long enough",
    healthy: "nearly all delivered",
    alert: "any left_out, gone or missed: GET /v1/webhooks says why, POST …/replay delivers again",
};

const RETRIES: Metric = Metric {
    name: "vigie_webhook_retries_total",
    labels: &[Label::BRAND, Label::each("webhook", "webhooks of the brand")],
    meaning: "Events posted again after a failure",
    healthy: "still, but for a receiver's restarts",
    alert: "it grows for an hour: the receiver is in trouble",
};

const BEHIND: Metric = Metric {
    name: "vigie_webhook_behind_events",
    labels: &[Label::BRAND, Label::each("webhook", "webhooks of the brand")],
    meaning: "Events that wait for a receiver, as of its last failure, 10000 at most; shown by the gateway \
              that delivers",
    healthy: "0",
    alert: "it grows for an hour: they are lost when events.keep newer ones are there",
};

const BEHIND_SECONDS: Metric = Metric {
    name: "vigie_webhook_behind_seconds",
    labels: &[Label::BRAND, Label::each("webhook", "webhooks of the brand")],
    meaning: "Age of the oldest event that waits for a receiver; shown by the gateway that delivers",
    healthy: "0 or a few",
    alert: "above 600: GET /v1/webhooks says why",
};
