//! Addresses of other servers. They may hold passwords, so no sentence repeats one.

use std::net::IpAddr;

use url::{Host, Url};

use super::{Problem, refuse_if};
use crate::config::{Config, StoreUrl};

/// How to log in is said once and as a whole, and only a Redis has users and replicas.
pub(super) fn store(config: &Config, problems: &mut Vec<Problem>) {
    let store = &config.store;
    let named = !store.user.is_empty() || !store.password.expose().is_empty();
    let StoreUrl::Redis(url) = &store.url else {
        refuse_if(named, problems, || {
            "`store.user` and `store.password` are for Redis, but `store.url` is \"embedded:DIR\"".to_owned()
        });
        refuse_if(store.enqueue_wait > 0, problems, || {
            "`store.enqueue_wait` counts replicas of Redis, but `store.url` is \"embedded:DIR\"".to_owned()
        });
        return;
    };
    let twice = named && (url.user.is_some() || url.password.is_some());
    refuse_if(twice, problems, || {
        "`store.url` and `store.user` or `store.password` both say who logs in: take it out of the URL"
            .to_owned()
    });
    let half = match store.address() {
        StoreUrl::Redis(whole) => whole.user.is_some() && whole.password.is_none(),
        StoreUrl::Embedded(_) => false,
    };
    refuse_if(half, problems, || {
        "`store.url` or `store.user` names a user without a password: set VIGIE__STORE__PASSWORD".to_owned()
    });
}

/// The relay's URL names a directory or an SMTP server, and how to log in fits it.
pub(super) fn relay(config: &Config, problems: &mut Vec<Problem>) {
    let relay = &config.relay;
    let login = !relay.user.is_empty();
    refuse_if(login == relay.password.expose().is_empty(), problems, || {
        "`relay.user` and `relay.password` belong together: set both or none".to_owned()
    });
    if let Some(directory) = relay.url.strip_prefix("outbox:") {
        refuse_if(directory.is_empty(), problems, || {
            "`relay.url` must name a directory, such as \"outbox:outbox\"".to_owned()
        });
        return;
    }
    match Url::parse(&relay.url) {
        Ok(url) if matches!(url.scheme(), "smtp" | "smtps") && url.host().is_some() => {
            smtp(&url, login, problems);
        }
        _ => problems.push(Problem(
            "`relay.url` must be \"outbox:DIR\", \"smtp://HOST:PORT\" or \"smtps://HOST:PORT\"".to_owned(),
        )),
    }
}

fn smtp(url: &Url, login: bool, problems: &mut Vec<Problem>) {
    refuse_if(!url.username().is_empty() || url.password().is_some(), problems, || {
        "`relay.url` must not contain a user or password: set `relay.user` and VIGIE__RELAY__PASSWORD"
            .to_owned()
    });
    for (key, value) in url.query_pairs() {
        let known = key == "tls" && matches!(&*value, "required" | "opportunistic" | "none");
        refuse_if(!known, problems, || {
            "`relay.url` takes no query but tls=required, tls=opportunistic or tls=none".to_owned()
        });
        let plain = value == "none";
        refuse_if(plain && url.scheme() == "smtps", problems, || {
            "`relay.url` asks for TLS from the first byte (smtps) and for none (tls=none): choose one"
                .to_owned()
        });
        refuse_if(plain && login && !is_this_machine(url), problems, || {
            "`relay.url` with tls=none would send `relay.password` in clear over the network: use tls=required"
                .to_owned()
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
