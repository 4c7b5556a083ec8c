//! `vigie check`: would a gateway with this configuration do its work? One line per part, one sentence per fault. The exit code is the first
//! fault's: 78 for the configuration, 65 for a damaged store, 69 for a relay or a Redis that is not there.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::ToSocketAddrs;
use std::path::Path;
use std::sync::Arc;

use url::Url;

use super::{Exit, Failure};
use crate::app::{StartError, open_store};
use crate::clock::Clock;
use crate::config::{Config, StoreUrl};
use crate::relay::Relay;
use crate::render::{Renderer, TemplateInfo};
use crate::secrets::{self, Secrets};
use crate::telemetry::Registry;

/// Looks at every part, also after one of them failed. The configuration itself was read and validated already.
pub(super) async fn run(config: &Config) -> Result<(), Failure> {
    let (store_fault, store) = store(config).await;
    let report = [
        ("configuration", Exit::Configuration, Ok("valid".to_owned())),
        ("secrets", Exit::Configuration, keys(config)),
        ("templates", Exit::Configuration, templates(config)),
        ("store", store_fault, store),
        ("relay", Exit::Unavailable, relay(config).await),
        ("signatures", Exit::Configuration, signatures(config)),
        ("tracking", Exit::Configuration, tracking(config)),
    ];
    let mut out = std::io::stdout().lock();
    for (part, _, found) in &report {
        let (mark, text) = match found {
            Ok(text) => ("ok   ", text),
            Err(text) => ("FAULT", text),
        };
        writeln!(out, "{mark} {part:<14} {text}").map_err(|error| Failure::output(&error))?;
    }
    let faults: Vec<Exit> =
        report.iter().filter(|(.., found)| found.is_err()).map(|(_, exit, _)| *exit).collect();
    match faults.first() {
        None => Ok(()),
        Some(exit) => {
            Err(Failure::new(*exit, format!("{} of {} parts are at fault", faults.len(), report.len())))
        }
    }
}

type Found = Result<String, String>;

fn keys(config: &Config) -> Found {
    match Secrets::read(&config.data.dir) {
        Ok(_) => Ok(format!("readable in {}, by their owner only", config.data.dir.display())),
        Err(secrets::Error::Missing { .. }) => Ok("none yet: the first start makes them".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// Reads every key and compiles every template; a ring of throw-away keys stands in where none was made yet.
fn renderer(config: &Config) -> Result<Renderer, String> {
    let ring = match Secrets::read(&config.data.dir) {
        Ok(secrets) => secrets.ring,
        Err(_) => throw_away(config)?.ring,
    };
    Renderer::new(&config.brands, Arc::new(ring)).map_err(|error| error.to_string())
}

/// What brands have to publish for their mails' signatures to be found.
fn signatures(config: &Config) -> Found {
    if config.brands.values().all(|brand| brand.dkim.is_empty()) {
        return Ok("none: the relay signs, or nobody does (`vigie key dkim` makes a key)".into());
    }
    let renderer = renderer(config)?;
    let records: Vec<_> = renderer.records().map(|(name, record)| format!("{name} needs {record}")).collect();
    Ok(records.join("; "))
}

fn templates(config: &Config) -> Found {
    let renderer = renderer(config)?;
    let found: Vec<String> = renderer.templates().map(|info| describe(&info)).collect();
    Ok(found.join("; "))
}

fn describe(info: &TemplateInfo) -> String {
    let list = |texts: &BTreeSet<String>| texts.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    format!("{}/{} ({}) uses {}", info.brand, info.template, list(&info.languages), list(&info.variables))
}

fn throw_away(config: &Config) -> Result<Secrets, String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let prepared = secrets::prepare(directory.path(), &secrets::owners(config), None);
    Ok(prepared.map_err(|error| error.to_string())?.secrets)
}

/// Looks at the store, and says how to exit if it is at fault.
async fn store(config: &Config) -> (Exit, Found) {
    match config.store.address() {
        StoreUrl::Embedded(directory) => (Exit::Data, embedded(config, &directory).await),
        StoreUrl::Redis(url) => match super::redis::look(&url, config.store.enqueue_wait).await {
            Ok(text) => (Exit::Configuration, Ok(text)),
            Err(failure) => (failure.exit, Err(failure.message)),
        },
    }
}

/// Opens the store if there is one; makes none.
async fn embedded(config: &Config, directory: &Path) -> Found {
    let url = &config.store.url;
    if !config.data.dir.join(directory).exists() {
        return Ok(format!("{url}: none yet: the first start makes it"));
    }
    let store = match open_store(config, None, &Clock::system(), &Registry::new()).await {
        Ok(store) => store,
        // A gateway that runs has opened it already; nothing can be wrong that it did not report.
        Err(StartError::InUse(sentence)) => return Ok(format!("{url}: not looked into, as {sentence}")),
        Err(error) => return Err(error.to_string()),
    };
    let snapshot = store.snapshot().await.map_err(|error| error.to_string())?;
    let gap: i64 = snapshot.flows.values().map(crate::store::Counts::gap).sum();
    store.close().await.map_err(|error| error.to_string())?;
    match gap {
        0 => Ok(format!("{url}: opens, and its books balance")),
        gap => Err(format!("{url}: the books do not balance by {gap}; restore a backup")),
    }
}

async fn relay(config: &Config) -> Found {
    let relay =
        Relay::new(&config.relay, &config.data.dir, &Registry::new()).map_err(|error| error.to_string())?;
    relay.check().await.map_err(|refusal| format!("relay.url: {}", refusal.reason))
}

/// Whether the hosts in pixels and links can be found from here.
fn tracking(config: &Config) -> Found {
    let mut hosts = Vec::new();
    for (name, brand) in &config.brands {
        let key = format!("brands.{name}.tracking_url");
        let url = Url::parse(&brand.tracking_url).map_err(|error| format!("{key} is no URL: {error}"))?;
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(format!("{key} names no host"));
        };
        (host, port)
            .to_socket_addrs()
            .map_err(|error| format!("{key}: the host {host} is not found: {error}"))?;
        hosts.push(host.to_owned());
    }
    Ok(format!("found {}", hosts.join(", ")))
}
