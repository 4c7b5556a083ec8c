//! Resident memory with many people online.

use anyhow::{Result, ensure};
use tokio::task::JoinSet;
use vigie::cli::http::Client;

use crate::fires::{MAIL_CLIENT, pixels};
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
    let paths = pixels(&gateway, options.people).await?;
    let after_minting = gateway.resident()?;
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
    println!(
        "  resident at start {} MB, after minting {} MB, with all online {} MB",
        mb(before),
        mb(after_minting),
        mb(resident)
    );
    ensure!(online > options.people as f64 * 0.99, "signals were shed: fewer online than expected");
    Ok(())
}

fn mb(bytes: u64) -> u64 {
    bytes / 1_000_000
}
