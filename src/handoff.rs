//! The file for the call centre: who is to be called, from when on, and what is known of each case.
//!
//! The *clerk* walks the log of events, as couriers of [webhooks](crate::webhooks) do, and writes a line for each case that
//! left e-mail. Of gateways on one store one writes at a time: whoever has the errand and the directory's lock.
//!
//! ```text
//!  take the errand ──▶ lock the directory ──▶ read on ──▶ append, fsync ──▶ note the position ──▶ …
//!  (one gateway)        (one process)            ▲                                  │
//!                                                └──────────────────────────────────┘
//! ```
//!
//! ```text
//! <dir>/<brand>/2026-11-23.csv           handed off that day, by the brand's clock (hours.zone, else UTC)
//! <dir>/<brand>/2026-11-23-settled.csv   settled that day after they were handed off: not to be called any more
//! ```
//!
//! - **Never an address, a name, a number.** A line names the case as its brand does; the brand's own systems know whose it is.
//! - **Each case once.** An event that comes again, after a crash or because the log has it twice, finds its line there and is
//!   passed over: the file itself is the memory of what was written, not a note that could be older than it. What a killed
//!   process, or a full disk, left of a line is cut off before the next is written. So a file grows by whole lines, in order,
//!   and what was read once stays as it is.
//! - **Reconciled.** Distinct cases in the files of handed-off cases = `vigie_cases{state="handed_off"}` + those in the files of
//!   settled ones, as long as the store remembers them and nobody takes away a file before its day is over.
//! - **Nobody waits for a disk**: not mail, which the clerk has nothing to do with. A directory that cannot be written is tried
//!   again, here and by the other gateways; the log keeps events meanwhile (`events.keep`).
//!
//! Gateways on several machines share the directory, or only one of them has `handoff.dir` set: else each writes part of a day.

mod files;
mod line;
mod metrics;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use self::files::Files;
use self::line::Line;
use self::metrics::Metrics;
use crate::brands::Brands;
use crate::clock::Clock;
use crate::model::{ClaimId, Event, Position, Told};
use crate::store::{Errand, Fenced, Heard, Store};
use crate::telemetry::Registry;

/// The name of the errand.
const ERRAND: &str = "handoff:files";

/// How long the clerk holds the errand without a word.
const LEASE: Duration = Duration::from_secs(30);

/// How often it renews it while nothing happens, and how often one without looks whether it is free.
const BEAT: Duration = Duration::from_secs(5);

/// After an event was told, others are waited for this long: they are written together.
const TOGETHER: Duration = Duration::from_millis(100);

/// Events read, and lines written, in one go.
const PAGE: usize = 1000;

/// Writes the files of a gateway.
pub struct Clerk {
    dir: PathBuf,
    store: Arc<dyn Store>,
    brands: Brands,
    clock: Clock,
    metrics: Metrics,
    me: ClaimId,
    progress: Progress,
    noted: Option<(Progress, Instant)>,
}

/// How far the clerk got: the note of the errand.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Progress {
    /// The last event that was dealt with; none: before the oldest.
    position: Option<Position>,
}

/// Why the clerk stops writing.
enum Lost {
    /// Another gateway writes.
    Errand,
    /// The directory, or the lock on it, cannot be had.
    Files,
}

impl Clerk {
    /// A clerk who writes below `dir`, or none; describes the metrics in any case.
    pub fn new(
        dir: Option<PathBuf>,
        store: Arc<dyn Store>,
        brands: Brands,
        clock: Clock,
        registry: &Registry,
    ) -> Option<Self> {
        let metrics = Metrics::new(registry);
        let (me, progress, noted) = (ClaimId::random(), Progress::default(), None);
        Some(Self { dir: dir?, store, brands, clock, metrics, me, progress, noted })
    }

    /// Writes until it is stopped, whenever the errand is free.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.me = ClaimId::random();
            if let Ok(Errand::Mine(note)) = self.store.take_errand(ERRAND, self.me, LEASE).await {
                self.progress = note.and_then(|note| serde_json::from_str(&note).ok()).unwrap_or_default();
                self.noted = Some((self.progress.clone(), Instant::now()));
                match stop.run_until_cancelled(self.hold()).await {
                    Some(Lost::Errand) => {}
                    // Whoever stops, or cannot write, leaves it to another.
                    Some(Lost::Files) | None => self.give_up().await,
                }
                self.metrics.behind.set(0);
            }
            stop.run_until_cancelled(sleep(BEAT)).await;
        }
    }

    /// Writes for as long as it holds the errand.
    async fn hold(&mut self) -> Lost {
        let dir = self.dir.clone();
        let opened = tokio::task::spawn_blocking(move || Files::open(dir)).await;
        let mut files = match opened.map_err(std::io::Error::other).and_then(|opened| opened) {
            Ok(Some(files)) => files,
            Ok(None) => return Lost::Files,
            Err(error) => return self.failed(&error),
        };
        loop {
            match self.step(files).await {
                Ok(same) => files = same,
                Err(lost) => return lost,
            }
        }
    }

    /// Reads on, and writes what there is; or waits for it.
    async fn step(&mut self, files: Files) -> Result<Files, Lost> {
        self.note().await?;
        let mut newest = self.store.newest();
        newest.mark_unchanged();
        match self.store.events(self.progress.position.clone(), PAGE).await {
            Ok(Heard::Events(told)) if told.is_empty() => {
                self.metrics.behind.set(0);
                if timeout(BEAT, newest.changed()).await.is_ok() {
                    sleep(TOGETHER).await;
                }
            }
            Ok(Heard::Events(told)) => return self.write(files, told).await,
            Ok(Heard::Gone { before }) => {
                self.metrics.missed.inc();
                tracing::error!(
                    "events were not kept until the call centre's files were written: cases may be missing in them"
                );
                self.progress.position = Some(before);
            }
            Err(_) => sleep(BEAT).await,
        }
        Ok(files)
    }

    async fn write(&mut self, mut files: Files, told: Vec<Told>) -> Result<Files, Lost> {
        let lines: Vec<Line> = told.iter().filter_map(|told| self.line(&told.event)).collect();
        if let Some(oldest) = lines.first() {
            self.show_age(oldest.at);
        }
        if !lines.is_empty() {
            let written = tokio::task::spawn_blocking(move || files.add(&lines).map(|added| (files, added)));
            let written = written.await.map_err(std::io::Error::other).and_then(|written| written);
            let added = match written {
                Ok((same, added)) => {
                    files = same;
                    added
                }
                Err(error) => return Err(self.failed(&error)),
            };
            for (brand, what) in added {
                self.metrics.lines.with_label_values(&[brand.as_str(), what.as_str()]).inc();
            }
        }
        if let Some(last) = told.last() {
            self.progress.position = Some(last.position.clone());
            self.show_age(last.event.at);
        }
        Ok(files)
    }

    /// What an event says to the call centre, if anything.
    fn line(&self, event: &Event) -> Option<Line> {
        let hours = |brand: &crate::config::Brand| Some(brand.hours.as_ref()?.zone.clock().clone());
        let zone = self.brands.now().brands.get(&event.brand).and_then(|brand| hours(brand));
        Line::of(event, &zone.unwrap_or(TimeZone::UTC))
    }

    /// Writes down how far it got, and holds on; until the store answers, or the errand is lost.
    async fn note(&mut self) -> Result<(), Lost> {
        let fresh = |(noted, at): &(Progress, Instant)| *noted == self.progress && at.elapsed() < BEAT;
        if self.noted.as_ref().is_some_and(fresh) {
            return Ok(());
        }
        loop {
            let asked = Instant::now();
            match self.store.note_errand(ERRAND, self.me, LEASE, &self.progress.write()).await {
                Ok(Fenced::Done) => {
                    self.noted = Some((self.progress.clone(), asked));
                    return Ok(());
                }
                Ok(Fenced::Stale) => return Err(Lost::Errand),
                Err(_) => sleep(BEAT).await,
            }
        }
    }

    async fn give_up(&self) {
        // Where the store does not hear it, the lease runs out.
        drop(self.store.note_errand(ERRAND, self.me, Duration::ZERO, &self.progress.write()).await);
    }

    fn failed(&self, error: &std::io::Error) -> Lost {
        self.metrics.failures.inc();
        tracing::error!(dir = %self.dir.display(), %error, "the call centre's files cannot be written");
        Lost::Files
    }

    fn show_age(&self, at: jiff::Timestamp) {
        self.metrics.behind.set(self.clock.now().duration_since(at).as_secs().max(0));
    }
}

impl Progress {
    fn write(&self) -> String {
        serde_json::to_string(self).expect("plain data has a JSON form")
    }
}
