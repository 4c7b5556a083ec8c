//! A panel: a question, and the queries that answer it.

use serde_json::{Value, json};

/// How an answer is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Lines over time.
    Lines,
    /// Areas over time, one upon the other: parts of a whole.
    Stacked,
    /// One number for each series, with the line behind it.
    Number,
    /// Bars side by side, as of now.
    Bars,
    /// How many observations fell into which bucket, over time.
    Heatmap,
    /// A row for each series, as of now.
    Table,
}

/// From which value on an answer is shown in which colour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Alarm {
    /// No value is worse than another.
    Never,
    /// Anything above this is bad.
    Above(f64),
    /// Anything below this is bad.
    Below(f64),
}

/// A query, and what its series are called.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    /// A query of Prometheus, with Grafana's variables.
    pub(crate) expr: String,
    /// Grafana's legend: `{{label}}` stands for a label's value.
    pub(crate) legend: &'static str,
}

/// A question of somebody who watches, and its answer.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    /// The question.
    pub(crate) question: &'static str,
    /// What is shown, what is healthy, what to do.
    pub(crate) description: &'static str,
    pub(crate) shape: Shape,
    /// Grafana's name of the unit.
    pub(crate) unit: &'static str,
    pub(crate) alarm: Alarm,
    pub(crate) queries: Vec<Query>,
    /// Of 24 columns.
    pub(crate) width: u64,
}

impl Panel {
    /// Rows of the grid that a panel takes.
    pub(crate) const HEIGHT: u64 = 8;

    /// A panel that takes a third of the width.
    pub(crate) fn new(question: &'static str, shape: Shape, unit: &'static str) -> Self {
        let (description, queries) = ("", Vec::new());
        Self { question, description, shape, unit, alarm: Alarm::Never, queries, width: 8 }
    }

    /// What is shown, what is healthy, what to do.
    pub(crate) fn says(self, description: &'static str) -> Self {
        Self { description, ..self }
    }

    /// One more query.
    pub(crate) fn shows(mut self, legend: &'static str, expr: impl Into<String>) -> Self {
        self.queries.push(Query { expr: expr.into(), legend });
        self
    }

    /// Of 24 columns.
    pub(crate) fn wide(self, width: u64) -> Self {
        Self { width, ..self }
    }

    /// When to worry.
    pub(crate) fn alarmed(self, alarm: Alarm) -> Self {
        Self { alarm, ..self }
    }

    /// As Grafana reads it, at this place of the grid.
    pub(crate) fn json(&self, id: u64, x: u64, y: u64) -> Value {
        json!({
            "id": id,
            "title": self.question,
            "description": self.description,
            "type": self.kind(),
            "datasource": datasource(),
            "gridPos": { "x": x, "y": y, "w": self.width, "h": Self::HEIGHT },
            "targets": self.queries.iter().zip('A'..).map(|(query, id)| self.target(query, id)).collect::<Vec<_>>(),
            "fieldConfig": { "defaults": self.field(), "overrides": [] },
            "options": self.options(),
        })
    }

    fn kind(&self) -> &'static str {
        match self.shape {
            Shape::Lines | Shape::Stacked => "timeseries",
            Shape::Number => "stat",
            Shape::Bars => "bargauge",
            Shape::Heatmap => "heatmap",
            Shape::Table => "table",
        }
    }

    fn target(&self, query: &Query, id: char) -> Value {
        let now = matches!(self.shape, Shape::Bars | Shape::Table);
        let format = match self.shape {
            Shape::Heatmap => "heatmap",
            Shape::Table => "table",
            _ => "time_series",
        };
        json!({
            "refId": id.to_string(), "datasource": datasource(), "expr": query.expr, "legendFormat": query.legend,
            "format": format, "instant": now, "range": !now,
        })
    }

    fn field(&self) -> Value {
        let steps = match self.alarm {
            Alarm::Never => json!([{ "color": "green", "value": null }]),
            Alarm::Above(limit) => {
                json!([{ "color": "green", "value": null }, { "color": "red", "value": limit }])
            }
            Alarm::Below(limit) => {
                json!([{ "color": "red", "value": null }, { "color": "green", "value": limit }])
            }
        };
        let stacked = self.shape == Shape::Stacked;
        json!({
            "unit": self.unit,
            "min": 0,
            "thresholds": { "mode": "absolute", "steps": steps },
            "color": { "mode": if self.alarm == Alarm::Never { "palette-classic" } else { "thresholds" } },
            "custom": if matches!(self.shape, Shape::Lines | Shape::Stacked) {
                json!({
                    "drawStyle": "line", "lineWidth": 1, "fillOpacity": if stacked { 40 } else { 8 }, "showPoints": "never",
                    "stacking": { "mode": if stacked { "normal" } else { "none" } },
                    "thresholdsStyle": { "mode": if self.alarm == Alarm::Never { "off" } else { "dashed" } },
                })
            } else {
                json!({})
            },
        })
    }

    fn options(&self) -> Value {
        match self.shape {
            Shape::Lines | Shape::Stacked => json!({
                "legend": { "displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"] },
                "tooltip": { "mode": "multi", "sort": "desc" },
            }),
            Shape::Number => json!({
                "reduceOptions": { "calcs": ["lastNotNull"] }, "graphMode": "area", "colorMode": "value",
            }),
            Shape::Bars => json!({
                "reduceOptions": { "calcs": ["lastNotNull"] }, "orientation": "horizontal", "displayMode": "gradient",
            }),
            Shape::Heatmap => json!({
                "calculate": false, "yAxis": { "unit": self.unit }, "color": { "scheme": "Spectral", "mode": "scheme" },
                "cellGap": 1, "tooltip": { "mode": "single" },
            }),
            Shape::Table => {
                json!({ "showHeader": true, "sortBy": [{ "displayName": "Value", "desc": true }] })
            }
        }
    }
}

/// The Prometheus that is chosen above every dashboard.
pub(crate) fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}
