//! How long one pixel takes while so many a second are asked for, open loop.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Arguments, vigie};
use crate::lanes::Lanes;
use crate::live::Live;
use crate::report::Report;

/// Asks for `rate` pixels a second and prints how long their answers took.
pub(super) fn run(arguments: &Arguments, rate: u32) -> Result<()> {
    let (vigie, url) = vigie(arguments.threads)?;
    let (address, path) =
        url.strip_prefix("http://").and_then(|url| url.split_once('/')).context("the edge's URL")?;
    let (path, count) = (format!("/{path}"), rate * arguments.seconds);
    let mut lanes = Lanes::open(address.parse()?, usize::try_from(arguments.connections)?)?;
    let progress = lanes.progress();
    let live = Live::watch(move || format!("{} pixels answered of {count}", progress.so_far().1));
    let before = vigie.cpu()?;
    let start = Instant::now() + Duration::from_millis(100);
    for number in 0..count {
        lanes.get(start + Duration::from_secs_f64(f64::from(number) / f64::from(rate)), &path)?;
    }
    let answers = lanes.close()?;
    drop(live);
    let used = vigie.cpu()?.saturating_sub(before);
    let (whole, width) = (Duration::from_secs(arguments.seconds.into()), Duration::from_millis(250));
    let mut report = Report::new("pixels");
    report.parameter("rate", rate);
    report.parameter("seconds", arguments.seconds);
    report.parameter("connections", arguments.connections);
    report.parameter("threads", arguments.threads);
    report.latencies("pixel planned → answered", answers.latencies.histogram()?);
    report.series("p99 of pixels", "ms", answers.latencies.over_time(start, whole, width, 0.99)?);
    report.figure("processor per request", used.as_secs_f64() * 1e6 / f64::from(count), "µs");
    report.figure("refused or unanswered", (answers.refused + answers.unanswered) as f64, "");
    report.finish(&arguments.output)?;
    ensure!(answers.refused + answers.unanswered == 0, "not every pixel was answered");
    Ok(())
}
