//! What dispatch measures.

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge};

use crate::model::Name;
use crate::telemetry::{Label, Metric, Registry};

/// Handles, resolved once.
pub(super) struct Metrics {
    pub(super) signal_to_accepted: HistogramVec,
    pub(super) stage: Stages,
    under_way: IntGauge,
    abandoned: IntCounter,
    delivered: IntCounterVec,
    held: IntCounterVec,
}

/// One attempt while it lasts. Dropped without [`ended`](Self::ended) (the claim was lost, the fate not recorded, the
/// task panicked) it is counted: then the lease decides.
pub(super) struct UnderWay {
    running: IntGauge,
    abandoned: IntCounter,
    ended: bool,
}

impl UnderWay {
    /// The fate is recorded.
    pub(super) fn ended(mut self) {
        self.ended = true;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.running.dec();
        if !self.ended {
            self.abandoned.inc();
        }
    }
}

/// Why a claim goes back to waiting without having been an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// Its flow is paused.
    Paused,
    /// The brand does not write now, where its recipient is.
    Quiet,
    /// It became overdue in the night, and those take turns.
    Turn,
    /// A flow is at its limit.
    Limited,
}

impl Hold {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::Quiet => "quiet",
            Self::Turn => "turn",
            Self::Limited => "limited",
        }
    }
}

/// One histogram per stage of an attempt.
pub(super) struct Stages {
    pub(super) render: Histogram,
    pub(super) connect: Histogram,
    pub(super) begin: Histogram,
    pub(super) relay: Histogram,
    pub(super) finish: Histogram,
}

impl Metrics {
    /// A relay took a mail for a mailbox of this provider.
    pub(super) fn delivered(&self, provider: Option<&Name>) {
        self.delivered.with_label_values(&[provider.map_or("other", Name::as_str)]).inc();
    }

    /// A claim goes back to waiting, and it is nobody's failure.
    pub(super) fn held(&self, why: Hold) {
        self.held.with_label_values(&[why.as_str()]).inc();
    }

    pub(super) fn new(registry: &Registry) -> Self {
        let stages = registry.latency(STAGES);
        let stage = |name| stages.with_label_values(&[name]);
        Self {
            signal_to_accepted: registry.latency(SIGNAL_TO_ACCEPTED),
            stage: Stages {
                render: stage("render"),
                connect: stage("connect"),
                begin: stage("begin"),
                relay: stage("relay"),
                finish: stage("finish"),
            },
            under_way: registry.gauge(UNDER_WAY).with_label_values::<&str>(&[]),
            delivered: registry.counter(DELIVERED),
            held: registry.counter(HELD),
            abandoned: registry.counter(ABANDONED).with_label_values::<&str>(&[]),
        }
    }

    /// An attempt begins.
    pub(super) fn enter(&self) -> UnderWay {
        self.under_way.inc();
        UnderWay { running: self.under_way.clone(), abandoned: self.abandoned.clone(), ended: false }
    }
}

const SIGNAL_TO_ACCEPTED: Metric = Metric {
    name: "vigie_signal_to_accepted_seconds",
    labels: &[Label::BRAND],
    meaning: "Time from a signal being received to the relay's 250 for the mail it released",
    healthy: "99 % below 10 ms plus the relay's round trip",
    alert: "more than 1 % over an hour is above",
};

const STAGES: Metric = Metric {
    name: "vigie_stage_seconds",
    labels: &[Label::of("stage", &["render", "connect", "begin", "relay", "finish"])],
    meaning: "Time spent in each stage of an attempt. Stage render; connect: waiting for a relay \
              connection; begin: the store; relay: the SMTP transaction; finish: the store",
    healthy: "relay near the relay's round trip, the others below a millisecond",
    alert: "look here when vigie_signal_to_accepted_seconds rises; connect rising alone means too few \
              relay.connections",
};

const UNDER_WAY: Metric = Metric {
    name: "vigie_attempts_under_way",
    labels: &[],
    meaning: "Attempts that have begun and not ended",
    healthy: "far below dispatch.max_in_flight",
    alert: "at that limit for five minutes: the relay is stuck",
};

const ABANDONED: Metric = Metric {
    name: "vigie_attempts_abandoned_total",
    labels: &[],
    meaning: "Attempts that ended without recording a fate: the claim was lost (cancelled, settled, lease \
              over), or the store did not take the record. The lease decides what becomes of the send",
    healthy: "as rare as cancellations of sends under way",
    alert: "it rises together with store errors",
};

const DELIVERED: Metric = Metric {
    name: "vigie_sends_delivered_total",
    labels: &[Label::each("provider", "providers of the configuration; other")],
    meaning: "Mails the relay took, by mailbox provider",
    healthy: "follows vigie_sends_finished_total{outcome=\"sent\"}",
    alert: "none of its own: the whole of which vigie_sends_landed_online_total is a share",
};

const HELD: Metric = Metric {
    name: "vigie_sends_held_total",
    labels: &[Label::of("why", &["paused", "quiet", "turn", "limited"])],
    meaning: "Claims that went back to waiting without an attempt. Why paused: their flow is; quiet: the brand does not \
              write now, where its recipient is; turn: it became overdue in the night, and those take turns; limited: a \
              flow is at its limit",
    healthy: "quiet at night, turn in the morning, limited while a limit is in force",
    alert: "none of its own: limited for hours says that more is due than the limits let through",
};
