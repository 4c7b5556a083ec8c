//! `vigie check`: would a gateway with this configuration do its work? One line per part, one sentence per fault. The exit code is the first
//! fault's: 78 for the configuration, 65 for a damaged store, 69 for a relay or a Redis that is not there.

mod certificates;
pub(super) mod machine;
pub(super) mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::ToSocketAddrs;
use std::path::Path;

use url::Url;

use self::names::Asked;
use super::{Exit, Failure};
use crate::app::{StartError, open_store};
use crate::clock::Clock;
use crate::config::{Brand, Config, Invalid, StoreUrl};
use crate::feeds::Mapping;
use crate::model::{Grantee, Name};
use crate::relay::Relay;
use crate::render::{House, Record, TemplateInfo};
use crate::secrets::{self, Secrets};
use crate::telemetry::Registry;
use crate::token::Kind;
use crate::{brands, config};

/// Looks at every part, also after one of them failed. The configuration itself was read and validated already.
pub(super) async fn run(config: &Config, dns: Option<Asked>) -> Result<(), Failure> {
    let (store_fault, store) = store(config).await;
    let (brands, refused) = config.brands_now()?;
    let mut report = vec![
        ("configuration", Exit::Configuration, Ok("valid".to_owned())),
        ("brands", Exit::Configuration, all(&brands, &refused)),
        ("secrets", Exit::Configuration, keys(config)),
        ("templates", Exit::Configuration, templates(config, &brands)),
        ("store", store_fault, store),
        ("relay", Exit::Unavailable, relays(config, &brands).await),
        ("signatures", Exit::Configuration, signatures(config, &brands)),
        ("tracking", Exit::Configuration, tracking(&brands)),
        ("feeds", Exit::Configuration, feeds(config, &brands)),
        ("handoff", Exit::Configuration, handoff(config)),
        ("open files", Exit::Configuration, machine::files(config)),
        ("clock", Exit::Configuration, Ok(machine::clock())),
    ];
    if let Some(asked) = dns {
        let said = names::look(config, &brands, asked).await;
        report.extend(said.map(|(part, found)| (part, Exit::Configuration, found)));
        report.push(("tls: hosts", Exit::Configuration, certificates::look(&brands).await));
    }
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

/// A brand whose keys were read and templates compiled, or why it cannot be used.
type Tried = Result<(Name, House), String>;

type Brands = BTreeMap<Name, Brand>;

/// Which brands there are, or which folders are none.
fn all(brands: &Brands, refused: &[Invalid]) -> Found {
    match refused {
        [] => Ok(brands.keys().map(Name::as_str).collect::<Vec<_>>().join(", ")),
        refused => Err(refused.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
    }
}

/// Whether mappings can be used, and folders are those of brands that there are.
fn feeds(config: &Config, brands: &Brands) -> Found {
    let bad =
        |name: &Name, mapping| Mapping::new(mapping).err().map(|bad| bad.in_configuration(name).to_string());
    let feeds = &config.feeds;
    let mappings = feeds.mappings.iter().filter_map(|(name, mapping)| bad(name, mapping));
    let folders = feeds.folders.iter().filter(|(_, folder)| !brands.contains_key(&folder.brand));
    let folders = folders.map(|(name, folder)| {
        format!("`feeds.folders.{name}` is of brand {}, which cannot be used", folder.brand)
    });
    let wrong: Vec<_> = mappings.chain(folders).collect();
    if !wrong.is_empty() {
        return Err(wrong.join("; "));
    }
    let watched =
        feeds.folders.iter().map(|(name, folder)| format!("{name} in {}", folder.directory.display()));
    Ok(match watched.collect::<Vec<_>>().as_slice() {
        [] => "no folder is watched".into(),
        watched => watched.join(", "),
    })
}

/// Whether the files for the call centre can be written.
fn handoff(config: &Config) -> Found {
    let Some(dir) = config.handoff.below(&config.data.dir) else {
        return Ok("no files for the call centre".into());
    };
    let shown = dir.display();
    if !dir.exists() {
        return Ok(format!("{shown}: none yet: the first start makes it"));
    }
    match try_writing(&dir) {
        Ok(()) => Ok(format!("files for the call centre in {shown}")),
        Err(error) => Err(format!("handoff.dir: {shown} cannot be written: {error}")),
    }
}

/// Makes a file there, and takes it away.
fn try_writing(dir: &Path) -> std::io::Result<()> {
    let path = dir.join(format!(".vigie-check-{}", std::process::id()));
    std::fs::File::create_new(&path)?;
    std::fs::remove_file(&path)
}

fn keys(config: &Config) -> Found {
    match Secrets::read(&config.data.dir) {
        Ok(_) => Ok(format!("readable in {}, by their owner only", config.data.dir.display())),
        Err(secrets::Error::Missing { .. }) => Ok("none yet: the first start makes them".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// Reads every key and compiles every template of each brand. Throw-away keys stand in for those that are not made yet.
fn houses(config: &Config, brands: &Brands) -> Result<Vec<Tried>, String> {
    let spare = throw_away(brands)?.ring;
    let ring = Secrets::read(&config.data.dir).map_or_else(|_| spare.clone(), |secrets| secrets.ring);
    let house = |(name, brand): (&Name, &Brand)| {
        let has_keys = ring.newest(&Grantee::Brand(name.clone()), Kind::Open).is_ok();
        let house = House::new(name, brand, if has_keys { &ring } else { &spare });
        house.map(|house| (name.clone(), house)).map_err(|error| error.to_string())
    };
    Ok(brands.iter().map(house).collect())
}

/// What brands have to publish for their mails' signatures to be found.
fn signatures(config: &Config, brands: &Brands) -> Found {
    if brands.values().all(|brand| brand.dkim.is_empty()) {
        return Ok("none: the relay signs, or nobody does (`vigie key dkim` makes a key)".into());
    }
    let needs = |(brand, record)| format!("{brand} needs {record}");
    Ok(records(config, brands)?.into_iter().map(needs).collect::<Vec<_>>().join("; "))
}

/// The same as records, with the brands they are of.
fn records(config: &Config, brands: &Brands) -> Result<Vec<(String, Record)>, String> {
    // A brand that cannot be used is a fault of another part.
    let sound = houses(config, brands)?.into_iter().flatten();
    let of = |(name, house): (Name, House)| {
        house.records().map(|record| (name.to_string(), record)).collect::<Vec<_>>()
    };
    Ok(sound.flat_map(of).collect())
}

fn templates(config: &Config, brands: &Brands) -> Found {
    let (mut sound, mut wrong) = (Vec::new(), Vec::new());
    for house in houses(config, brands)? {
        match house {
            Ok((_, house)) => sound.extend(house.templates().map(|info| describe(&info))),
            Err(error) => wrong.push(error),
        }
    }
    if wrong.is_empty() { Ok(sound.join("; ")) } else { Err(wrong.join("; ")) }
}

fn describe(info: &TemplateInfo) -> String {
    let list = |texts: &BTreeSet<String>| texts.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    format!("{}/{} ({}) uses {}", info.brand, info.template, list(&info.languages), list(&info.variables))
}

fn throw_away(brands: &Brands) -> Result<Secrets, String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let owners: Vec<_> = brands.keys().cloned().map(Grantee::Brand).collect();
    let prepared = secrets::prepare(directory.path(), &owners, None);
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
    let store = match open_store(config, &brands::Brands::default(), None, &Clock::system(), &Registry::new())
        .await
    {
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

/// Everybody's relay, and those that brands have of their own, each once.
async fn relays(config: &Config, brands: &Brands) -> Found {
    let mut tried = vec![(String::new(), config.relay.clone())];
    for (name, brand) in brands {
        let settings = brand.relay(&config.relay);
        if tried.iter().all(|(_, known)| *known != settings) {
            tried.push((format!("brands.{name}."), settings));
        }
    }
    let (mut told, mut wrong) = (Vec::new(), Vec::new());
    for (at, settings) in &tried {
        match relay(settings, &config.data.dir).await {
            Ok(text) => told.push(text),
            Err(text) => wrong.push(format!("{at}{text}")),
        }
    }
    if wrong.is_empty() { Ok(told.join("; ")) } else { Err(wrong.join("; ")) }
}

async fn relay(settings: &config::Relay, data_dir: &Path) -> Found {
    let relay = Relay::new(settings, data_dir, &Registry::new()).map_err(|error| error.to_string())?;
    let found = relay.check().await.map_err(|refusal| format!("relay.url: {}", refusal.reason))?;
    let Some(certificate) = &found.certificate else { return Ok(found.told) };
    let lasts = certificates::judge(certificate, Clock::system().now());
    lasts.map(|until| format!("{}, {until}", found.told)).map_err(|why| format!("relay.url: {why}"))
}

/// Whether the hosts in pixels and links can be found from here.
fn tracking(brands: &Brands) -> Found {
    let mut hosts = Vec::new();
    for (name, brand) in brands {
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
