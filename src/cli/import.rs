//! `vigie import`: a feed from a file, through the API of a running gateway.
//!
//! The gateway reads, maps and checks ([`api`](crate::api)); this command carries. It says how the file is written where
//! it was told, keeps what was refused in `FILE.rejected`, and begins again behind the last line that was dealt with when
//! the gateway goes away. Where it is stopped itself, `FILE.progress` remembers that line for `--resume`; without it
//! everything is brought once more, which changes nothing and takes longer.

mod attempt;
mod body;
mod connect;
mod file;
mod progress;
mod rejected;
mod request;

use std::path::{Path, PathBuf};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use super::{Exit, Failure, print};
use crate::config::Config;
use crate::feeds::Report;
use crate::model::Name;
use attempt::{Attempt, Ended};
use progress::Progress;
use rejected::Rejected;
use request::Request;
pub(super) use request::key;

/// What the command says of itself.
pub(super) const ABOUT: &str = "\
Push a CSV or NDJSON feed through the API of a running gateway.

The header line of CSV has the names of a send's fields (to.email, id, case, vars.amount, …), or --mapping says what the \
columns mean. Lines without an id get one that follows from what they say: running it twice changes nothing. Refused \
lines are written to FILE.rejected, with the problem as one more column: correct them there and import that file.

The key is VIGIE_KEY, else VIGIE_OPERATOR_KEY, else the operator's under data.dir. After a loss of the gateway the import \
goes on by itself for five minutes. FILE may be compressed (.gz).

Exit codes: 0 all lines accepted, now or before; 65 some were refused, or the file cannot be read; 69 no gateway; 75 stopped \
before the end, run again with --resume; 78 the key or the mapping is wrong.";

/// What to import.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The feed; `-` is standard input, which cannot be gone back in when the gateway goes away
    file: PathBuf,
    /// Who writes
    #[arg(long)]
    brand: Name,
    /// The campaign of lines that name none
    #[arg(long)]
    campaign: Option<Name>,
    /// The template of lines that name none
    #[arg(long)]
    template: Option<Name>,
    /// What the columns mean: a mapping file, or the name of one in the gateway's `feeds.mappings`
    #[arg(long, value_name = "FILE|NAME")]
    mapping: Option<String>,
    /// The file's encoding, such as windows-1252; else a byte order mark or the bytes themselves tell
    #[arg(long)]
    encoding: Option<String>,
    /// Between columns: one character, or `tab`; else the header line tells
    #[arg(long)]
    delimiter: Option<String>,
    /// Check every line and accept none
    #[arg(long)]
    dry_run: bool,
    /// The gateway's API, `http://HOST:PORT` or `https://HOST` [default: api.listen of the configuration]
    #[arg(long)]
    url: Option<String>,
    /// Go on behind the last line that FILE.progress knows to be dealt with
    #[arg(long)]
    resume: bool,
    /// Where refused lines go [default: FILE.rejected, or import.rejected for standard input]
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,
}

/// For so long without a line dealt with, it is tried again.
const PATIENCE: Duration = Duration::from_mins(5);

/// Between two tries lies at least and at most this.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

impl Import {
    pub(super) async fn run(self, config: &Config) -> Result<(), Failure> {
        let request = Request::new(&self, config)?;
        let (name, progress_file) = (self.name(), sibling(&self.file, "progress"));
        let remembers = !self.is_standard_input() && !self.dry_run;
        let subject = Progress::subject(&self.file, &request)?;
        let past = if remembers && self.resume { Progress::load(&progress_file, &subject) } else { None };
        let mut rejected = Rejected::new(self.rejected_file(), past.as_ref().map(|past| past.rejected_bytes));
        let sums = past.map(|past| past.report).unwrap_or_default();
        let keeper = remembers.then(|| progress::Keeper::new(progress_file, subject));
        let bar = bar(&self.file);
        let mut carrier = Carrier { request, file: self.file, keeper, bar, rejected: &mut rejected, sums };
        let ended = tokio::select! {
            ended = carrier.carry() => ended,
            _ = tokio::signal::ctrl_c() => Err(Failure::new(Exit::TryAgain, "")),
        };
        carrier.bar.finish_and_clear();
        let (sums, keeper) = (carrier.sums, carrier.keeper);
        rejected.flush()?;
        match ended {
            Ok(()) => {
                if let Some(keeper) = keeper {
                    keeper.remove();
                }
                print(&table(&sums))?;
                conclude(&sums, &name, &rejected)
            }
            Err(failure) => {
                let resumable = keeper.is_some();
                if let Some(keeper) = keeper {
                    keeper.write(&sums, &rejected)?;
                }
                Err(interrupted(failure, &sums, resumable))
            }
        }
    }

    fn is_standard_input(&self) -> bool {
        self.file == Path::new("-")
    }

    fn name(&self) -> String {
        if self.is_standard_input() { "standard input".into() } else { self.file.display().to_string() }
    }

    fn rejected_file(&self) -> PathBuf {
        match &self.rejected {
            Some(file) => file.clone(),
            None if self.is_standard_input() => "import.rejected".into(),
            None => sibling(&self.file, "rejected"),
        }
    }
}

/// Carries the feed until it is there.
struct Carrier<'a> {
    request: Request,
    file: PathBuf,
    keeper: Option<progress::Keeper>,
    bar: ProgressBar,
    rejected: &'a mut Rejected,
    /// What became of all lines so far.
    sums: Report,
}

impl Carrier<'_> {
    async fn carry(&mut self) -> Result<(), Failure> {
        let mut pauses = pauses();
        let (mut heard, mut since) = (false, Instant::now());
        loop {
            let before = self.sums.lines;
            let ended = Attempt::new(self).run().await?;
            if self.sums.lines > before {
                (since, pauses) = (Instant::now(), self::pauses());
            }
            let why = match ended {
                Ended::Complete => return Ok(()),
                Ended::NoGateway(why) if !heard => return Err(Failure::new(Exit::Unavailable, why)),
                Ended::NoGateway(why) | Ended::Interrupted(why) => why,
            };
            heard = true;
            if self.file == Path::new("-") {
                let again =
                    "standard input cannot be gone back in: bring it again, what was accepted stays the same";
                return Err(Failure::new(Exit::TryAgain, format!("{why}; {again}")));
            }
            if since.elapsed() >= PATIENCE {
                return Err(Failure::new(Exit::TryAgain, why));
            }
            self.bar.set_message(format!("waiting for the gateway: {why}"));
            tokio::time::sleep(pauses.next().unwrap_or(PAUSES.1)).await;
        }
    }
}

fn pauses() -> ExponentialBackoff {
    let (shortest, longest) = PAUSES;
    let pauses = ExponentialBuilder::default().with_min_delay(shortest).with_max_delay(longest);
    pauses.without_max_times().with_jitter().build()
}

/// `FILE.what` beside the file.
fn sibling(file: &Path, what: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    name.into()
}

/// Only seen on a terminal.
fn bar(file: &Path) -> ProgressBar {
    let length = std::fs::metadata(file).ok().filter(std::fs::Metadata::is_file).map(|meta| meta.len());
    let bar = length.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {elapsed} {msg}");
    style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
}

fn table(sums: &Report) -> String {
    let accepted = if sums.dry_run { "would be accepted" } else { "accepted" };
    let rows = [
        ("lines", sums.lines),
        (accepted, sums.accepted),
        ("accepted before", sums.same),
        ("duplicates", sums.duplicate),
        ("rejected", sums.rejected),
    ];
    let rows = rows.map(|(what, count)| format!("{what:<18}{count:>10}\n"));
    rows.concat()
}

fn conclude(sums: &Report, name: &str, rejected: &Rejected) -> Result<(), Failure> {
    if sums.unterminated {
        let warning = format!("vigie: {name} does not end in a line end: is its last line whole?\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), warning.as_bytes());
    }
    match sums.rejected {
        0 => Ok(()),
        count => {
            let lines = if count == 1 { "line was" } else { "lines were" };
            let file = rejected.file().display();
            let remedy = format!("{count} {lines} rejected: correct them in {file} and import that file");
            Err(Failure::new(Exit::Data, remedy))
        }
    }
}

/// Says how far it came, where that is of use.
fn interrupted(failure: Failure, sums: &Report, resumable: bool) -> Failure {
    if failure.exit != Exit::TryAgain {
        return failure;
    }
    let how = if resumable { "; run it again with --resume" } else { "" };
    let why = if failure.message.is_empty() { String::new() } else { format!(": {}", failure.message) };
    Failure::new(Exit::TryAgain, format!("stopped after {} lines{why}{how}", sums.lines))
}
