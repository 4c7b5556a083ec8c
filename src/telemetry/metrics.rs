//! What a metric is, and where all of them are registered.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::Collector;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, TextEncoder};

/// One metric as operators read about it.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// The full name, `vigie_…`.
    pub name: &'static str,
    /// Label names; their values are bounded by configuration or code, never by input.
    pub labels: &'static [&'static str],
    /// What it counts or measures, and in which unit.
    pub meaning: &'static str,
    /// What healthy looks like and when to alert.
    pub alert: &'static str,
}

/// What kind of metric, in Prometheus' words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only goes up.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations in buckets.
    Histogram,
}

impl Kind {
    /// Prometheus' word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Bucket bounds in seconds, dense where the budget of *signal → relay's 250* lies.
pub const LATENCY_BUCKETS: [f64; 18] = [
    0.000_05, 0.000_1, 0.000_2, 0.000_3, 0.000_5, 0.000_7, 0.001, 0.001_5, 0.002_5, 0.005, 0.01, 0.025, 0.05,
    0.1, 0.25, 1.0, 2.5, 10.0,
];

/// Where components register their metrics and `/metrics` reads them. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    prometheus: prometheus::Registry,
    catalogue: Arc<Mutex<Vec<(Kind, Metric)>>>,
}

impl Registry {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a counter.
    pub fn counter(&self, metric: Metric) -> IntCounterVec {
        let vec = IntCounterVec::new(Opts::new(metric.name, metric.meaning), metric.labels);
        self.register(Kind::Counter, metric, vec.expect("a metric's name and labels are literals that fit"))
    }

    /// Registers a gauge.
    pub fn gauge(&self, metric: Metric) -> IntGaugeVec {
        let vec = IntGaugeVec::new(Opts::new(metric.name, metric.meaning), metric.labels);
        self.register(Kind::Gauge, metric, vec.expect("a metric's name and labels are literals that fit"))
    }

    /// Registers a histogram of seconds with [`LATENCY_BUCKETS`].
    pub fn latency(&self, metric: Metric) -> HistogramVec {
        let opts = HistogramOpts::new(metric.name, metric.meaning).buckets(LATENCY_BUCKETS.to_vec());
        let vec = HistogramVec::new(opts, metric.labels);
        self.register(Kind::Histogram, metric, vec.expect("a metric's name and labels are literals that fit"))
    }

    /// Registers a collector that is described elsewhere (the process' own figures).
    pub fn collector(&self, collector: Box<dyn Collector>) {
        self.prometheus.register(collector).expect("each collector is registered once");
    }

    /// Registers the process' own figures: memory, processor time, open files.
    pub fn process(&self) {
        self.collector(Box::new(prometheus::process_collector::ProcessCollector::for_self()));
    }

    /// Registers a collector of several metrics that are computed when they are read.
    pub fn described(&self, metrics: &[(Kind, Metric)], collector: Box<dyn Collector>) {
        self.collector(collector);
        self.catalogue.lock().unwrap_or_else(PoisonError::into_inner).extend(metrics);
    }

    fn register<C: Collector + Clone + 'static>(&self, kind: Kind, metric: Metric, vec: C) -> C {
        self.prometheus.register(Box::new(vec.clone())).expect("each metric is registered once");
        self.catalogue.lock().unwrap_or_else(PoisonError::into_inner).push((kind, metric));
        vec
    }

    /// Everything registered so far, sorted by name.
    pub fn catalogue(&self) -> Vec<(Kind, Metric)> {
        let mut all = self.catalogue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        all.sort_by_key(|(_, metric)| metric.name);
        all
    }

    /// The exposition text of `/metrics`.
    pub fn text(&self) -> String {
        TextEncoder::new().encode_to_string(&self.prometheus.gather()).unwrap_or_default()
    }
}
