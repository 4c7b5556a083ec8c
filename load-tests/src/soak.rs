//! A moderate load for as long as one likes: whether memory, open files and latencies stay where they are.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::books::Books;
use crate::crowd::{Crowd, Phase, Side};
use crate::gateway::Gateway;
use crate::readers::Readers;
use crate::report::{Output, Report, milliseconds, shown};
use crate::samples::Samples;
use crate::sink::{Kind, Sink};
use crate::store::Choice;
use crate::vitals::{Vitals, most, per_hour};

/// What to run.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Minutes in all.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Seconds of each slice: its sends are pushed at once, then its people come.
    #[arg(long, default_value_t = 60.0)]
    slice: f64,
    /// People a second who get a mail.
    #[arg(long, default_value_t = 200.0)]
    rate: f64,
    /// Requests a second of people who read old mails.
    #[arg(long, default_value_t = 1000.0)]
    readers: f64,
    #[command(flatten)]
    store: Choice,
    #[command(flatten)]
    output: Output,
}

/// What came of all slices.
#[derive(Default)]
struct Soaked {
    mails: Samples,
    read: Samples,
    refused: u64,
    /// Of each slice, in milliseconds, by the second it began.
    p99: Vec<(f64, f64)>,
}

/// Runs the scenario and prints its figures; each slice's as it ends.
pub async fn run(options: Options) -> Result<()> {
    let store = options.store.open()?;
    let (sink, mails) = Sink::start(Kind::Near)?;
    let gateway = Gateway::start(store.url(), &[("VIGIE__RELAY__URL", &sink.url())]).await?;
    let vitals = Vitals::watch(gateway.pid()?, Duration::from_secs_f64(options.slice / 10.0));
    let mut crowd = Crowd::new(Side::Vigie(Box::new(gateway)), mails);
    let soaked = soak(&mut crowd, &options).await?;
    let seen = vitals.stop()?;
    let books = Books::of(crowd.gateway()?).await?;
    let mut report = Report::new("soak");
    report.parameter("minutes", options.minutes);
    report.parameter("rate", options.rate);
    report.parameter("readers", options.readers);
    report.parameter("store", store.name());
    report.latencies("pixel planned → 250", soaked.mails.histogram()?);
    report.latencies("reader planned → answered", soaked.read.histogram()?);
    report.figure("peak memory", most(&seen.memory), "MB");
    report.figure("most open files", most(&seen.files), "");
    // The first half warms up: caches fill, and the allocator finds its size.
    let late = |points: &[(f64, f64)]| per_hour(&points[points.len() / 2..]).unwrap_or(0.0);
    report.figure("memory in the second half", late(&seen.memory), "MB per hour");
    report.figure("open files in the second half", late(&seen.files), "per hour");
    report.figure("p99 of fires in the second half", late(&soaked.p99), "ms per hour");
    report.figure("requests refused or unanswered", soaked.refused as f64, "");
    books.tell(&mut report);
    report.series("memory", "MB", seen.memory);
    report.series("open files", "files", seen.files);
    report.series("p99 of fires", "ms", soaked.p99);
    report.finish(&options.output)?;
    ensure!(soaked.refused == 0, "{} requests were refused or not answered", soaked.refused);
    books.balance()
}

/// One slice after the other.
async fn soak(crowd: &mut Crowd, options: &Options) -> Result<Soaked> {
    let slice = Duration::from_secs_f64(options.slice);
    let whole = Duration::from_secs_f64(options.minutes * 60.0);
    let (begun, mut soaked) = (Instant::now(), Soaked::default());
    while begun.elapsed() < whole {
        let at = begun.elapsed().as_secs_f64();
        let readers = Phase::new(options.readers, slice);
        let readers = Readers::start(crowd.gateway()?, &[readers], Instant::now())?;
        let run = crowd.run("soak", &[Phase::new(options.rate, slice)]).await?;
        let answers = readers.end()?;
        ensure!(run.mails.len() == run.people, "{} people got {} mails", run.people, run.mails.len());
        let p99 = milliseconds(&run.mails.histogram()?, 0.99);
        soaked.p99.push((at, p99));
        soaked.refused += [&answers, &run.answers].map(|of| of.refused + of.unanswered).iter().sum::<u64>();
        soaked.read.join(answers.latencies);
        soaked.mails.join(run.mails);
        let (minute, memory) = (at / 60.0, crowd.gateway()?.resident()? / 1_000_000);
        println!("  from minute {minute:.1}  p99 {} ms  {memory} MB", shown(p99));
    }
    Ok(soaked)
}
