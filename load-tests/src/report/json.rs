//! A report as JSON.

use serde_json::{Map, Value, json};

use super::{Latencies, Report, milliseconds};
use crate::process;

/// The quantiles that are told, and what they are called.
const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];

impl Report {
    pub(super) fn json(&self) -> Value {
        let parameters: Map<_, _> =
            self.parameters.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let figures = self.figures.iter();
        let figures: Map<_, _> = figures
            .map(|figure| (figure.name.clone(), json!({"value": figure.value, "unit": figure.unit})))
            .collect();
        let latencies: Map<_, _> =
            self.latencies.iter().map(|one| (one.name.clone(), quantiles(one))).collect();
        let series = self.series.iter();
        let series: Map<_, _> =
            series.map(|one| (one.name.clone(), json!({"unit": one.unit, "points": one.points}))).collect();
        json!({
            "scenario": self.scenario, "parameters": parameters, "load_average": process::load_average(),
            "figures": figures, "latencies": latencies, "series": series,
        })
    }
}

fn quantiles(latencies: &Latencies) -> Value {
    let mut all = Map::new();
    for (name, quantile) in QUANTILES {
        all.insert(name.to_owned(), json!(milliseconds(&latencies.histogram, quantile)));
    }
    all.insert("count".to_owned(), json!(latencies.histogram.len()));
    all.insert("unit".to_owned(), json!("ms"));
    Value::Object(all)
}
