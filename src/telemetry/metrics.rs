//! What a metric is, and where all of them are registered.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::Collector;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, TextEncoder};

/// One metric as operators read about it.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// The full name, `vigie_…`; its end says the [unit](Self::unit).
    pub name: &'static str,
    /// What its series are told apart by.
    pub labels: &'static [Label],
    /// What it counts or measures.
    pub meaning: &'static str,
    /// What it looks like while all is well.
    pub healthy: &'static str,
    /// When to alert, and what that says.
    pub alert: &'static str,
}

/// A label of a metric. Its values are bounded by configuration or code, never by input.
#[derive(Debug, Clone, Copy)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// What it may be.
    pub values: Values,
}

/// The values of a label.
#[derive(Debug, Clone, Copy)]
pub enum Values {
    /// One of these.
    Of(&'static [&'static str]),
    /// As many as there are of what this says.
    Each(&'static str),
}

impl Label {
    /// Who writes.
    pub const BRAND: Self = Self::each("brand", "brands of the configuration");

    /// A label with one of these values.
    pub const fn of(name: &'static str, values: &'static [&'static str]) -> Self {
        Self { name, values: Values::Of(values) }
    }

    /// A label with as many values as there are of what `what` says.
    pub const fn each(name: &'static str, what: &'static str) -> Self {
        Self { name, values: Values::Each(what) }
    }
}

impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(values) => f.write_str(&values.join(", ")),
            Self::Each(what) => f.write_str(what),
        }
    }
}

impl Metric {
    /// What its values are in, as its name says: `seconds`, or a count of what it means.
    pub fn unit(&self) -> &'static str {
        if self.name.ends_with("_seconds") { "seconds" } else { "count" }
    }

    /// The names of its labels.
    pub fn label_names(&self) -> Vec<&'static str> {
        self.labels.iter().map(|label| label.name).collect()
    }

    /// All series it may have where the labels that depend on the configuration have these values, in the labels' order: each
    /// series with its labels' values. None, if not as many are given as there are such labels.
    pub fn series<'a>(&self, configured: &[&'a str]) -> Vec<Vec<&'a str>> {
        let (mut all, mut configured) = (vec![Vec::new()], configured.iter());
        for label in self.labels {
            let values = match label.values {
                Values::Of(values) => values.to_vec(),
                Values::Each(_) => configured.next().map(|value| vec![*value]).unwrap_or_default(),
            };
            let with = |known: &Vec<&'a str>, value| known.iter().copied().chain([value]).collect();
            all = all.iter().flat_map(|known| values.iter().map(move |value| with(known, *value))).collect();
        }
        all
    }
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

const BUILD: Metric = Metric {
    name: "vigie_build_info",
    labels: &[Label::each("version", "versions of vigie: one for each process")],
    meaning: "1: what runs here",
    healthy: "the same version everywhere, but for the minutes of an upgrade",
    alert: "two versions for a day: an upgrade was not finished",
};

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

    /// Registers a counter. Where all its series are known they are there from the start: a counter that appears with its
    /// first event hides that event from `rate` and `increase`.
    pub fn counter(&self, metric: Metric) -> IntCounterVec {
        let vec = IntCounterVec::new(Opts::new(metric.name, metric.meaning), &metric.label_names());
        let vec = vec.expect("a metric's name and labels are literals that fit");
        for series in metric.series(&[]) {
            vec.with_label_values(&series);
        }
        self.register(Kind::Counter, metric, vec)
    }

    /// Registers a gauge.
    pub fn gauge(&self, metric: Metric) -> IntGaugeVec {
        let vec = IntGaugeVec::new(Opts::new(metric.name, metric.meaning), &metric.label_names());
        self.register(Kind::Gauge, metric, vec.expect("a metric's name and labels are literals that fit"))
    }

    /// Registers a histogram of seconds with [`LATENCY_BUCKETS`].
    pub fn latency(&self, metric: Metric) -> HistogramVec {
        self.histogram(metric, &LATENCY_BUCKETS)
    }

    /// Registers a histogram with these bounds of its buckets, which rise.
    pub fn histogram(&self, metric: Metric, bounds: &[f64]) -> HistogramVec {
        let opts = HistogramOpts::new(metric.name, metric.meaning).buckets(bounds.to_vec());
        let vec = HistogramVec::new(opts, &metric.label_names());
        self.register(Kind::Histogram, metric, vec.expect("a metric's name and labels are literals that fit"))
    }

    /// Registers a collector that is described elsewhere (the process' own figures).
    pub fn collector(&self, collector: Box<dyn Collector>) {
        self.prometheus.register(collector).expect("each collector is registered once");
    }

    /// Registers what this process is, and its own figures: memory, processor time, open files.
    pub fn process(&self) {
        self.gauge(BUILD).with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
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
