//! What operators see of what comes back.

use prometheus::IntCounterVec;

use crate::telemetry::{Label, Metric, Registry};

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
    labels: &[
        Label::each("brand", "brands of the configuration; none: said without one"),
        Label::of("kind", &["hard", "soft", "complaint"]),
    ],
    meaning: "Mails that came back, a relay's own 550 5.1.1 among them. Kind hard: no such mailbox; soft: \
              not now; complaint",
    healthy: "hard below 1 %, complaint below 0.1 % of the mails sent",
    alert: "hard rises above 2 % of the mails sent, or complaint above 0.1 %: pause the flow and look at \
              the feed",
};

const MAILS: Metric = Metric {
    name: "vigie_bounce_mails_total",
    labels: &[Label::of("what", &["hard", "soft", "complaint", "unverified", "ignored"])],
    meaning: "Mails brought as bounces, by LMTP, POST /v1/bounces or `vigie bounces`. What hard, soft, \
              complaint; unverified: a report that brings nothing of ours back, signed; ignored: no report",
    healthy: "hard and soft in a steady, small relation to the mails sent",
    alert: "unverified rises while hard and soft stand still: reports lose the letter's headers, so set \
              the brand's verp",
};
