//! Pixel asked for → relay's 250, open loop: pixels leave at their planned moments whether or not earlier ones have
//! been answered, and latency counts from the planned moment (no coordinated omission).

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use vigie::cli::demo::sink::{Sink, Taken};

use crate::gateway::Gateway;

/// What the pixels' clients call themselves.
pub const MAIL_CLIENT: &str =
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";

/// What to run.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Options {
    /// Pixels per second.
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// Seconds of load.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Sends that wait besides those that will be fired.
    #[arg(long, default_value_t = 1000)]
    waiting: usize,
    /// Connections the pixels arrive on.
    #[arg(long, default_value_t = 8)]
    connections: usize,
}

/// Runs the scenario and prints its figures.
pub async fn run(options: Options) -> Result<()> {
    let (sink, mails) = Sink::start("127.0.0.1:0".parse()?).await?;
    let relay = format!("smtp://{}?tls=none", sink.address());
    let gateway = Gateway::start(&[("VIGIE__RELAY__URL", &relay), ("VIGIE__LOG__FILTER", "warn")]).await?;
    let fires = (options.rate * options.seconds) as usize;
    enqueue(&gateway, fires + options.waiting).await?;
    let pixels = pixels(&gateway, fires).await?;
    let taken = tokio::spawn(collect(mails, fires));
    let edge = gateway.edge;
    let planned = tokio::task::spawn_blocking(move || load(edge, &pixels, options)).await??;
    let taken = tokio::time::timeout(Duration::from_secs(20), taken).await.context("mails are missing")??;
    report(options, &planned, &taken)?;
    let own = gateway.metric("vigie_signal_to_accepted_seconds_sum", "demo").await?;
    let count = gateway.metric("vigie_signal_to_accepted_seconds_count", "demo").await?;
    println!("  gateway's own count  {count:.0}, mean {:.3} ms", own / count * 1000.0);
    Ok(())
}

/// One send for each of `count` people.
async fn enqueue(gateway: &Gateway, count: usize) -> Result<()> {
    let mut client = gateway.client().await?;
    for from in (0..count).step_by(2000) {
        let lines: String = (from..count.min(from + 2000)).map(line).collect();
        let answer = client.send(Method::POST, "/v1/sends", "application/x-ndjson", lines).await?;
        anyhow::ensure!(answer.status.is_success(), "enqueue: {}", answer.status);
    }
    Ok(())
}

/// One line of a producer's NDJSON: the send of person `index`.
pub fn line(index: usize) -> String {
    let send = json!({
        "id": format!("load-{index}"), "brand": "demo", "campaign": "load", "case": format!("case-{index}"),
        "to": {"email": format!("person{index}@load.example"), "name": format!("Person {index}")},
        "template": "reminder", "vars": {"amount": "120.00 EUR", "due_date": "2026-12-01"},
    });
    format!("{send}\n")
}

/// The pixel path of each of the first `count` people.
async fn pixels(gateway: &Gateway, count: usize) -> Result<Vec<String>> {
    let mut client = gateway.client().await?;
    let mut paths = Vec::with_capacity(count);
    for from in (0..count).step_by(2000) {
        let order =
            |index| json!({"brand": "demo", "email": format!("person{index}@load.example"), "kind": "open"});
        let orders: Vec<String> =
            (from..count.min(from + 2000)).map(|index| order(index).to_string()).collect();
        let lines = orders.join("\n");
        let answer = client.send(Method::POST, "/v1/tokens", "application/x-ndjson", lines).await?;
        for line in std::str::from_utf8(&answer.body)?.lines() {
            let minted: Value = serde_json::from_str(line)?;
            paths.push(format!("/o/{}.gif", minted["token"].as_str().with_context(|| line.to_owned())?));
        }
    }
    anyhow::ensure!(paths.len() == count, "{} pixels instead of {count}", paths.len());
    Ok(paths)
}

/// Asks for every pixel at its planned moment, over a fixed set of warm connections; returns the plan.
///
/// A thread of its own writes straight to blocking sockets: a timer of the runtime is late by up to a millisecond, which
/// would be counted as the gateway's.
fn load(edge: SocketAddr, pixels: &[String], options: Options) -> Result<Vec<Instant>> {
    let mut lanes = Vec::new();
    for _ in 0..options.connections {
        let lane = TcpStream::connect(edge)?;
        lane.set_nodelay(true)?;
        let answers = lane.try_clone()?;
        std::thread::spawn(move || std::io::copy(&mut &answers, &mut std::io::sink()));
        lanes.push(lane);
    }
    let interval = Duration::from_secs(1) / options.rate;
    let start = Instant::now() + Duration::from_millis(100);
    let mut plan = Vec::with_capacity(pixels.len());
    for (index, path) in pixels.iter().enumerate() {
        let moment = start + interval * u32::try_from(index)?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: edge\r\nUser-Agent: {MAIL_CLIENT}\r\n\r\n");
        std::thread::sleep(moment.saturating_duration_since(Instant::now()));
        (&lanes[index % lanes.len()]).write_all(request.as_bytes())?;
        plan.push(moment);
    }
    Ok(plan)
}

/// Which person's mail the sink took, when, in how many round trips.
async fn collect(mut mails: mpsc::Receiver<Taken>, count: usize) -> Vec<(usize, Instant, u32)> {
    let mut all = Vec::with_capacity(count);
    while all.len() < count {
        let Some(taken) = mails.recv().await else { break };
        let text = String::from_utf8_lossy(&taken.message);
        let send = text.lines().find_map(|line| line.strip_prefix("X-Vigie-Send: load-"));
        if let Some(index) = send.and_then(|index| index.trim().parse().ok()) {
            all.push((index, taken.at, taken.round_trips));
        }
    }
    all
}

fn report(options: Options, planned: &[Instant], taken: &[(usize, Instant, u32)]) -> Result<()> {
    let mut histogram = Histogram::<u64>::new(3)?;
    for (index, at, _) in taken {
        let latency = at.saturating_duration_since(planned[*index]);
        histogram.record(u64::try_from(latency.as_micros())?)?;
    }
    let ms = |quantile| Duration::from_micros(histogram.value_at_quantile(quantile)).as_secs_f64() * 1000.0;
    let trips: u32 = taken.iter().map(|(_, _, trips)| trips).sum();
    println!("fires: {} pixels/s for {} s, {} more waiting", options.rate, options.seconds, options.waiting);
    println!(
        "  pixel planned → 250  p50 {:.3} ms  p90 {:.3} ms  p99 {:.3} ms  max {:.3} ms",
        ms(0.5),
        ms(0.9),
        ms(0.99),
        ms(1.0)
    );
    println!("  mails {}  round trips per mail {:.3}", taken.len(), f64::from(trips) / taken.len() as f64);
    Ok(())
}
