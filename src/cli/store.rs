//! `vigie store copy`: everything that waits, from one store to another.

mod show;

use std::time::Instant;

use clap::{Args, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Exit, Failure, print};
use crate::app::{End, StartError, open_to_move};
use crate::clock::Clock;
use crate::config::{Config, StoreUrl};
use crate::store::portable::{CopyError, Portable, Report, copy};

use show::Show;

/// What can be done with stores.
#[derive(Debug, Subcommand)]
pub(super) enum Store {
    /// Move waiting sends, open cases, consents, watched mailboxes and flow settings from one store to another
    #[command(long_about = COPY, verbatim_doc_comment)]
    Copy(Copy),
}

const COPY: &str = "\
Move waiting sends, open cases, consents, watched mailboxes and flow settings from one store to another.

Each send keeps its reference, its place among its recipient's sends, its attempts, Date header and history; in the old \
store it ends as `cancelled`, with \"moved to another store\". Where both stores have a consent or a flow setting, the later \
one holds; where both watch a mailbox of one person, the new store's stays. Stop the gateways on the old store first; it stays shut to them until the copy is through.

Run it again, with the same two stores, after Ctrl-C (which stops it at the next page), a crash or an outage: it goes on with \
what is left. A copy back brings back what has not gone out.

Not moved: sends that have ended (so their references can be used again in the new store), counters, who is online, and who \
was written to a moment ago.

Exit codes: 0 all moved; 65 some sends stay, because the new store knows another body under their reference (they are listed \
as `conflict BRAND/REFERENCE`); 69 a store is not there, in use or full; 75 stopped, or gateways still work on or hold sends of \
the old store: come again.";

/// From where to where.
#[derive(Debug, Args)]
pub(super) struct Copy {
    /// The store to move out of, as in `store.url`; the word `store.url` stands for the configured one and keeps its password
    /// out of the process list
    from: String,
    /// The store to move into, likewise
    to: String,
}

impl Store {
    /// Does what the command line says.
    pub(super) async fn run(self, config: &Config) -> Result<(), Failure> {
        match self {
            Self::Copy(copy) => copy.run(config).await,
        }
    }
}

impl Copy {
    async fn run(self, config: &Config) -> Result<(), Failure> {
        let (from, to) = (url(&self.from, "FROM", config)?, url(&self.to, "TO", config)?);
        if same(&from, &to, config) {
            return Err(Failure::new(Exit::Usage, "FROM and TO are the same store"));
        }
        let clock = Clock::system();
        let from = open_to_move(config, &from, End::From, &clock).await?;
        let to = open_to_move(config, &to, End::To, &clock).await?;
        let done = between(&*from, &*to).await;
        for store in [from, to] {
            store.close().await.map_err(StartError::from)?;
        }
        done
    }
}

async fn between(from: &dyn Portable, to: &dyn Portable) -> Result<(), Failure> {
    let stop = CancellationToken::new();
    stop_on_signal(&stop).map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    let (mut show, start) = (Show::new(), Instant::now());
    let report = copy(from, to, &stop, |seen| show.see(&seen)).await;
    show.end();
    let report = report?;
    print(&show::summary(&report, start.elapsed()))?;
    verdict(&report)
}

/// Ctrl-C and SIGTERM stop the copy after the page in hand.
fn stop_on_signal(stop: &CancellationToken) -> std::io::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        stop.cancel();
    });
    Ok(())
}

fn url(text: &str, argument: &str, config: &Config) -> Result<StoreUrl, Failure> {
    if text == "store.url" {
        return Ok(config.store.address());
    }
    StoreUrl::parse(text).map_err(|bad| Failure::new(Exit::Usage, format!("{argument} is not usable: {bad}")))
}

/// Whether two URLs name one store, as far as can be seen from here; [`copy`] sees the rest.
fn same(from: &StoreUrl, to: &StoreUrl, config: &Config) -> bool {
    match (from, to) {
        (StoreUrl::Embedded(from), StoreUrl::Embedded(to)) => {
            let [from, to] = [from, to].map(|directory| config.data.dir.join(directory));
            let real = |directory: &std::path::Path| directory.canonicalize().ok();
            from == to || real(&from).is_some_and(|from| Some(from) == real(&to))
        }
        (StoreUrl::Redis(from), StoreUrl::Redis(to)) => {
            from.servers == to.servers && from.database == to.database
        }
        _ => false,
    }
}

/// What is left to do, if anything.
fn verdict(report: &Report) -> Result<(), Failure> {
    let conflicts = report.progress.conflicts;
    let mut left = Vec::new();
    if report.stopped {
        left.push(format!(
            "stopped: {} sends still wait; run the same copy again to move them",
            report.waiting
        ));
    }
    if report.claimed > 0 {
        left.push(format!(
            "{} sends are claimed and were not moved: stop the gateways of the old store and come again once their claims \
             have run out (`dispatch.lease`)",
            report.claimed
        ));
    }
    if !report.stopped && report.waiting > conflicts {
        left.push(format!(
            "{} sends wait in the old store since they were passed: run the same copy again to move them",
            report.waiting - conflicts
        ));
    }
    if conflicts > 0 {
        left.push(format!(
            "{conflicts} sends stay where they are: the new store knows another body under their reference"
        ));
    }
    match left.is_empty() {
        true => Ok(()),
        false if conflicts > 0 && !report.stopped => Err(Failure::new(Exit::Data, left.join("\n"))),
        false => Err(Failure::new(Exit::TryAgain, left.join("\n"))),
    }
}

impl From<CopyError> for Failure {
    fn from(error: CopyError) -> Self {
        let exit = match &error {
            CopyError::SameStore => Exit::Usage,
            CopyError::Interrupted | CopyError::Busy(_) => Exit::TryAgain,
            CopyError::Full(_) => Exit::Unavailable,
            CopyError::Store(error) => Self::from(StartError::from(error.clone())).exit,
        };
        Self::new(exit, error.to_string())
    }
}
