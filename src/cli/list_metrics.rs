//! `vigie list-metrics`: every metric with type, unit, labels and their values, meaning, what is healthy and when to alert.

use std::fmt::Write as _;

use serde_json::json;

use super::http::Client;
use super::scratch::Scratch;
use super::{Exit, Failure, print};
use crate::telemetry::{Kind, Label, Metric, Values};

/// Prints what a running gateway has registered: the catalogue is asked of the real thing.
pub(super) async fn run(as_json: bool) -> Result<(), Failure> {
    let scratch = Scratch::start(None, Vec::new()).await?;
    let catalogue = catalogue(&scratch).await;
    scratch.end().await?;
    let catalogue = catalogue?;
    print(&if as_json { json(&catalogue) } else { text(&catalogue) })
}

/// One scrape first, so that every listener has come up and registered its own.
async fn catalogue(scratch: &Scratch) -> Result<Vec<(Kind, Metric)>, Failure> {
    let broken = |error: super::http::HttpError| Failure::new(Exit::Internal, error.to_string());
    let mut client = Client::connect(scratch.gateway.addresses().ops, None).await.map_err(broken)?;
    client.get("/metrics").await.map_err(broken)?;
    Ok(scratch.gateway.registry().catalogue())
}

/// The catalogue as text for people.
fn text(catalogue: &[(Kind, Metric)]) -> String {
    let entry = |(kind, metric): &(Kind, Metric)| {
        let mut text =
            format!("{} ({}, {})\n    {}.\n", metric.name, kind.as_str(), metric.unit(), metric.meaning);
        for label in metric.labels {
            let _ = writeln!(text, "    {}: {}", label.name, label.values);
        }
        let _ = writeln!(text, "    healthy: {}\n    alert:   {}", metric.healthy, metric.alert);
        text
    };
    catalogue.iter().map(entry).collect::<Vec<_>>().join("\n")
}

/// The catalogue as JSON for tools.
fn json(catalogue: &[(Kind, Metric)]) -> String {
    let label = |label: &Label| match label.values {
        Values::Of(values) => json!({ "name": label.name, "values": values }),
        Values::Each(what) => json!({ "name": label.name, "each": what }),
    };
    let entry = |(kind, metric): &(Kind, Metric)| {
        json!({
            "name": metric.name, "type": kind.as_str(), "unit": metric.unit(),
            "labels": metric.labels.iter().map(label).collect::<Vec<_>>(),
            "meaning": metric.meaning, "healthy": metric.healthy, "alert": metric.alert,
        })
    };
    let all: Vec<_> = catalogue.iter().map(entry).collect();
    format!("{:#}\n", serde_json::Value::from(all))
}
