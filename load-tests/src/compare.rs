//! The same pixels, the same sink, the same machine, in turns: vigie and what a team would build instead.
//!
//! Both use a Redis of their own with the same settings. The other side is `load-tests/node/server.js`: fastify, ioredis,
//! `BullMQ` with its worker in a process of its own, nodemailer with a pool; it needs `npm install --no-save` in that directory once.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use hyper::Method;
use serde_json::json;
use tokio::sync::mpsc;
use vigie::cli::demo::sink::Taken;
use vigie::cli::http::Client;

use crate::fires::{Pace, fire};
use crate::gateway::Gateway;
use crate::people;
use crate::process::{self, Server};
use crate::report::{Output, Report, milliseconds, spread};
use crate::sink::{Kind, Sink};
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
    #[command(flatten)]
    output: Output,
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
    let ((our_sink, our_mails), (their_sink, their_mails)) =
        (Sink::start(Kind::Near)?, Sink::start(Kind::Near)?);
    let gateway = Gateway::start(&our_redis.url, &[("VIGIE__RELAY__URL", &our_sink.url())]).await?;
    people::enqueue(&gateway, 0..people + pace.waiting).await?;
    let (_node, theirs) = node(&options.node, &their_redis.url, their_sink.address())?;
    let vigie = Side::new("vigie", gateway.edge, people::paths(&gateway, 0..people)?, our_mails)?;
    let node = Side::new("node", theirs, push(theirs, 0..people + pace.waiting).await?, their_mails)?;
    let mut sides = [vigie, node];
    for round in 0..rounds {
        for side in &mut sides {
            side.turn(round, pace).await?;
        }
    }
    let [vigie, node] = &sides;
    let ratio = |quantile| milliseconds(&node.latencies, quantile) / milliseconds(&vigie.latencies, quantile);
    let mut report = Report::new("compare");
    report.parameter("rate", pace.rate);
    report.parameter("seconds", pace.seconds);
    report.parameter("turns", rounds);
    report.latencies("vigie", vigie.latencies.clone());
    report.latencies("node", node.latencies.clone());
    report.figure("node / vigie p50", ratio(0.5), "");
    report.figure("node / vigie p99", ratio(0.99), "");
    report.finish(&options.output)
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
        let latencies = fire(self.edge, pixels, first, pace, &mut self.mails).await?.mails.histogram()?;
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

/// Starts the other side, whose worker is a process of its own that ends with it; where it listens.
pub fn node(directory: &Path, redis: &str, sink: SocketAddr) -> Result<(Server, SocketAddr)> {
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
pub async fn push(address: SocketAddr, people: Range<usize>) -> Result<Vec<String>> {
    let mut client = Client::connect(address, None).await?;
    let mut paths = Vec::with_capacity(people.len());
    for from in people.clone().step_by(2000) {
        let lines: String = (from..people.end.min(from + 2000)).map(line).collect();
        let answer = client.send(Method::POST, "/sends", "application/x-ndjson", lines).await?;
        ensure!(answer.status.is_success(), "node refuses sends: {}", answer.status);
        let tokens: Vec<String> = serde_json::from_slice(&answer.body)?;
        paths.extend(tokens.iter().map(|token| format!("/o/{token}.gif")));
    }
    Ok(paths)
}

fn line(index: usize) -> String {
    let send = json!({
        "index": index, "email": format!("person{index}@load.example"), "name": format!("Person {index}"),
        "amount": "120.00 EUR", "due_date": "2026-12-01",
    });
    format!("{send}\n")
}
