//! What it costs to know people: each said yes to one brand, and is not online.

use anyhow::{Result, ensure};
use hyper::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::gateway::Gateway;
use crate::report::{Output, Report};
use crate::store::Choice;

/// What to run.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// People who said yes.
    #[arg(long, default_value_t = 50_000)]
    people: usize,
    /// Connections that tell of it, one person at a time.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    #[command(flatten)]
    store: Choice,
    #[command(flatten)]
    output: Output,
}

/// Runs the scenario and prints its figures.
pub async fn run(options: Options) -> Result<()> {
    let mut store = options.store.open()?;
    let gateway = Gateway::start(store.url(), &[]).await?;
    let (before, disk, empty) = (gateway.resident()?, gateway.on_disk()?, store.memory()?);
    let mut lanes = JoinSet::new();
    for lane in 0..options.connections {
        let mut client = gateway.client().await?;
        lanes.spawn(async move {
            for person in (lane..options.people).step_by(options.connections) {
                let email = format!("person{person}@load.example");
                let consent =
                    json!({"email": email, "brand": "demo", "purpose": "presence", "granted": true, "proof": "form 2026-11-03"});
                let answer =
                    client.send(Method::PUT, "/v1/consents", "application/json", consent.to_string()).await?;
                ensure!(answer.status.is_success(), "consent: {}", answer.status);
            }
            Ok(())
        });
    }
    while let Some(done) = lanes.join_next().await {
        done??;
    }
    let each = |after: u64, before: u64| after.saturating_sub(before) as f64 / options.people as f64;
    let mut report = Report::new("known");
    report.parameter("people", options.people);
    report.parameter("store", store.name());
    report.figure("resident per person", each(gateway.resident()?, before), "bytes");
    report.figure("on disk per person", each(gateway.on_disk()?, disk), "bytes");
    if let (Some(empty), Some(full)) = (empty, store.memory()?) {
        report.figure("in Redis per person", each(full, empty), "bytes");
    }
    report.finish(&options.output)
}
