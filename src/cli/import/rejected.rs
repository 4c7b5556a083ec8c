//! `FILE.rejected`: refused lines, made when there is the first.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::cli::{Exit, Failure};
use crate::feeds::{Form, Refusal, Rejects};

/// The file of refused lines. It belongs to its user alone: addresses are in it.
pub(super) struct Rejected {
    path: PathBuf,
    /// It goes on where it was at so many bytes.
    from: Option<u64>,
    rejects: Option<Rejects<BufWriter<File>>>,
}

impl Rejected {
    pub(super) fn new(path: PathBuf, from: Option<u64>) -> Self {
        Self { path, from: from.filter(|bytes| *bytes > 0), rejects: None }
    }

    pub(super) fn file(&self) -> &Path {
        &self.path
    }

    /// Writes some, and hands them to the system.
    pub(super) fn write(
        &mut self,
        form: &Form,
        refused: impl Iterator<Item = Refusal>,
    ) -> Result<(), Failure> {
        for refusal in refused {
            let opened = match self.rejects.take() {
                Some(rejects) => Ok(rejects),
                None => open(&self.path, self.from, form),
            };
            let written = opened.and_then(|mut rejects| {
                rejects.write(form, &refusal)?;
                Ok(rejects)
            });
            self.rejects = Some(written.map_err(|error| self.failure(&error))?);
        }
        self.flush()
    }

    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        let flushed = self.rejects.as_mut().map_or(Ok(()), Rejects::flush);
        flushed.map_err(|error| self.failure(&error))
    }

    /// How long the file is.
    pub(super) fn length(&self) -> u64 {
        if self.rejects.is_none() {
            return self.from.unwrap_or(0);
        }
        std::fs::metadata(&self.path).map_or(0, |meta| meta.len())
    }

    fn failure(&self, error: &io::Error) -> Failure {
        Failure::new(Exit::TryAgain, format!("cannot write {}: {error}", self.path.display()))
    }
}

/// The file from its beginning, or from where it was; what was written behind that belongs to lines that come again.
fn open(path: &Path, from: Option<u64>, form: &Form) -> io::Result<Rejects<BufWriter<File>>> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.set_len(from.unwrap_or(0))?;
    file.seek(SeekFrom::End(0))?;
    file.flush()?;
    Rejects::new(BufWriter::new(file), form, from.is_some())
}
