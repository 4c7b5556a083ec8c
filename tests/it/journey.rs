//! The real binary from the outside: what producers, mail clients and operators do with it, and what the contract
//! promises them.

mod best_hour;
mod cases;
mod first_letter;
mod limited;
mod machines;
mod moments;
mod operators;
mod partners;
mod real_servers;
mod relay_down;
mod scanned;
mod stopping;
mod storm;
mod templates;
mod throttled;
mod tokens;
pub(crate) mod unsubscribing;
mod visits;

/// Settings of a second brand beside the sample one.
pub(crate) const OTHER_BRAND: [(&str, &str); 5] = [
    ("VIGIE__BRANDS__OTHER__FROM", "Other Letters <letters@other.example>"),
    ("VIGIE__BRANDS__OTHER__RETURN_PATH", "bounces@other.example"),
    ("VIGIE__BRANDS__OTHER__TRACKING_URL", "http://127.0.0.1:8080"),
    ("VIGIE__BRANDS__OTHER__LANGUAGE", "en"),
    ("VIGIE__BRANDS__OTHER__CONSENT", "presumed"),
];

/// Signals take effect one after the other, so that [`settled`](crate::support::gateway::Gateway::settled) tells when
/// they have.
const ONE_SHARD: (&str, &str) = ("VIGIE__INTAKE__SHARDS", "1");
