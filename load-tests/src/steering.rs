//! How soon an operator's word counts: a case with many waiting sends is settled, a flow is changed under two gateways.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use hyper::Method;
use serde_json::{Value, json};
use vigie::cli::http::Client;

use crate::gateway::Gateway;
use crate::report::spread;
use crate::store::Choice;

/// What to run.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    #[command(flatten)]
    store: Choice,
    /// Cases that are settled.
    #[arg(long, default_value_t = 50)]
    cases: usize,
    /// Waiting sends of each.
    #[arg(long, default_value_t = 100)]
    sends: usize,
    /// How often a flow is changed.
    #[arg(long, default_value_t = 20)]
    changes: usize,
}

/// Runs both and prints their figures.
pub async fn run(options: Options) -> Result<()> {
    let store = options.store.open()?;
    let gateway = Gateway::start(store.url(), &[]).await?;
    let mut client = gateway.client().await?;
    let settled = settle(&mut client, &options).await?;
    println!("settle: cases with {} waiting sends each  {}", options.sends, spread(&settled));
    // The embedded store belongs to one process: there the other gateway is this one.
    let shared = store.url().starts_with("redis");
    let other = if shared { Some(gateway.beside(store.url()).await?) } else { None };
    let mut there = other.as_ref().unwrap_or(&gateway).client().await?;
    let heard = change(&mut client, &mut there, options.changes).await?;
    let whose = if shared { "another gateway" } else { "the gateway itself" };
    println!("flow change: heard by {whose}  {}", spread(&heard));
    Ok(())
}

/// From the request to its answer, each for a case of its own.
async fn settle(client: &mut Client, options: &Options) -> Result<Histogram<u64>> {
    let mut took = Histogram::new(3)?;
    for case in 0..options.cases {
        let body = json!({"to": {"email": "person@load.example"}, "amount": "120.00", "currency": "EUR"});
        put(client, &format!("/v1/cases/demo/case-{case}"), &body).await?;
        let lines: String = (0..options.sends).map(|send| line(case, send)).collect();
        let answer = client.send(Method::POST, "/v1/sends", "application/x-ndjson", lines).await?;
        ensure!(answer.status.is_success(), "enqueue: {}", answer.status);
        let (path, reason) = (format!("/v1/cases/demo/case-{case}/settle"), json!({"reason": "paid"}));
        let begun = Instant::now();
        let answer = client.send(Method::POST, &path, "application/json", reason.to_string()).await?;
        took.record(u64::try_from(begun.elapsed().as_micros())?)?;
        let settled: Value = serde_json::from_slice(&answer.body)?;
        ensure!(settled["cancelled"] == options.sends, "settle: {settled}");
    }
    Ok(took)
}

fn line(case: usize, send: usize) -> String {
    let send = json!({
        "id": format!("load-{case}-{send}"), "brand": "demo", "case": format!("case-{case}"), "template": "reminder",
        "to": {"email": "person@load.example"}, "vars": {"due_date": "2026-12-01"},
    });
    format!("{send}\n")
}

/// From the request to one gateway until another shows what it said.
async fn change(here: &mut Client, there: &mut Client, changes: usize) -> Result<Histogram<u64>> {
    let mut took = Histogram::new(3)?;
    for n in 0..changes {
        let reason = format!("change {n}");
        let body = json!({"state": "running", "rate_per_second": 10 + n, "reason": reason});
        let begun = Instant::now();
        put(here, "/v1/flows/demo", &body).await?;
        loop {
            let flows = there.get("/v1/flows").await?;
            if String::from_utf8_lossy(&flows.body).contains(&reason) {
                break;
            }
            ensure!(begun.elapsed() < Duration::from_secs(10), "the other gateway does not hear of it");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        took.record(u64::try_from(begun.elapsed().as_micros())?)?;
    }
    Ok(took)
}

async fn put(client: &mut Client, path: &str, body: &Value) -> Result<()> {
    let answer = client.send(Method::PUT, path, "application/json", body.to_string()).await?;
    ensure!(
        answer.status.is_success(),
        "{path}: {} {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );
    Ok(())
}
