//! Metrics and logs, without knowing any component.
//!
//! A component describes each of its metrics in a [`Metric`] (what it means, when to wake up) and registers it with
//! the [`Registry`] it is given; `vigie list-metrics` prints what was registered, so the catalogue cannot lag behind.

mod logs;
mod metrics;

pub use logs::{BadFilter, logs};
pub use metrics::{Kind, LATENCY_BUCKETS, Label, Metric, Registry, Values};
