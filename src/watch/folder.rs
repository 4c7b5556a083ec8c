//! Watched folders: files that are dropped there are imported once, by one of the gateways that watch.
//!
//! The life of one file:
//!
//! 1. It is **complete** when its size and time have stayed the same for [`Pace::settle`], by our clock: those of file
//!    servers differ. Whoever renames it into the folder when it is complete waits for no more than that.
//! 2. It is **claimed**: renamed to `NAME.processing-GATEWAY`. Of several gateways one succeeds. While it is imported, its
//!    time is [renewed](claim::Claim::keep); a claim whose time has not changed for [`Pace::takeover`] is a dead gateway's,
//!    and is claimed from it in the same way.
//! 3. It is **imported** through [`Import`], which is the API's own examination and acceptance. If the store takes
//!    nothing, it stays claimed and is tried again.
//! 4. It is **put away**: refused lines as `rejected/NAME.rejected`, what became of all of them as
//!    `processed/NAME.report.json`, and last of all the file itself as `processed/NAME`. A file that cannot be read at all
//!    goes to `rejected`. What has the same name there already is left alone; the newer one is called `NAME.2`.
//!
//! A crash anywhere repeats steps 3 and 4, which changes nothing twice: the same line is the same send.

mod away;
mod claim;
mod look;
mod metrics;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::clock::Clock;
use crate::config;
use crate::feeds::{Refusal, Report};
use crate::model::Name;
use crate::redact::foreign;
use claim::Claim;
use look::{Found, Look};

pub use metrics::Metrics;

/// A file that is this gateway's to import. Not `Debug`: names of files may be personal.
pub struct Dropped {
    /// How files of its folder are read, and whose they are.
    pub folder: config::FeedFolder,
    /// What it was called when it was dropped.
    pub name: String,
    /// Where it is now.
    pub path: PathBuf,
    /// Where refused lines are to be written; made when there is the first.
    pub rejected: PathBuf,
    /// Asks the import to come to an end.
    pub stop: CancellationToken,
}

/// What became of a file.
pub enum Imported {
    /// Every line is dealt with; the first refused ones, without what stands in them.
    Done(Report, Vec<Refusal>),
    /// It cannot be read, or not to its end.
    Unreadable(String, Report),
    /// The store takes nothing now, or the gateway stops.
    Later(String),
}

/// Imports a file.
pub type Import = Arc<dyn Fn(Dropped) -> Importing + Send + Sync>;

/// What [`Import`] answers.
pub type Importing = Pin<Box<dyn Future<Output = Imported> + Send>>;

/// How folders are watched.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// They are looked into so often.
    pub every: Duration,
    /// What has not changed for so long is complete.
    pub settle: Duration,
    /// A claim that has not been renewed for so long is nobody's.
    pub takeover: Duration,
}

/// Watches folders.
pub struct Folders {
    watched: BTreeMap<Name, config::FeedFolder>,
    pace: Pace,
    import: Import,
    metrics: Metrics,
    clock: Clock,
    /// This process, among all that watch.
    gateway: String,
}

impl Folders {
    /// A watcher of these folders; does nothing until it [runs](Self::run).
    pub fn new(config: &config::Feeds, import: Import, metrics: Metrics, clock: Clock) -> Self {
        let pace = Pace { every: config.every, settle: config.settle, takeover: config.takeover };
        let gateway = Uuid::now_v7().simple().to_string();
        config.folders.keys().for_each(|folder| metrics.begins(folder));
        Self { watched: config.folders.clone(), pace, import, metrics, clock, gateway }
    }

    /// Watches until it is told to stop; then the import under way ends after its batch, and its file is given back.
    pub async fn run(self, stop: CancellationToken) {
        let mut looks: BTreeMap<Name, Look> = BTreeMap::new();
        while !stop.is_cancelled() {
            for (name, folder) in &self.watched {
                let look = looks.remove(name).unwrap_or_else(|| Look::new(folder, &self.gateway, self.pace));
                looks.insert(name.clone(), self.round(name, folder, look, &stop).await);
            }
            stop.run_until_cancelled(tokio::time::sleep(self.pace.every)).await;
        }
    }

    /// Looks once, and imports one file after the other until none is left that is complete.
    async fn round(
        &self,
        name: &Name,
        folder: &config::FeedFolder,
        look: Look,
        stop: &CancellationToken,
    ) -> Look {
        let (mut look, found) = look.again(self.clock.now()).await;
        let Found { ready, oldest, failure } = found;
        self.metrics.waiting(name, oldest);
        if let Some(failure) = failure {
            tracing::error!(folder = %name, failure, "a watched folder cannot be looked into");
        }
        for path in ready {
            if stop.is_cancelled() {
                break;
            }
            match Claim::take(&path, &self.gateway).await {
                Ok(Some(claim)) => self.handle(name, folder, claim, stop).await,
                // Another gateway was faster, or it was taken away.
                Ok(None) => {}
                Err(error) => tracing::error!(folder = %name, %error, "a file cannot be claimed"),
            }
            look.forget(&path);
        }
        look
    }

    async fn handle(&self, name: &Name, folder: &config::FeedFolder, claim: Claim, stop: &CancellationToken) {
        let file = foreign(claim.name());
        tracing::info!(folder = %name, file, "importing a file");
        let dropped = Dropped {
            folder: folder.clone(),
            name: claim.name().to_owned(),
            path: claim.path().to_owned(),
            rejected: away::draft(&folder.directory, claim.name(), &self.gateway),
            stop: stop.clone(),
        };
        let draft = dropped.rejected.clone();
        let imported = claim.keep(self.pace.takeover / 4, (self.import)(dropped)).await;
        let done = match imported {
            Imported::Later(why) => {
                tracing::info!(folder = %name, file, why, "a file is not imported yet");
                if stop.is_cancelled() { claim.give_back().await } else { Ok(()) }
            }
            Imported::Done(report, refused) => {
                self.metrics.ended(name, "processed");
                say(name, &file, &report);
                let sheet = away::Sheet::processed(name, folder, &claim, self.clock.now(), report, refused);
                away::put(folder, claim, sheet, draft).await
            }
            Imported::Unreadable(why, report) => {
                self.metrics.ended(name, "rejected");
                tracing::error!(folder = %name, file, why = foreign(&why), "a file cannot be read");
                let sheet = away::Sheet::rejected(name, folder, &claim, self.clock.now(), report, why);
                away::put(folder, claim, sheet, draft).await
            }
        };
        if let Err(error) = done {
            tracing::error!(folder = %name, file, %error, "a file cannot be put away; it will be imported again");
        }
    }
}

fn say(folder: &Name, file: &str, report: &Report) {
    tracing::info!(
        %folder,
        file,
        lines = report.lines,
        accepted = report.accepted,
        same = report.same,
        duplicate = report.duplicate,
        rejected = report.rejected,
        "a file is imported"
    );
}
