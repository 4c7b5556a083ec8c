//! `vigie import` of a large CSV feed: lines per second, and the memory of both ends.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::gateway::{Gateway, KEY, binary};
use crate::process;
use crate::report::{Output, Report, shown};
use crate::store::Choice;

/// What to run.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Lines of the feed.
    #[arg(long, default_value_t = 1_000_000)]
    lines: usize,
    #[command(flatten)]
    store: Choice,
    #[command(flatten)]
    output: Output,
}

/// How often the command's memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Runs the scenario and prints its figures.
pub async fn run(options: Options) -> Result<()> {
    let store = options.store.open()?;
    let gateway = Gateway::start(store.url(), &[]).await?;
    let directory = tempfile::tempdir()?;
    let feed = directory.path().join("feed.csv");
    let bytes = write(&feed, options.lines)?;
    let mut report = Report::new("import");
    report.parameter("lines", options.lines);
    report.parameter("megabytes of CSV", shown(megabytes(bytes)));
    let mut most = 0;
    for (what, cost, more) in [
        ("lines", "processor per line", &[][..]),
        ("lines of the same feed again", "processor per line again", &[]),
        ("lines, dry run", "processor per line, dry run", &["--dry-run"]),
    ] {
        let cpu = gateway.cpu()?;
        let (seconds, peak) = import(&gateway, &feed, more).await?;
        let micros = gateway.cpu()?.saturating_sub(cpu).as_secs_f64() * 1e6 / options.lines as f64;
        report.figure(what, options.lines as f64 / seconds, "/s");
        report.figure(cost, micros, "µs in the gateway");
        most = most.max(peak);
    }
    report.figure("peak memory of the command", megabytes(most), "MB");
    report.figure("peak memory of the gateway", megabytes(gateway.peak()?), "MB");
    report.figure("on disk", megabytes(gateway.on_disk()?), "MB");
    report.finish(&options.output)
}

/// Runs the command to its end; how long it took, and the most memory it was seen to have.
async fn import(gateway: &Gateway, feed: &Path, more: &[&str]) -> Result<(f64, u64)> {
    let start = Instant::now();
    let mut child = Command::new(binary()?)
        .arg("import")
        .arg(feed)
        .args(["--brand", "demo", "--template", "reminder", "--campaign", "load"])
        .args(["--url", &format!("http://{}", gateway.api)])
        .args(more)
        .env("VIGIE_KEY", KEY)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let pid = child.id().context("it has begun")?;
    let mut peak = 0;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            () = tokio::time::sleep(LOOK_EVERY) => {
                peak = peak.max(process::memory(pid, "VmHWM:").unwrap_or(0));
            }
        }
    };
    ensure!(status.success(), "the import ended with {status}");
    Ok((start.elapsed().as_secs_f64(), peak))
}

/// Writes a feed in which everybody has one line; how many bytes it has.
fn write(feed: &Path, lines: usize) -> Result<u64> {
    let mut file = BufWriter::new(std::fs::File::create(feed)?);
    writeln!(file, "to.email,to.name,case,vars.amount,vars.due_date,vars.language")?;
    for n in 0..lines {
        writeln!(
            file,
            "person-{n}@example.org,Person {n},K-{n},\"{},{:02} €\",2026-12-01,fr",
            n % 1000,
            n % 100
        )?;
    }
    file.into_inner()?.sync_all()?;
    Ok(std::fs::metadata(feed)?.len())
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
