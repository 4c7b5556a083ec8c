//! A relay: everybody's, or a brand's own. Its URL may hold a password, so no sentence repeats it.

use std::net::IpAddr;
use std::time::Duration;

use url::{Host, Url};

use super::{Problem, refuse_if};
use crate::config::{Brand, Config, Dispatch, Relay, RelayTimeouts};

/// Greeting, EHLO, STARTTLS, EHLO again, AUTH, and the EHLO that learns the extensions.
const GREETING_STEPS: u32 = 6;

/// MAIL, RCPT and DATA, where the relay has no pipelining.
const COMMAND_STEPS: u32 = 3;

/// `[relay]`.
pub(super) fn general(config: &Config, problems: &mut Vec<Problem>) {
    one("relay.", &config.relay, &config.dispatch, problems);
}

/// `[relay]` with what a brand has otherwise, where it has something otherwise; `at` stands before the brand's keys.
pub(super) fn own(at: &str, brand: &Brand, config: &Config, problems: &mut Vec<Problem>) {
    if brand.relay.is_some() {
        one(&format!("{at}relay."), &brand.relay(&config.relay), &config.dispatch, problems);
    }
}

fn one(at: &str, relay: &Relay, dispatch: &Dispatch, problems: &mut Vec<Problem>) {
    limits(at, relay, dispatch, problems);
    attempt_outlives_the_relay(at, relay, dispatch, problems);
    url(at, relay, problems);
}

/// What must be something, and what must not exceed what.
fn limits(at: &str, relay: &Relay, dispatch: &Dispatch, problems: &mut Vec<Problem>) {
    for (key, value) in [("connections", relay.connections as u64), ("max_mails", relay.max_mails.into())] {
        refuse_if(value < 1, problems, || format!("`{at}{key}` ({value}) must be at least 1"));
    }
    let RelayTimeouts { connect, greeting, command, message } = relay.timeouts;
    let durations = [
        ("idle", relay.idle),
        ("max_age", relay.max_age),
        ("timeouts.connect", connect),
        ("timeouts.greeting", greeting),
        ("timeouts.command", command),
        ("timeouts.message", message),
    ];
    for (key, value) in durations {
        refuse_if(value == Duration::ZERO, problems, || format!("`{at}{key}` must be longer than nothing"));
    }
    let (connections, most) = (relay.connections, dispatch.max_in_flight);
    refuse_if(connections > most, problems, || {
        format!(
            "`{at}connections` ({connections}) must not exceed `dispatch.max_in_flight`, or some are never used ({most})"
        )
    });
    let (idle, max_age) = (relay.idle, relay.max_age);
    refuse_if(idle > max_age, problems, || {
        format!("`{at}idle` ({idle:?}) must not be longer than `{at}max_age` ({max_age:?})")
    });
}

/// An attempt that is given up while the relay may still accept it leaves a send that nobody knows the end of.
fn attempt_outlives_the_relay(at: &str, relay: &Relay, dispatch: &Dispatch, problems: &mut Vec<Problem>) {
    let (attempt, slowest) = (dispatch.attempt_timeout, slowest_transaction(&relay.timeouts));
    refuse_if(attempt <= slowest, problems, || {
        format!(
            "`dispatch.attempt_timeout` ({attempt:?}) must be longer than {slowest:?}, which the `{at}timeouts` \
             allow one attempt: connect + {GREETING_STEPS} × greeting + {COMMAND_STEPS} × command + message"
        )
    });
}

/// The longest a relay may take within its timeouts, from connect to the last reply.
pub(super) fn slowest_transaction(timeouts: &RelayTimeouts) -> Duration {
    let greeting = timeouts.greeting.saturating_mul(GREETING_STEPS);
    let commands = timeouts.command.saturating_mul(COMMAND_STEPS);
    timeouts.connect.saturating_add(greeting).saturating_add(commands).saturating_add(timeouts.message)
}

/// The relay's URL names a directory or an SMTP server, and how to log in fits it.
fn url(at: &str, relay: &Relay, problems: &mut Vec<Problem>) {
    let login = !relay.user.is_empty();
    refuse_if(login == relay.password.expose().is_empty(), problems, || {
        format!("`{at}user` and `{at}password` belong together: set both or none")
    });
    if let Some(directory) = relay.url.strip_prefix("outbox:") {
        refuse_if(directory.is_empty(), problems, || {
            format!("`{at}url` must name a directory, such as \"outbox:outbox\"")
        });
        return;
    }
    match Url::parse(&relay.url) {
        Ok(url) if matches!(url.scheme(), "smtp" | "smtps") && url.host().is_some() => {
            smtp(at, &url, login, problems);
        }
        _ => problems.push(Problem(format!(
            "`{at}url` must be \"outbox:DIR\", \"smtp://HOST:PORT\" or \"smtps://HOST:PORT\""
        ))),
    }
}

fn smtp(at: &str, url: &Url, login: bool, problems: &mut Vec<Problem>) {
    refuse_if(!url.username().is_empty() || url.password().is_some(), problems, || {
        let variable = match at {
            "relay." => "VIGIE__RELAY__PASSWORD",
            _ => "VIGIE__BRANDS__NAME__RELAY__PASSWORD",
        };
        format!("`{at}url` must not contain a user or password: set `{at}user` and {variable}")
    });
    for (key, value) in url.query_pairs() {
        let known = key == "tls" && matches!(&*value, "required" | "opportunistic" | "none");
        refuse_if(!known, problems, || {
            format!("`{at}url` takes no query but tls=required, tls=opportunistic or tls=none")
        });
        let plain = value == "none";
        refuse_if(plain && url.scheme() == "smtps", problems, || {
            format!("`{at}url` asks for TLS from the first byte (smtps) and for none (tls=none): choose one")
        });
        refuse_if(plain && login && !is_this_machine(url), problems, || {
            format!(
                "`{at}url` with tls=none would send `{at}password` in clear over the network: use tls=required"
            )
        });
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
