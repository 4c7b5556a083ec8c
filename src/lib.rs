//! vigie.

pub mod classify;
pub mod clock;
pub mod config;
pub mod edge;
pub mod intake;
pub mod model;
pub mod redact;
pub mod store;
pub mod telemetry;
pub mod token;
