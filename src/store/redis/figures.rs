//! What operators see of the connections to Redis.

use prometheus::{IntCounter, IntGauge};

use super::router::Counts;
use crate::telemetry::{Metric, Registry};

/// The metrics of a [`RedisStore`](super::RedisStore).
#[derive(Debug, Clone)]
pub struct Figures {
    up: IntGauge,
    replaced: IntCounter,
    redirected: IntCounter,
    postponed: IntCounter,
    left: IntCounter,
}

impl Figures {
    /// Registers them. Without such a store they are described, and show nothing but zeros.
    pub fn new(registry: &Registry) -> Self {
        let counter = |metric| registry.counter(metric).with_label_values::<&str>(&[]);
        Self {
            up: registry.gauge(UP).with_label_values::<&str>(&[]),
            replaced: counter(REPLACED),
            redirected: counter(REDIRECTED),
            postponed: counter(POSTPONED),
            left: counter(LEFT),
        }
    }

    /// Takes over what has happened since the start.
    pub(super) fn follow(&self, healthy: bool, counts: Counts, left: u64) {
        self.up.set(i64::from(healthy));
        for (counter, count) in [
            (&self.replaced, counts.replaced),
            (&self.redirected, counts.redirected),
            (&self.postponed, counts.postponed),
            (&self.left, left),
        ] {
            counter.inc_by(count.saturating_sub(counter.get()));
        }
    }
}

const UP: Metric = Metric {
    name: "vigie_redis_up",
    labels: &[],
    meaning: "1 while every primary of the store is connected, 0 while one is not. Only where the store is \
              Redis",
    healthy: "1",
    alert: "0 for 10 s: people of its partitions are neither seen nor written to",
};

const REPLACED: Metric = Metric {
    name: "vigie_redis_connections_replaced_total",
    labels: &[],
    meaning: "Connections to Redis that were lost or did not answer, and were made anew",
    healthy: "still",
    alert: "it grows for minutes: the network or the server is in trouble",
};

const REDIRECTED: Metric = Metric {
    name: "vigie_redis_redirected_total",
    labels: &[],
    meaning: "Commands that a Redis Cluster sent on to another server",
    healthy: "still, but for the minutes in which slots move or a replica takes over",
    alert: "it grows while nobody moves slots: the cluster is in trouble",
};

const POSTPONED: Metric = Metric {
    name: "vigie_redis_postponed_total",
    labels: &[],
    meaning: "Commands put off because a server asked for patience: loading, a slot on the move, a cluster \
              without it",
    healthy: "still",
    alert: "it grows for more than a minute",
};

const LEFT: Metric = Metric {
    name: "vigie_events_left_total",
    labels: &[],
    meaning: "Events copied to vigie:events by another gateway than the one that brought them about, or \
              late. Only where the store is Redis",
    healthy: "still, but for the seconds after a gateway died",
    alert: "it grows for a minute: Redis is too slow for the gateways",
};
