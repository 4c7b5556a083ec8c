//! What the edge counts; every label is resolved before the first request.

use hyper::StatusCode;
use prometheus::{IntCounter, IntGauge};

use super::answer::Answer;
use super::route::Route;
use crate::telemetry::{Label, Metric, Registry};

const REQUESTS: Metric = Metric {
    name: "vigie_edge_requests_total",
    labels: &[
        Label::of("route", &["open", "click", "beacon", "script", "unsubscribe", "partner", "nowhere"]),
        Label::each("status", "the status that was answered"),
    ],
    meaning: "Requests answered on the public listener. Route open, click, unsubscribe, partner, … as the \
              contract names the endpoints; nowhere: what is not ours and what is not HTTP",
    healthy: "open 200 follows the hours of the day",
    alert: "open 200 falls to zero: tracking is unreachable. nowhere rises: somebody probes the listener",
};

const CONNECTIONS: Metric = Metric {
    name: "vigie_edge_connections",
    labels: &[],
    meaning: "Connections open on the public listener",
    healthy: "far below edge.max_connections",
    alert: "near it: new clients wait in the kernel's backlog",
};

const TURNED_AWAY: Metric = Metric {
    name: "vigie_edge_connections_refused_total",
    labels: &[Label::of("reason", &["address", "slow", "accept", "proxy"])],
    meaning: "Connections on the public listener closed by us. Reason address: too many of one address; \
              slow: too slow a client; accept: it failed; proxy: not introduced as edge.proxy_protocol wants \
              it",
    healthy: "a few slow ones",
    alert: "address rises with many users behind one proxy: raise edge.max_connections_per_address. \
              accept rises: raise the file limit. proxy rises: somebody reaches the port past the load \
              balancer, or that one does not send its header",
};

const UNHEARD: Metric = Metric {
    name: "vigie_edge_pixels_unheard_total",
    labels: &[],
    meaning: "Partners' pixels without a token that were answered and then dropped, because too many \
              waited to be looked at",
    healthy: "0",
    alert: "any: somebody floods /p, or the machine is saturated",
};

/// Counters of the listener.
#[derive(Debug)]
pub(super) struct Metrics {
    requests: Vec<[IntCounter; Answer::STATUSES.len()]>,
    head_too_large: IntCounter,
    connections: IntGauge,
    /// Put aside where there was no room.
    pub(super) unheard: IntCounter,
    /// Closed for having too many neighbours.
    pub(super) crowded: IntCounter,
    /// Closed for being slow.
    pub(super) slow: IntCounter,
    /// Closed for a missing or broken PROXY header, or for coming from elsewhere than a trusted proxy.
    pub(super) unintroduced: IntCounter,
    /// `accept` failed for want of files or memory.
    pub(super) accept_failed: IntCounter,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let requests = registry.counter(REQUESTS);
        let of =
            |route: Route, status: StatusCode| requests.with_label_values(&[route.as_str(), status.as_str()]);
        let refused = registry.counter(TURNED_AWAY);
        Self {
            requests: Route::ALL.map(|route| Answer::STATUSES.map(|status| of(route, status))).into(),
            head_too_large: of(Route::Nowhere, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
            connections: registry.gauge(CONNECTIONS).with_label_values::<&str>(&[]),
            unheard: registry.counter(UNHEARD).with_label_values::<&str>(&[]),
            crowded: refused.with_label_values(&["address"]),
            slow: refused.with_label_values(&["slow"]),
            unintroduced: refused.with_label_values(&["proxy"]),
            accept_failed: refused.with_label_values(&["accept"]),
        }
    }

    /// Counts a connection as open until the guard is dropped.
    pub(super) fn connection(&self) -> Open<'_> {
        self.connections.inc();
        Open(&self.connections)
    }

    /// Counts an answer of ours.
    pub(super) fn answered(&self, route: Route, answer: &Answer) {
        self.requests[route as usize][answer.number()].inc();
    }

    /// Counts a request that hyper answered because it could not be read.
    pub(super) fn failed(&self, error: &hyper::Error) {
        if error.is_parse_too_large() {
            self.head_too_large.inc();
        } else if error.is_parse() {
            self.requests[Route::Nowhere as usize][Answer::BAD_REQUEST].inc();
        }
    }
}

/// An open connection, in the gauge.
#[derive(Debug)]
pub(super) struct Open<'metrics>(&'metrics IntGauge);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}
