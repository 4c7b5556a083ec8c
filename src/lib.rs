//! vigie.

pub mod api;
pub mod clock;
pub mod config;
pub mod flow;
pub mod listener;
pub mod model;
pub mod ops;
pub mod redact;
pub mod store;
pub mod telemetry;
pub mod token;
