//! Resident memory with many people online.

use anyhow::{Result, ensure};
use tokio::task::JoinSet;
use vigie::cli::http::Client;
use vigie::model::Grantee;
use vigie::token::{Kind, Purpose, Token};

use crate::fires::MAIL_CLIENT;
use crate::gateway::Gateway;

/// What to run.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Options {
    /// People who come online.
    #[arg(long, default_value_t = 1_000_000)]
    people: usize,
    /// Connections their pixels arrive on.
    #[arg(long, default_value_t = 16)]
    connections: usize,
}

/// Runs the scenario and prints its figures.
pub async fn run(options: Options) -> Result<()> {
    let settings = [("VIGIE__LOG__FILTER", "warn"), ("VIGIE__PRESENCE__WINDOW", "1h")];
    let gateway = Gateway::start(&settings).await?;
    let before = gateway.resident()?;
    let mut lanes = JoinSet::new();
    let paths = pixels(&gateway, options.people)?;
    for lane in paths.chunks(options.people.div_ceil(options.connections)) {
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
    let online = gateway.metric("vigie_presence_online", "").await?;
    let resident = gateway.resident()?;
    println!("present: {} people asked for their pixel, {online:.0} are online", options.people);
    println!("  resident at start {} MB, with all online {} MB", mb(before), mb(resident));
    ensure!(online > options.people as f64 * 0.99, "signals were shed: fewer online than expected");
    Ok(())
}

/// A pixel for each of so many people, signed here rather than by the gateway: only what being online costs is measured.
fn pixels(gateway: &Gateway, people: usize) -> Result<Vec<String>> {
    let secrets = gateway.secrets()?;
    let owner = Grantee::Brand("demo".parse()?);
    let pixel = |person| {
        let recipient = secrets.identity.of_address(&format!("person{person}@load.example"))?;
        let (kind, purpose) = (Kind::Open, Purpose::Presence);
        let token = Token { kind, expires: None, recipient, send: None, purpose, destination: String::new() };
        Ok(format!("/o/{}.gif", token.mint(&secrets.ring, &owner)?))
    };
    (0..people).map(pixel).collect()
}

fn mb(bytes: u64) -> u64 {
    bytes / 1_000_000
}
