//! Durable enqueue through NDJSON, and what waiting sends cost on disk and in memory.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hyper::Method;

use crate::gateway::Gateway;
use crate::people::line;
use crate::report::{Output, Report};
use crate::store::Choice;

/// What to run.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Sends in all.
    #[arg(long, default_value_t = 200_000)]
    sends: usize,
    /// Requests at the same time, each an NDJSON stream.
    #[arg(long, default_value_t = 4)]
    producers: usize,
    /// Sends per request.
    #[arg(long, default_value_t = 5000)]
    lines: usize,
    #[command(flatten)]
    store: Choice,
    #[command(flatten)]
    output: Output,
}

/// Runs the scenario and prints its figures.
pub async fn run(options: Options) -> Result<()> {
    let mut store = options.store.open()?;
    let gateway = Gateway::start(store.url(), &[]).await?;
    let (memory, disk, redis) = (gateway.resident()?, gateway.on_disk()?, store.memory()?);
    let cpu = gateway.cpu()?;
    let redis_cpu = store.cpu()?;
    let seconds = produce(&gateway, &options).await?;
    let each = |after: u64, before: u64| after.saturating_sub(before) as f64 / options.sends as f64;
    let micros = |after: Duration, before: Duration| {
        after.saturating_sub(before).as_secs_f64() * 1e6 / options.sends as f64
    };
    let mut report = Report::new("enqueue");
    report.parameter("sends", options.sends);
    report.parameter("producers", options.producers);
    report.parameter("lines per request", options.lines);
    report.parameter("store", store.name());
    report.figure("durable sends", options.sends as f64 / seconds, "/s");
    report.figure("resident per waiting send", each(gateway.resident()?, memory), "bytes");
    report.figure("on disk per waiting send", each(gateway.on_disk()?, disk), "bytes");
    report.figure("processor per send, gateway", micros(gateway.cpu()?, cpu), "µs");
    report.figure("processor per send, Redis", micros(store.cpu()?, redis_cpu), "µs");
    if let (Some(before), Some(after)) = (redis, store.memory()?) {
        report.figure("in Redis per waiting send", each(after, before), "bytes");
    }
    report.finish(&options.output)
}

/// Pushes all sends; how many seconds it took.
async fn produce(gateway: &Gateway, options: &Options) -> Result<f64> {
    let bodies: Vec<String> = (0..options.sends)
        .step_by(options.lines)
        .map(|from| (from..options.sends.min(from + options.lines)).map(line).collect())
        .collect();
    let bodies = std::sync::Arc::new(std::sync::Mutex::new(bodies));
    let start = Instant::now();
    let mut producers = tokio::task::JoinSet::new();
    for _ in 0..options.producers {
        let mut client = gateway.client().await?;
        let bodies = std::sync::Arc::clone(&bodies);
        producers.spawn(async move {
            loop {
                let body = bodies.lock().ok().and_then(|mut bodies| bodies.pop());
                let Some(body) = body else { return Ok::<(), anyhow::Error>(()) };
                let lines = body.lines().count();
                let answer = client.send(Method::POST, "/v1/sends", "application/x-ndjson", body).await?;
                let accepted =
                    answer.body.split(|byte| *byte == b'\n').filter(|line| contains(line, b"202")).count();
                ensure!(accepted == lines, "{accepted} of {lines} accepted");
            }
        });
    }
    while let Some(done) = producers.join_next().await {
        done??;
    }
    Ok(start.elapsed().as_secs_f64())
}

fn contains(line: &[u8], needle: &[u8]) -> bool {
    line.windows(needle.len()).any(|window| window == needle)
}
