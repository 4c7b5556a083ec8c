//! The most fires per second: rates double until mails are left behind, then the limit is closed in on.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::compare;
use crate::crowd::{Crowd, Phase, Run, Side};
use crate::gateway::Gateway;
use crate::report::{Output, Report};
use crate::sink::{Kind, Sink};
use crate::store::{Choice, Store};

/// What to run.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    #[command(flatten)]
    search: Search,
    #[command(flatten)]
    store: Choice,
    /// Measure the other side of `compare` instead: fastify, `BullMQ` and nodemailer, on a Redis.
    #[arg(long)]
    node: bool,
    /// The directory of `server.js`.
    #[arg(long, default_value = "load-tests/node")]
    directory: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// How the limit is looked for.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Search {
    /// The first rate.
    #[arg(long, default_value_t = 1000.0)]
    first: f64,
    /// Rates beyond this are not tried.
    #[arg(long, default_value_t = 64_000.0)]
    most: f64,
    /// Seconds at each rate.
    #[arg(long, default_value_t = 2.0)]
    step: f64,
    /// Rates tried between the last that was kept up with and the first that was not.
    #[arg(long, default_value_t = 3)]
    closer: u32,
}

/// The limit.
#[derive(Debug, Default)]
pub struct Peak {
    /// The highest rate at which no mail was left behind.
    pub sustained: f64,
    /// The most mails in one second of any step, kept up with or not.
    pub goodput: f64,
    /// Each rate that was tried, and the mails per second that came of it.
    steps: Vec<(f64, f64)>,
}

/// Mails that come so long after a step's end were not left behind.
const GRACE: Duration = Duration::from_millis(50);

/// What must have come by then.
const ENOUGH: f64 = 0.99;

/// Runs the scenario and prints its figures.
pub async fn run(options: Options) -> Result<()> {
    let (sink, mails) = Sink::start(Kind::Near)?;
    let store = if options.node { Store::Redis(options.store.redis()?) } else { options.store.open()? };
    let mut server = None;
    let side = if options.node {
        let (process, address) = compare::node(&options.directory, store.url(), sink.address())?;
        server = Some(process);
        Side::Node(address)
    } else {
        Side::Vigie(Box::new(Gateway::start(store.url(), &[("VIGIE__RELAY__URL", &sink.url())]).await?))
    };
    let mut crowd = Crowd::new(side, mails);
    let peak = search(&mut crowd, options.search).await?;
    drop(server);
    let mut report = Report::new("peak");
    report.parameter("side", if options.node { "node" } else { "vigie" });
    report.parameter("store", store.name());
    report.parameter("seconds at each rate", options.search.step);
    for (rate, goodput) in &peak.steps {
        report.figure(format!("mails at {rate:.0}/s"), *goodput, "/s");
    }
    report.figure("sustained fires", peak.sustained, "/s");
    report.figure("most fires", peak.goodput, "/s");
    report.finish(&options.output)
}

/// Looks for the limit of a crowd's side.
pub async fn search(crowd: &mut Crowd, search: Search) -> Result<Peak> {
    let step = Duration::from_secs_f64(search.step);
    let mut peak = Peak::default();
    // Connections, caches and pages are there from the first step on.
    crowd.run("warming up", &[Phase::new(search.first, step / 2)]).await?;
    let (mut rate, mut too_many) = (search.first, None);
    while too_many.is_none() && rate <= search.most {
        if keeps_up(crowd, &mut peak, rate, step).await? {
            rate *= 2.0;
        } else {
            too_many = Some(rate);
        }
    }
    if let Some(mut too_many) = too_many {
        for _ in 0..search.closer {
            let rate = f64::midpoint(peak.sustained, too_many);
            if !keeps_up(crowd, &mut peak, rate, step).await? {
                too_many = rate;
            }
        }
    }
    ensure!(peak.goodput > 0.0, "not one mail came");
    Ok(peak)
}

/// Tries one rate.
async fn keeps_up(crowd: &mut Crowd, peak: &mut Peak, rate: f64, step: Duration) -> Result<bool> {
    let run: Run = crowd.run(&format!("{rate:.0}/s"), &[Phase::new(rate, step)]).await?;
    let goodput = run.mails.done_within(run.start, step) as f64 / step.as_secs_f64();
    let in_time = run.mails.done_within(run.start, step + GRACE) as f64 >= ENOUGH * run.people as f64;
    peak.steps.push((rate, goodput));
    peak.goodput = peak.goodput.max(goodput);
    if in_time {
        peak.sustained = peak.sustained.max(rate);
    }
    Ok(in_time)
}
