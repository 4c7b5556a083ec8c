//! What operators see of watched mailboxes.

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec};

use super::Activity;
use super::trouble::Trouble;
use crate::telemetry::{Label, Metric, Registry};

const MAILBOXES: Metric = Metric {
    name: "vigie_watch_mailboxes",
    labels: &[Label::of("state", &["connecting", "idle", "waiting", "refused"])],
    meaning: "Mailboxes watched by IMAP, by what their connection does. State connecting: and logging in; \
              idle: watched in earnest; waiting: for their turn, or for the end of a pause; refused: the \
              login was, or the server cannot do what is needed, tried again after an hour",
    healthy: "nearly all idle",
    alert: "any refused that does not go away: the owner has to give consent anew; idle below nine \
              tenths of all for ten minutes",
};

const RECONNECTS: Metric = Metric {
    name: "vigie_watch_reconnects_total",
    labels: &[Label::of(
        "reason",
        &[
            "unreachable",
            "tls",
            "timeout",
            "closed",
            "bye",
            "garbage",
            "too_much",
            "busy",
            "stale_token",
            "no_token",
            "refused",
            "unsupported",
        ],
    )],
    meaning: "Connections to mail servers that failed or were lost. Reason unreachable, tls, timeout, \
              closed, bye; garbage: not IMAP; too_much: said more than anybody needs; busy: not now; \
              stale_token: another is asked for; no_token: the token server gives none now; refused, \
              unsupported",
    healthy: "closed and bye now and then",
    alert: "any garbage or too_much: a broken or hostile server; any other growing steadily",
};

const EVENTS: Metric = Metric {
    name: "vigie_watch_events_total",
    labels: &[Label::of("what", &["read", "acted", "removed", "arrived"])],
    meaning: "Changes seen in watched mailboxes. What read; acted: answered, flagged, marked for deletion; \
              removed; arrived",
    healthy: "follows the hours of the day",
    alert: "none for an hour of the day while vigie_watch_mailboxes has any idle",
};

/// The metrics of [`Watchers`](super::Watchers).
#[derive(Debug, Clone)]
pub struct Metrics {
    mailboxes: IntGaugeVec,
    reconnects: IntCounterVec,
    events: IntCounterVec,
}

/// What a mailbox's connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Connects and logs in.
    Connecting,
    /// It is watched in earnest.
    Idle,
    /// Waits for its turn, or for the end of a pause.
    Waiting,
    /// The login was refused, or the server cannot do what is needed: tried again much later.
    Refused,
}

impl State {
    const ALL: [Self; 4] = [Self::Connecting, Self::Idle, Self::Waiting, Self::Refused];

    /// The lower-case word for labels and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Idle => "idle",
            Self::Waiting => "waiting",
            Self::Refused => "refused",
        }
    }
}

impl Metrics {
    /// Registers them.
    pub fn new(registry: &Registry) -> Self {
        let (mailboxes, events) = (registry.gauge(MAILBOXES), registry.counter(EVENTS));
        // Shown as zero from the start.
        for state in State::ALL {
            mailboxes.with_label_values(&[state.as_str()]);
        }
        for what in Activity::ALL {
            events.with_label_values(&[what.as_str()]);
        }
        Self { mailboxes, reconnects: registry.counter(RECONNECTS), events }
    }

    /// Counts a connection that failed or was lost.
    pub(super) fn lost(&self, trouble: &Trouble) {
        self.reconnects.with_label_values(&[trouble.reason()]).inc();
    }

    /// Counts what was seen.
    pub(super) fn seen(&self, what: Activity) {
        self.events.with_label_values(&[what.as_str()]).inc();
    }

    /// Counts a mailbox in this state, as long as what is returned lives.
    pub(super) fn count(&self, state: State) -> Counted {
        let gauge = self.mailboxes.with_label_values(&[state.as_str()]);
        gauge.inc();
        Counted(gauge)
    }
}

/// One up while it lives.
#[derive(Debug)]
pub(super) struct Counted(IntGauge);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
