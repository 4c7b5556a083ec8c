//! `FILE.progress`: how far an import came, for `--resume`.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::rejected::Rejected;
use super::request::Request;
use crate::cli::{Exit, Failure};
use crate::feeds::Report;

/// It is written so often at the most.
const EVERY: Duration = Duration::from_secs(1);

/// A file is known again by its length and so many first bytes.
const HEAD: u64 = 64 * 1024;

/// How far an import came.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Which file was imported, and what was said about it.
    subject: String,
    /// What became of its first lines.
    pub(super) report: Report,
    /// How long the file of refused lines was then.
    pub(super) rejected_bytes: u64,
}

impl Progress {
    /// What tells one import from another: the file, and all that was said about it.
    pub(super) fn subject(file: &Path, request: &Request) -> Result<String, Failure> {
        if file == Path::new("-") {
            return Ok(String::new());
        }
        let unreadable = |error| Failure::new(Exit::Data, format!("cannot read {}: {error}", file.display()));
        let opened = File::open(file).map_err(unreadable)?;
        let length = opened.metadata().map_err(unreadable)?.len();
        let mut head = Vec::new();
        opened.take(HEAD).read_to_end(&mut head).map_err(unreadable)?;
        let hash = Sha256::new()
            .chain_update(length.to_be_bytes())
            .chain_update(head)
            .chain_update(request.target(0))
            .chain_update(&request.content_type)
            .chain_update(request.mapping.as_deref().unwrap_or_default())
            .finalize();
        Ok(const_hex::encode(hash))
    }

    /// What was remembered of this very import.
    pub(super) fn load(path: &Path, subject: &str) -> Option<Self> {
        let text = std::fs::read(path).ok()?;
        let progress: Self = serde_json::from_slice(&text).ok()?;
        (progress.subject == subject).then_some(progress)
    }
}

/// Remembers how far it came.
pub(super) struct Keeper {
    path: PathBuf,
    subject: String,
    written: Option<Instant>,
}

impl Keeper {
    pub(super) fn new(path: PathBuf, subject: String) -> Self {
        Self { path, subject, written: None }
    }

    /// Writes it down, unless that was done a moment ago.
    pub(super) fn remember(&mut self, sums: &Report, rejected: &Rejected) -> Result<(), Failure> {
        if self.written.is_some_and(|at| at.elapsed() < EVERY) {
            return Ok(());
        }
        self.written = Some(Instant::now());
        self.write(sums, rejected)
    }

    /// Writes it down.
    pub(super) fn write(&self, sums: &Report, rejected: &Rejected) -> Result<(), Failure> {
        let progress = Progress {
            subject: self.subject.clone(),
            report: sums.clone(),
            rejected_bytes: rejected.length(),
        };
        self.replace(&progress).map_err(|error| {
            Failure::new(Exit::TryAgain, format!("cannot write {}: {error}", self.path.display()))
        })
    }

    /// Appears whole or not at all.
    fn replace(&self, progress: &Progress) -> std::io::Result<()> {
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let mut file = tempfile::NamedTempFile::new_in(directory.unwrap_or_else(|| Path::new(".")))?;
        serde_json::to_writer(&mut file, progress)?;
        file.flush()?;
        file.persist(&self.path)?;
        Ok(())
    }

    /// The import is complete.
    pub(super) fn remove(self) {
        // Where it stays, it is not for this file any more or says that all is done.
        let _ = std::fs::remove_file(&self.path);
    }
}
