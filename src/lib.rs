//! vigie.

pub mod clock;
pub mod config;
pub mod model;
pub mod redact;
pub mod secrets;
pub mod store;
pub mod telemetry;
pub mod token;
