//! Looking into a folder: which files are complete, and which claims are nobody's.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use jiff::Timestamp;
use tokio::time::Instant;

use super::Pace;
use super::away::{PROCESSED, REJECTED};
use super::claim::claimant;
use crate::config;

/// Files looked at together; the others have their turn when some of these are done.
const MOST: usize = 10_000;

/// What a feed's name ends in.
const ENDINGS: [&str; 6] = [".csv", ".ndjson", ".jsonl", ".csv.gz", ".ndjson.gz", ".jsonl.gz"];

/// What was seen of a folder so far.
pub(super) struct Look {
    directory: PathBuf,
    gateway: String,
    pace: Pace,
    seen: HashMap<PathBuf, Seen>,
}

/// A file as it was when it last changed.
#[derive(Clone, Copy)]
struct Seen {
    /// Length, time and inode.
    state: (u64, i64, i64, u64),
    since: Instant,
}

/// What a look has found.
#[derive(Default)]
pub(super) struct Found {
    /// What can be claimed, the oldest first.
    pub(super) ready: Vec<PathBuf>,
    /// Age of the oldest file that is not done with, in seconds.
    pub(super) oldest: i64,
    /// Why the folder cannot be looked into.
    pub(super) failure: Option<String>,
}

impl Look {
    pub(super) fn new(folder: &config::FeedFolder, gateway: &str, pace: Pace) -> Self {
        Self { directory: folder.directory.clone(), gateway: gateway.to_owned(), pace, seen: HashMap::new() }
    }

    /// Looks again, in a thread that may wait for the file system.
    pub(super) async fn again(self, now: Timestamp) -> (Self, Found) {
        let fallback = (self.directory.clone(), self.gateway.clone(), self.pace);
        let looked = tokio::task::spawn_blocking(move || {
            let mut look = self;
            let found = look.look(now);
            let found =
                found.unwrap_or_else(|error| Found { failure: Some(error.to_string()), ..Found::default() });
            (look, found)
        });
        looked.await.unwrap_or_else(|error| {
            let (directory, gateway, pace) = fallback;
            let failure = Some(error.to_string());
            (Self { directory, gateway, pace, seen: HashMap::new() }, Found { failure, ..Found::default() })
        })
    }

    /// What became of a file is not to be held against the next of its name.
    pub(super) fn forget(&mut self, path: &Path) {
        self.seen.remove(path);
    }

    fn look(&mut self, now: Timestamp) -> io::Result<Found> {
        for part in ["", PROCESSED, REJECTED] {
            fs::create_dir_all(self.directory.join(part))?;
        }
        let (before, mut files) = (std::mem::take(&mut self.seen), Vec::new());
        for entry in fs::read_dir(&self.directory)?.take(MOST) {
            let entry = entry?;
            let Some(patience) = self.patience(&entry.file_name().to_string_lossy()) else { continue };
            // Gone meanwhile, or no file.
            let Some(meta) = entry.metadata().ok().filter(Metadata::is_file) else { continue };
            let state = (meta.len(), meta.mtime(), meta.mtime_nsec(), meta.ino());
            let known = before.get(&entry.path()).filter(|seen| seen.state == state).copied();
            let seen = known.unwrap_or_else(|| Seen { state, since: Instant::now() });
            files.push((modified(&meta), entry.path(), seen.since.elapsed() >= patience));
            self.seen.insert(entry.path(), seen);
        }
        files.sort();
        let oldest = files.first().map_or(0, |(at, ..)| now.as_second().saturating_sub(*at).max(0));
        let ready = files.into_iter().filter(|(.., ready)| *ready).map(|(_, path, _)| path).collect();
        Ok(Found { ready, oldest, failure: None })
    }

    /// For how long a file of this name must not have changed to be ours; none if it never is.
    fn patience(&self, name: &str) -> Option<Duration> {
        if name.starts_with('.') {
            return None;
        }
        match claimant(name) {
            Some((_, gateway)) if gateway == self.gateway => Some(Duration::ZERO),
            Some(_) => Some(self.pace.takeover),
            None => {
                let lower = name.to_ascii_lowercase();
                ENDINGS.iter().any(|ending| lower.ends_with(ending)).then_some(self.pace.settle)
            }
        }
    }
}

/// The file's own time, in seconds.
fn modified(meta: &Metadata) -> i64 {
    let since = meta.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or(0)
}
