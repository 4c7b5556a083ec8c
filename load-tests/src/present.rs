//! Resident memory with many people online.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::task::JoinSet;
use vigie::cli::http::Client;
use vigie::model::{Grantee, SendId};
use vigie::token::{Kind, Purpose, Token};

use crate::fires::MAIL_CLIENT;
use crate::gateway::Gateway;
use crate::report::{Output, Report};
use crate::store::{Choice, Store};
use crate::touches;

/// What to run.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// People who come online.
    #[arg(long, default_value_t = 1_000_000)]
    people: usize,
    /// Connections their pixels arrive on.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    #[command(flatten)]
    store: Choice,
    #[command(flatten)]
    output: Output,
}

/// How often is looked at how many are online.
const LOOK: Duration = Duration::from_secs(1);

/// Runs the scenario and prints its figures.
pub async fn run(options: Options) -> Result<()> {
    let mut store = options.store.open()?;
    let gateway = Gateway::start(store.url(), &[("VIGIE__PRESENCE__WINDOW", "1h")]).await?;
    let (before, empty) = (gateway.resident()?, store.memory()?);
    let paths = pixels(&gateway, options.people, false)?;
    match &mut store {
        Store::Embedded => ask(&gateway, &paths, options.connections).await?,
        Store::Redis(redis) => drop(touches::load(&gateway, redis, paths, options.connections, None)?),
    }
    let online = settled(&gateway).await?;
    let resident = gateway.resident()?;
    let each = |after: u64, before: u64| after.saturating_sub(before) as f64 / options.people as f64;
    let mut report = Report::new("present");
    report.parameter("people", options.people);
    report.parameter("store", store.name());
    report.figure("online", online, "");
    report.figure("resident at start", before as f64 / 1e6, "MB");
    report.figure("resident with all online", resident as f64 / 1e6, "MB");
    report.figure("resident per person", each(resident, before), "bytes");
    if let (Some(empty), Some(full)) = (empty, store.memory()?) {
        report.figure("in Redis per person", each(full, empty), "bytes");
    }
    report.finish(&options.output)?;
    ensure!(online > options.people as f64 * 0.99, "signals were shed: fewer online than expected");
    Ok(())
}

/// How many are online once no more come.
async fn settled(gateway: &Gateway) -> Result<f64> {
    let mut before = -1.0;
    loop {
        let online = gateway.metric("vigie_presence_online", "").await?;
        if online <= before {
            return Ok(online);
        }
        before = online;
        tokio::time::sleep(LOOK).await;
    }
}

/// Asks for every pixel once, as fast as the edge answers.
async fn ask(gateway: &Gateway, paths: &[String], connections: usize) -> Result<()> {
    let mut lanes = JoinSet::new();
    for lane in paths.chunks(paths.len().div_ceil(connections)) {
        let (lane, mut client) =
            (lane.to_vec(), Client::connect(gateway.edge, None).await?.with_agent(MAIL_CLIENT));
        lanes.spawn(async move {
            for path in lane {
                client.get(&path).await?;
            }
            Ok::<(), anyhow::Error>(())
        });
    }
    while let Some(done) = lanes.join_next().await {
        done??;
    }
    Ok(())
}

/// A pixel for each of so many people, signed here rather than by the gateway: only what being online costs is measured.
/// Those `in_mails` name the send they stand in.
pub fn pixels(gateway: &Gateway, people: usize, in_mails: bool) -> Result<Vec<String>> {
    let secrets = gateway.secrets()?;
    let owner = Grantee::Brand("demo".parse()?);
    let pixel = |person| {
        let recipient = secrets.identity.of_address(&format!("person{person}@load.example"))?;
        let (kind, purpose) = (Kind::Open, Purpose::Presence);
        let send = in_mails.then_some(SendId(recipient.0));
        let token = Token { kind, expires: None, recipient, send, purpose, destination: String::new() };
        Ok(format!("/o/{}.gif", token.mint(&secrets.ring, &owner)?))
    };
    (0..people).map(pixel).collect()
}
