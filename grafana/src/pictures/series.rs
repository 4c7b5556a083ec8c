//! What a Prometheus says.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::panel::Query;

/// Points of a line.
const POINTS: u32 = 240;

/// The time that is shown, and whom to ask.
pub(super) struct Prometheus {
    url: String,
    /// Seconds since 1970.
    from: f64,
    to: f64,
    last: Duration,
}

/// One line: its name, and moments in seconds since 1970 with their values.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

impl Series {
    /// Its largest value.
    pub(super) fn most(&self) -> f64 {
        self.points.iter().fold(0.0, |most, (_, value)| most.max(*value))
    }

    /// Its newest value.
    pub(super) fn last(&self) -> f64 {
        self.points.last().map_or(f64::NAN, |(_, value)| *value)
    }
}

impl Prometheus {
    /// Asks this one for what was up to now.
    #[expect(clippy::disallowed_methods, reason = "a picture is of now, by the clock on the wall")]
    pub(super) fn new(url: &str, last: Duration) -> Self {
        let to = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        Self { url: url.trim_end_matches('/').to_owned(), from: to - last.as_secs_f64(), to, last }
    }

    /// The time that is shown.
    pub(super) fn time(&self) -> std::ops::Range<f64> {
        self.from..self.to
    }

    /// The lines of a query.
    pub(super) fn series(&self, query: &Query) -> Result<Vec<Series>> {
        let step = (self.last.as_secs_f64() / f64::from(POINTS)).max(1.0);
        let window = format!("{}s", (4.0 * step).max(4.0).ceil());
        let range = format!("{}s", self.last.as_secs());
        let chosen = [
            ("$__rate_interval", window.as_str()),
            ("$__range", &range),
            ("$brand", ".*"),
            ("$campaign", ".*"),
            ("$instance", ".*"),
        ];
        let expr = chosen.iter().fold(query.expr.clone(), |expr, (name, value)| expr.replace(name, value));
        let answer = ureq::get(format!("{}/api/v1/query_range", self.url))
            .query("query", &expr)
            .query("start", self.from.to_string())
            .query("end", self.to.to_string())
            .query("step", step.to_string())
            .call()
            .with_context(|| format!("the Prometheus does not answer: {expr}"))?
            .body_mut()
            .read_to_string()?;
        let answer: Value = serde_json::from_str(&answer)?;
        let Some(found) = answer["data"]["result"].as_array() else { bail!("no answer to {expr}: {answer}") };
        Ok(found.iter().map(|series| read(series, query.legend)).collect())
    }
}

fn read(series: &Value, legend: &str) -> Series {
    let mut name = legend.to_owned();
    for (label, value) in series["metric"].as_object().into_iter().flatten() {
        name = name.replace(&format!("{{{{{label}}}}}"), value.as_str().unwrap_or_default());
    }
    let point = |point: &Value| {
        let value: f64 = point[1].as_str()?.parse().ok()?;
        Some((point[0].as_f64()?, value)).filter(|_| value.is_finite())
    };
    let points = series["values"].as_array().into_iter().flatten().filter_map(point).collect();
    Series { name, points }
}
