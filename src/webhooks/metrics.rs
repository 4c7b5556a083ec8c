//! What operators see of webhooks.

use prometheus::{IntCounterVec, IntGaugeVec};

use crate::telemetry::{Metric, Registry};

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
}

const DELIVERIES: Metric = Metric {
    name: "vigie_webhook_deliveries_total",
    labels: &["brand", "webhook", "result"],
    meaning: "Events posted to a brand's receiver, by what came of it: delivered; failed and refused (tried again); left_out (refused \
              too often, given up); gone (410: the webhook is disabled); missed (events that were not kept long enough)",
    alert: "alert on any left_out, gone or missed: GET /v1/webhooks says why, POST …/replay delivers again",
};

const RETRIES: Metric = Metric {
    name: "vigie_webhook_retries_total",
    labels: &["brand", "webhook"],
    meaning: "Events posted again after a failure",
    alert: "healthy: still, but for a receiver's restarts",
};

const BEHIND: Metric = Metric {
    name: "vigie_webhook_behind_events",
    labels: &["brand", "webhook"],
    meaning: "Events that wait for a receiver, as of its last failure, 10000 at most; shown by the gateway that delivers",
    alert: "alert when it grows for an hour: they are lost when events.keep newer ones are there",
};

const BEHIND_SECONDS: Metric = Metric {
    name: "vigie_webhook_behind_seconds",
    labels: &["brand", "webhook"],
    meaning: "Age in seconds of the oldest event that waits for a receiver; shown by the gateway that delivers",
    alert: "healthy: 0 or a few; alert above 600: GET /v1/webhooks says why",
};
