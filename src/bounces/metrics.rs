//! What operators see of what comes back.

use prometheus::IntCounterVec;

use crate::telemetry::{Metric, Registry};

/// The metrics of bounces and complaints.
pub(super) struct Metrics {
    pub(super) bounces: IntCounterVec,
    pub(super) mails: IntCounterVec,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Self {
        Self { bounces: registry.counter(BOUNCES), mails: registry.counter(MAILS) }
    }
}

const BOUNCES: Metric = Metric {
    name: "vigie_bounces_total",
    labels: &["brand", "kind"],
    meaning: "Mails that came back, by what they said: hard (no such mailbox; also a relay's own 550 5.1.1), soft, complaint; brand none: said without one",
    alert: "alert when hard rises above 2 % of the mails sent, or complaint above 0.1 %: pause the flow and look at the feed",
};

const MAILS: Metric = Metric {
    name: "vigie_bounce_mails_total",
    labels: &["what"],
    meaning: "Mails brought as bounces, by what they were: hard, soft, complaint; unverified (a report that brings nothing of ours back, signed); ignored (no report)",
    alert: "alert when unverified rises while hard and soft stand still: reports lose the letter's headers, so set the brand's verp",
};
