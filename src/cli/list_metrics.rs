//! `vigie list-metrics`: every metric with type, labels, meaning and when to alert.

use serde_json::json;

use crate::telemetry::{Kind, Metric};

/// The catalogue as text for people.
pub fn text(catalogue: &[(Kind, Metric)]) -> String {
    let entry = |(kind, metric): &(Kind, Metric)| {
        let labels = if metric.labels.is_empty() { String::new() } else { format!("{{{}}}", metric.labels.join(",")) };
        format!("{}{labels} ({})\n    {}.\n    {}.\n", metric.name, kind.as_str(), metric.meaning, metric.alert)
    };
    catalogue.iter().map(entry).collect::<Vec<_>>().join("\n")
}

/// The catalogue as JSON for tools.
pub fn json(catalogue: &[(Kind, Metric)]) -> String {
    let entry = |(kind, metric): &(Kind, Metric)| {
        json!({
            "name": metric.name, "type": kind.as_str(), "labels": metric.labels,
            "meaning": metric.meaning, "alert": metric.alert,
        })
    };
    let all: Vec<_> = catalogue.iter().map(entry).collect();
    format!("{:#}\n", serde_json::Value::from(all))
}
