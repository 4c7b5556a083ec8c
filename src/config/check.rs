//! Relations between fields: what no single field can know, each a named function.
//!
//! A dangerous combination stops the start; a warning would be read after the letters went out twice. All problems
//! are found in one go, so that nobody corrects a file ten times.

mod brands;
mod classify;
mod dkim;
mod doors;
mod events;
mod feeds;
mod flows;
mod hours;
mod keys;
mod limits;
mod partners;
mod relay;
mod urls;
mod watch;

pub use brands::is_base_url;

use std::net::SocketAddr;
use std::time::Duration;

use super::{Brand, Config, LmtpAddress};
use crate::model::Name;

/// One thing that is wrong: a sentence that names the keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Problem(String);

/// The smallest time finished sends stay visible: a producer that retries after a night must find its send.
const SHORTEST_KEEP: Duration = Duration::from_hours(24);

/// Shortest lease: renewed every third of it, and a store may take a second to answer.
const SHORTEST_LEASE: Duration = Duration::from_secs(3);

/// Everything that is wrong with `config`; nothing if it can be relied on.
pub(super) fn problems(config: &Config) -> Vec<Problem> {
    let checks: [fn(&Config, &mut Vec<Problem>); 25] = [
        limits::at_least,
        limits::not_zero,
        limits::ordered,
        limits::clocks,
        listeners_differ,
        lease_outlives_its_renewal,
        drain_is_worth_waiting_for,
        finished_sends_stay_a_day,
        urls::store,
        relay::general,
        doors::origins,
        doors::client_ip_header,
        brands::all,
        partners::all,
        partners::no_brand_is_called_partner,
        flows::domains,
        flows::brakes,
        flows::no_brand_is_called_domain,
        keys::all,
        classify::thresholds,
        classify::windows,
        classify::providers,
        watch::all,
        events::all,
        feeds::all,
    ];
    let mut problems = Vec::new();
    for check in checks {
        check(config, &mut problems);
    }
    problems
}

/// Everything that is wrong with a brand that has a file of its own, whose keys stand at its top.
pub(super) fn brand_problems(name: &Name, brand: &Brand, config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    brands::one("", brand, config, &mut problems);
    partners::is_not_called_partner("the folder ", name, &mut problems);
    flows::is_not_called_domain("the folder ", name, &mut problems);
    problems
}

/// Adds a problem where `wrong`.
fn refuse_if(wrong: bool, problems: &mut Vec<Problem>, sentence: impl FnOnce() -> String) {
    if wrong {
        problems.push(Problem(sentence()));
    }
}

/// Two listeners cannot share a port, unless the kernel chooses it.
fn listeners_differ(config: &Config, problems: &mut Vec<Problem>) {
    let mut all = vec![
        ("edge.listen", config.edge.listen),
        ("api.listen", config.api.listen),
        ("ops.listen", config.ops.listen),
    ];
    if let Some(LmtpAddress::Tcp(lmtp)) = config.bounces.lmtp {
        all.push(("bounces.lmtp", lmtp));
    }
    for (at, (first, a)) in all.iter().enumerate() {
        for (second, b) in &all[at + 1..] {
            refuse_if(collide(a, b), problems, || {
                format!("`{first}` ({a}) and `{second}` ({b}) collide: give each listener its own port")
            });
        }
    }
}

fn collide(a: &SocketAddr, b: &SocketAddr) -> bool {
    let everywhere = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && (a.ip() == b.ip() || everywhere)
}

/// A holder renews every third of its lease, so a third must be longer than a slow answer of the store.
fn lease_outlives_its_renewal(config: &Config, problems: &mut Vec<Problem>) {
    let lease = config.dispatch.lease;
    refuse_if(lease < SHORTEST_LEASE, problems, || {
        format!(
            "`dispatch.lease` ({lease:?}) must be at least {SHORTEST_LEASE:?}: it is renewed every third of it, and \
             a send whose lease runs out is taken by another gateway"
        )
    });
}

/// A drain longer than any attempt only delays the stop.
fn drain_is_worth_waiting_for(config: &Config, problems: &mut Vec<Problem>) {
    let (drain, attempt) = (config.dispatch.drain, config.dispatch.attempt_timeout);
    refuse_if(drain > attempt, problems, || {
        format!(
            "`dispatch.drain` ({drain:?}) must not be longer than `dispatch.attempt_timeout` ({attempt:?})"
        )
    });
}

/// The id of a finished send must stay taken until its producer stopped retrying.
fn finished_sends_stay_a_day(config: &Config, problems: &mut Vec<Problem>) {
    let keep = config.store.keep_finished;
    refuse_if(keep < SHORTEST_KEEP, problems, || {
        format!(
            "`store.keep_finished` ({keep:?}) must be at least \"1d\": a producer that retries must find its send, \
             or the letter goes out twice"
        )
    });
    let cases = config.store.keep_cases;
    refuse_if(cases < keep, problems, || {
        format!(
            "`store.keep_cases` ({cases:?}) must not be shorter than `store.keep_finished` ({keep:?}): a closed case would be \
             opened again while its letters are still known"
        )
    });
}

#[cfg(test)]
mod tests;
