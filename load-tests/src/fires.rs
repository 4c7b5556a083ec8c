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
use crate::process;
use crate::store::Choice;

/// What the pixels' clients call themselves.
pub const MAIL_CLIENT: &str =
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";

/// What to run.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub pace: Pace,
    #[command(flatten)]
    pub store: Choice,
}

/// How pixels are asked for.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Pace {
    /// Pixels per second.
    #[arg(long, default_value_t = 500)]
    pub rate: u32,
    /// Seconds of load.
    #[arg(long, default_value_t = 10)]
    pub seconds: u32,
    /// Sends that wait besides those that will be fired.
    #[arg(long, default_value_t = 1000)]
    pub waiting: usize,
    /// Connections the pixels arrive on.
    #[arg(long, default_value_t = 8)]
    pub connections: usize,
}

impl Pace {
    /// Pixels, and so mails, in all.
    pub const fn fires(self) -> usize {
        self.rate as usize * self.seconds as usize
    }
}

/// What the sink took: which person's mail, when, in how many round trips.
pub type Mail = (usize, Instant, u32);

/// Runs the scenario and prints its figures.
pub async fn run(options: Options) -> Result<()> {
    let pace = options.pace;
    let store = options.store.open()?;
    let (sink, mut mails) = Sink::start("127.0.0.1:0".parse()?).await?;
    let relay = format!("smtp://{}?tls=none", sink.address());
    let gateway = Gateway::start(store.url(), &[("VIGIE__RELAY__URL", &relay)]).await?;
    enqueue(&gateway, pace.fires() + pace.waiting).await?;
    let pixels = pixels(&gateway, pace.fires()).await?;
    let mut latencies = Histogram::new(3)?;
    let taken = fire(gateway.edge, pixels, 0, pace, &mut mails, &mut latencies).await?;
    println!(
        "fires: {} pixels/s for {} s, {} more waiting, store {}, load average {}",
        pace.rate,
        pace.seconds,
        pace.waiting,
        store.url().split(':').next().unwrap_or_default(),
        process::load_average()
    );
    println!("  pixel planned → 250  {}", spread(&latencies));
    let trips: u32 = taken.iter().map(|(_, _, trips)| trips).sum();
    println!("  mails {}  round trips per mail {:.3}", taken.len(), f64::from(trips) / taken.len() as f64);
    let own = gateway.metric("vigie_signal_to_accepted_seconds_sum", "demo").await?;
    let count = gateway.metric("vigie_signal_to_accepted_seconds_count", "demo").await?;
    println!("  gateway's own count  {count:.0}, mean {:.3} ms", own / count * 1000.0);
    Ok(())
}

/// Asks for the pixels of person `first` and those behind, and notes how long each mail took to the sink's 250.
pub async fn fire(
    edge: SocketAddr,
    pixels: Vec<String>,
    first: usize,
    pace: Pace,
    mails: &mut mpsc::Receiver<Taken>,
    latencies: &mut Histogram<u64>,
) -> Result<Vec<Mail>> {
    let count = pixels.len();
    let asking = tokio::task::spawn_blocking(move || load(edge, &pixels, pace));
    let limit = Duration::from_secs(u64::from(pace.seconds) + 20);
    let taken = tokio::time::timeout(limit, collect(mails, count)).await.context("mails are missing")?;
    let planned = asking.await??;
    for (person, at, _) in &taken {
        let moment = person.checked_sub(first).and_then(|place| planned.get(place));
        let latency = at.saturating_duration_since(*moment.context("a mail nobody asked for")?);
        latencies.record(u64::try_from(latency.as_micros())?)?;
    }
    Ok(taken)
}

/// What a histogram of microseconds says.
pub fn spread(latencies: &Histogram<u64>) -> String {
    let [p50, p90, p99, most] = [0.5, 0.9, 0.99, 1.0].map(|quantile| milliseconds(latencies, quantile));
    format!("p50 {p50:.3} ms  p90 {p90:.3} ms  p99 {p99:.3} ms  max {most:.3} ms")
}

/// A quantile of a histogram of microseconds.
pub fn milliseconds(latencies: &Histogram<u64>, quantile: f64) -> f64 {
    latencies.value_at_quantile(quantile) as f64 / 1000.0
}

/// One send for each of `count` people.
pub async fn enqueue(gateway: &Gateway, count: usize) -> Result<()> {
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
pub async fn pixels(gateway: &Gateway, count: usize) -> Result<Vec<String>> {
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
fn load(edge: SocketAddr, pixels: &[String], pace: Pace) -> Result<Vec<Instant>> {
    let mut lanes = Vec::new();
    for _ in 0..pace.connections {
        let lane = TcpStream::connect(edge)?;
        lane.set_nodelay(true)?;
        let answers = lane.try_clone()?;
        std::thread::spawn(move || std::io::copy(&mut &answers, &mut std::io::sink()));
        lanes.push(lane);
    }
    let interval = Duration::from_secs(1) / pace.rate;
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

/// The next `count` mails.
async fn collect(mails: &mut mpsc::Receiver<Taken>, count: usize) -> Vec<Mail> {
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
