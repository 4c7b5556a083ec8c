//! What operators see of the relay.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec};

use crate::telemetry::{Label, Metric, Registry};

const TRANSACTIONS: Metric = Metric {
    name: "vigie_relay_transactions_total",
    labels: &[
        Label::each("relay", "relays of the configuration, by host and port; outbox"),
        Label::of(
            "reply",
            &[
                "250",
                "421",
                "4yz",
                "5yz",
                "timeout",
                "closed",
                "garbage",
                "unknown",
                "not_sendable",
                "misconfigured",
                "unreachable",
                "respite",
            ],
        ),
    ],
    meaning: "Transactions and refused checkouts by how they ended. Reply 250, 421, 4yz, 5yz: the relay's \
              reply; timeout, closed, garbage: no reply that counts, nothing handed over; unknown: nobody \
              can know whether the relay took the mail; not_sendable, misconfigured, unreachable: it did not \
              come to a transaction; respite: as little, as the relay has said of itself that it cannot take \
              mail now, and is asked again after 1 to 30 s",
    healthy: "mostly 250, with some 4yz",
    alert: "any unknown or misconfigured; 250 below nine tenths of all over ten minutes; any respite for \
              minutes",
};

const CONNECTIONS: Metric = Metric {
    name: "vigie_relay_connections",
    labels: &[
        Label::each("relay", "relays of the configuration, by host and port; outbox"),
        Label::of("state", &["open", "busy"]),
    ],
    meaning: "Connections to the relay. State open: TCP connections; busy: places in use",
    healthy: "busy far below relay.connections",
    alert: "busy at relay.connections for minutes: the relay is slower than the sends come",
};

const STATE: Metric = Metric {
    name: "vigie_relay_state",
    labels: &[
        Label::each("relay", "relays of the configuration, by host and port; outbox"),
        Label::of("state", &["serving", "respite", "unreachable"]),
    ],
    meaning: "1 for the state the relay is in, by the last that was heard of it, 0 for the others. State serving: it takes \
              mail, or was not asked yet; respite: it has said of itself that it cannot take mail now, and one mail at a \
              time finds out whether it can; unreachable: no connection came about, and one at a time finds out. Where \
              brands use one relay with settings of their own each counts",
    healthy: "serving",
    alert: "respite or unreachable for five minutes: nothing goes out this way",
};

/// The metrics of all relays.
#[derive(Debug, Clone)]
pub(super) struct Register {
    transactions: IntCounterVec,
    connections: IntGaugeVec,
    states: IntGaugeVec,
}

/// The metrics of one relay.
#[derive(Debug, Clone)]
pub(super) struct Metrics {
    relay: String,
    transactions: IntCounterVec,
    /// In which state it is.
    pub(super) standing: Standing,
    /// TCP connections.
    pub(super) open: IntGauge,
    /// Places in use.
    pub(super) busy: IntGauge,
}

impl Register {
    /// Registers them.
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            transactions: registry.counter(TRANSACTIONS),
            connections: registry.gauge(CONNECTIONS),
            states: registry.gauge(STATE),
        }
    }

    /// Those of one relay; its name comes from the configuration.
    pub(super) fn of(&self, relay: String) -> Metrics {
        for series in TRANSACTIONS.series(&[&relay]) {
            self.transactions.with_label_values(&series);
        }
        let [open, busy] =
            ["open", "busy"].map(|state| self.connections.with_label_values(&[&*relay, state]));
        let gauges = ["serving", "respite", "unreachable"]
            .map(|state| self.states.with_label_values(&[&*relay, state]));
        let standing = Standing::new(gauges);
        Metrics { transactions: self.transactions.clone(), relay, standing, open, busy }
    }
}

impl Metrics {
    /// Counts one transaction's end.
    pub(super) fn ended(&self, reply: &str) {
        self.transactions.with_label_values(&[self.relay.as_str(), reply]).inc();
    }
}

/// In which state a relay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It takes mail, or was not asked yet.
    Serving = 0,
    /// It has said that it cannot take mail now.
    Respite = 1,
    /// No connection came about.
    Unreachable = 2,
}

/// A relay's state as its gauges show it, for as long as one of the clones lives.
#[derive(Debug, Clone)]
pub(super) struct Standing(Arc<Mutex<(State, Counted)>>, [IntGauge; 3]);

impl Standing {
    fn new(gauges: [IntGauge; 3]) -> Self {
        Self(Arc::new(Mutex::new((State::Serving, Counted::new(&gauges[0])))), gauges)
    }

    /// Shows what `now` says. It is asked when nobody else shows anything, so that the last word is the newest.
    pub(super) fn show(&self, now: impl FnOnce() -> State) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = now();
        if shown.0 != state {
            *shown = (state, Counted::new(&self.1[state as usize]));
        }
    }
}

/// One up while it lives.
#[derive(Debug)]
pub(super) struct Counted(IntGauge);

impl Counted {
    /// Goes up now, down on drop.
    pub(super) fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
