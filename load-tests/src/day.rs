//! A mixed day in minutes: the morning's feed, people who come as people do, readers of old mails, debts that are paid, and
//! an hour's pause at noon.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hyper::Method;
use serde_json::{Value, json};
use vigie::cli::http::Client;

use crate::books::Books;
use crate::crowd::{Crowd, Phase, Run, Side};
use crate::gateway::Gateway;
use crate::lanes::Answers;
use crate::people;
use crate::readers::Readers;
use crate::report::{Output, Report};
use crate::sink::{Kind, Sink};
use crate::store::Choice;
use crate::vitals::{Vitals, most};

/// What to run.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Minutes that the day takes.
    #[arg(long, default_value_t = 4.0)]
    minutes: f64,
    /// People a second who come in the busiest hour, and get their mail.
    #[arg(long, default_value_t = 1000.0)]
    peak: f64,
    /// Requests of people who read old mails, for each person who comes.
    #[arg(long, default_value_t = 4.0)]
    readers: f64,
    /// Cases that are settled in the course of the day.
    #[arg(long, default_value_t = 2000)]
    settled: usize,
    #[command(flatten)]
    store: Choice,
    #[command(flatten)]
    output: Output,
}

/// How many are in their mailbox in each hour, of those in the busiest: a workday with its three peaks.
const CURVE: [f64; 24] = [
    0.03, 0.02, 0.01, 0.01, 0.02, 0.05, 0.20, 0.50, 0.85, 0.90, 0.75, 0.65, 0.80, 0.85, 0.70, 0.60, 0.60,
    0.65, 0.80, 0.95, 1.00, 0.80, 0.40, 0.12,
];

/// The hour in which an operator pauses the brand.
const PAUSE: u32 = 12;

/// Those who are settled never come: they are numbered from here on.
const SETTLED: usize = 500_000_000;

/// What came of it.
struct Day {
    run: Run,
    /// Those who came in the pause, when they came again.
    late: Run,
    read: Answers,
    settled: usize,
    imported: Duration,
}

/// Runs the scenario and prints its figures.
pub async fn run(options: Options) -> Result<()> {
    let store = options.store.open()?;
    let (sink, mails) = Sink::start(Kind::Near)?;
    let settings = [
        ("VIGIE__RELAY__URL", sink.url()),
        // A day in minutes has no minutes for a slow beginning after its pause.
        ("VIGIE__FLOWS__RESUME_WITHIN", "0s".to_owned()),
        // Nor is the next morning far: who comes again then has not been there a moment ago.
        ("VIGIE__PRESENCE__REFRESH", "1s".to_owned()),
    ];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let gateway = Gateway::start(store.url(), &settings).await?;
    let vitals = Vitals::watch(gateway.pid()?, Duration::from_millis(500));
    people::enqueue(&gateway, SETTLED..SETTLED + options.settled).await?;
    let hour = Duration::from_secs_f64(options.minutes * 60.0 / 24.0);
    let mut crowd = Crowd::new(Side::Vigie(Box::new(gateway)), mails);
    let day = live(&mut crowd, hour, &options).await?;
    let seen = vitals.stop()?;
    let books = Books::of(crowd.gateway()?).await?;
    let mut report = Report::new("day");
    report.parameter("minutes", options.minutes);
    report.parameter("people a second at the peak", options.peak);
    report.parameter("store", store.name());
    let refused = day.tell(&mut report, hour)?;
    report.figure("peak memory", most(&seen.memory), "MB");
    report.series("memory", "MB", seen.memory);
    books.tell(&mut report);
    report.finish(&options.output)?;
    ensure!(refused == 0, "{refused} requests were refused or not answered");
    ensure!(day.settled == options.settled, "{} cases were settled", day.settled);
    ensure!(day.late.missing.is_empty(), "{} people got no mail", day.late.missing.len());
    books.balance()
}

/// Everybody's day, from the feed to the next morning.
async fn live(crowd: &mut Crowd, hour: Duration, options: &Options) -> Result<Day> {
    let profile = CURVE.map(|share| Phase::new(options.peak * share, hour));
    let reading = profile.map(|phase| Phase::new(phase.rate * options.readers, hour));
    let begun = Instant::now();
    let expected = crowd.expect("day", &profile).await?;
    let imported = begun.elapsed();
    let start = Instant::now() + Duration::from_millis(100);
    let readers = Readers::start(crowd.gateway()?, &reading, start)?;
    let operator = tokio::spawn(operate(crowd.gateway()?.client().await?, start, hour, options.settled));
    let run = crowd.come(expected, start).await?;
    let (read, settled) = (readers.end()?, operator.await??);
    // Sends of a paused brand go with their person's next visit.
    let morning = crowd.again("the next morning", &run.missing, options.peak)?;
    let late = crowd.come(morning, Instant::now()).await?;
    Ok(Day { run, late, read, settled, imported })
}

impl Day {
    /// Tells it; how many requests were refused or not answered.
    fn tell(&self, report: &mut Report, hour: Duration) -> Result<u64> {
        let Self { run, late, read, settled, imported } = self;
        latencies(report, run, hour)?;
        report.latencies("reader planned → answered", read.latencies.histogram()?);
        report.figure("sends of the feed", run.people as f64 / imported.as_secs_f64(), "/s");
        report.figure("cases settled", *settled as f64, "");
        report.figure("came in the pause, got their mail the next morning", late.mails.len() as f64, "");
        report.figure("got no mail", late.missing.len() as f64, "");
        let refused = [read, &run.answers, &late.answers].map(|answers| answers.refused + answers.unanswered);
        let refused: u64 = refused.iter().sum();
        report.figure("requests refused or unanswered", refused as f64, "");
        Ok(refused)
    }
}

/// Latencies before the pause, and well after it.
fn latencies(report: &mut Report, run: &Run, hour: Duration) -> Result<()> {
    let after = hour * (PAUSE + 2);
    for (what, from, lasts) in [
        ("in the morning", Duration::ZERO, hour * PAUSE),
        ("from an hour after it", after, hour * (24 - PAUSE - 2)),
    ] {
        let mails = run.mails.within(run.start + from, lasts)?;
        report.latencies(format!("pixel → 250, {what}"), mails);
    }
    report.series("p99 of fires", "ms", run.mails.over_time(run.start, hour * 24, hour, 0.99)?);
    Ok(())
}

/// What operators and producers do in the day: cases are settled all the time, and the brand is paused for an hour; how
/// many cases were settled.
async fn operate(mut client: Client, start: Instant, hour: Duration, settled: usize) -> Result<usize> {
    let (mut done, mut paused) = (0, None);
    for number in 0..settled {
        let at = (hour * 24).mul_f64(number as f64 / settled as f64);
        tokio::time::sleep_until((start + at).into()).await;
        // By the plan, not the clock: a machine that is late pauses late, and not never.
        let pause = (hour * PAUSE..hour * (PAUSE + 1)).contains(&at);
        if paused.unwrap_or(false) != pause {
            flow(&mut client, if pause { "paused" } else { "running" }).await?;
            paused = Some(pause);
        }
        let path = format!("/v1/cases/demo/case-{}/settle", SETTLED + number);
        let reason = json!({"reason": "paid"}).to_string();
        let answer = client.send(Method::POST, &path, "application/json", reason).await?;
        let told: Value = serde_json::from_slice(&answer.body)?;
        done += usize::from(told["cancelled"] == 1);
    }
    ensure!(paused == Some(false), "there was no pause");
    Ok(done)
}

async fn flow(client: &mut Client, state: &str) -> Result<()> {
    let body = json!({"state": state, "reason": "the daily pause"}).to_string();
    let answer = client.send(Method::PUT, "/v1/flows/demo", "application/json", body).await?;
    ensure!(answer.status.is_success(), "the flow is not {state}: {}", answer.status);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_is_a_share_of_the_busiest_hour() {
        assert!(CURVE.iter().all(|share| (0.0..=1.0).contains(share)));
        assert!(CURVE.iter().any(|share| (share - 1.0).abs() < f64::EPSILON), "one hour is the busiest");
    }
}
