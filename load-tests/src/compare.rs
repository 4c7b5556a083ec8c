//! The same pixels, the same sink, the same machine, in turns: vigie and what a team would build instead.
//!
//! Both use a Redis of their own with the same settings. The other side is `load-tests/node/server.js`: fastify, ioredis,
//! `BullMQ` with its worker in a process of its own, nodemailer with a pool; it needs `npm install --no-save` in that directory once.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use hyper::Method;
use serde_json::json;
use tokio::sync::mpsc;
use vigie::cli::demo::sink::{Sink, Taken};
use vigie::cli::http::Client;

use crate::fires::{Pace, enqueue, fire, milliseconds, pixels, spread};
use crate::gateway::Gateway;
use crate::process::{self, Server};
use crate::store::Redis;

/// What to run.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// How pixels are asked for, in each turn.
    #[command(flatten)]
    pace: Pace,
    /// Turns of each side.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The directory of `server.js`.
    #[arg(long, default_value = "load-tests/node")]
    node: PathBuf,
}

/// One side: where its pixels are asked for, and how long its mails took.
pub struct Side {
    /// What it is called in the figures.
    pub name: &'static str,
    edge: SocketAddr,
    pixels: Vec<String>,
    mails: mpsc::Receiver<Taken>,
    /// Of all its turns.
    pub latencies: Histogram<u64>,
}

/// Runs the comparison and prints each turn, then both sides and their ratio.
pub async fn run(options: Options) -> Result<()> {
    let (pace, rounds) = (options.pace, options.rounds);
    let people = pace.fires() * rounds;
    let (our_redis, their_redis) = (Redis::start()?, Redis::start()?);
    let ((our_sink, our_mails), (their_sink, their_mails)) = (sink().await?, sink().await?);
    let relay = format!("smtp://{}?tls=none", our_sink.address());
    let gateway = Gateway::start(&our_redis.url, &[("VIGIE__RELAY__URL", &relay)]).await?;
    enqueue(&gateway, people + pace.waiting).await?;
    let (_node, theirs) = node(&options.node, &their_redis.url, their_sink.address())?;
    let vigie = Side::new("vigie", gateway.edge, pixels(&gateway, people).await?, our_mails)?;
    let node = Side::new("node", theirs, push(theirs, people, pace.waiting).await?, their_mails)?;
    let mut sides = [vigie, node];
    for round in 0..rounds {
        for side in &mut sides {
            side.turn(round, pace).await?;
        }
    }
    let [vigie, node] = &sides;
    println!("compare: {} pixels/s, {rounds} turns of {} s each", pace.rate, pace.seconds);
    for side in &sides {
        println!("  {:<6} {}", side.name, spread(&side.latencies));
    }
    let ratio = |quantile| milliseconds(&node.latencies, quantile) / milliseconds(&vigie.latencies, quantile);
    println!("  node / vigie: p50 {:.1}, p99 {:.1}", ratio(0.5), ratio(0.99));
    Ok(())
}

/// A relay that takes everything.
pub async fn sink() -> Result<(Sink, mpsc::Receiver<Taken>)> {
    Ok(Sink::start("127.0.0.1:0".parse()?).await?)
}

impl Side {
    /// A side whose people's pixels are these.
    pub fn new(
        name: &'static str,
        edge: SocketAddr,
        pixels: Vec<String>,
        mails: mpsc::Receiver<Taken>,
    ) -> Result<Self> {
        Ok(Self { name, edge, pixels, mails, latencies: Histogram::new(3)? })
    }

    /// Asks for the pixels of this round, and prints how long its mails took.
    pub async fn turn(&mut self, round: usize, pace: Pace) -> Result<()> {
        let first = round * pace.fires();
        let pixels = self.pixels[first..first + pace.fires()].to_vec();
        let mut latencies = Histogram::new(3)?;
        fire(self.edge, pixels, first, pace, &mut self.mails, &mut latencies).await?;
        println!(
            "  turn {} of {:<6} {}  load average {}",
            round + 1,
            self.name,
            spread(&latencies),
            process::load_average()
        );
        self.latencies.add(&latencies)?;
        Ok(())
    }
}

/// Starts the other side, and where it listens.
fn node(directory: &Path, redis: &str, sink: SocketAddr) -> Result<(Server, SocketAddr)> {
    ensure!(
        directory.join("node_modules").exists(),
        "run `npm install --no-save` in {} first (or name the directory with --node)",
        directory.display()
    );
    let mut command = Command::new("node");
    command.arg("server.js").current_dir(directory).env("NODE_ENV", "production");
    command.env("REDIS_URL", redis).env("RELAY", sink.to_string()).stdout(Stdio::piped());
    let mut server = Server::start(&mut command).context("starting node")?;
    let mut port = String::new();
    BufReader::new(server.child().stdout.take().context("node's output")?).read_line(&mut port)?;
    let port: u16 = port.trim().parse().context("node's port")?;
    Ok((server, SocketAddr::from(([127, 0, 0, 1], port))))
}

/// Gives the other side one send for each person; the paths of their pixels.
async fn push(address: SocketAddr, people: usize, waiting: usize) -> Result<Vec<String>> {
    let mut client = Client::connect(address, None).await?;
    let mut paths = Vec::with_capacity(people + waiting);
    for from in (0..people + waiting).step_by(2000) {
        let lines: String = (from..(people + waiting).min(from + 2000)).map(line).collect();
        let answer = client.send(Method::POST, "/sends", "application/x-ndjson", lines).await?;
        ensure!(answer.status.is_success(), "node refuses sends: {}", answer.status);
        let tokens: Vec<String> = serde_json::from_slice(&answer.body)?;
        paths.extend(tokens.iter().map(|token| format!("/o/{token}.gif")));
    }
    paths.truncate(people);
    Ok(paths)
}

fn line(index: usize) -> String {
    let send = json!({
        "index": index, "email": format!("person{index}@load.example"), "name": format!("Person {index}"),
        "amount": "120.00 EUR", "due_date": "2026-12-01",
    });
    format!("{send}\n")
}
