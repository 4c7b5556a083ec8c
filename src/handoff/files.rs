//! Files that grow by whole lines, each once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use csv::ReaderBuilder;
use sha2::{Digest, Sha256};

use super::line::{Line, What};
use crate::model::Name;

/// The file whose lock says who writes.
const LOCK: &str = ".lock";

/// Most lines that are remembered, 32 bytes each: enough for a day of most houses; beyond, files are read again.
const REMEMBERED: usize = 1_000_000;

/// The directory, for whoever has the lock on it.
pub(super) struct Files {
    dir: PathBuf,
    /// Locked for as long as it is open.
    _lock: File,
    known: HashMap<PathBuf, Known>,
}

/// A file as this process left it.
struct Known {
    inode: u64,
    length: u64,
    lines: HashSet<[u8; 16]>,
}

impl Files {
    /// Makes the directory, and locks it; none if another process has it.
    pub(super) fn open(dir: PathBuf) -> io::Result<Option<Self>> {
        make(&dir)?;
        let lock =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o640).open(dir.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { dir, _lock: lock, known: HashMap::new() })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Adds the lines that their files do not have; tells which. They are on the disk when this returns.
    pub(super) fn add(&mut self, lines: &[Line]) -> io::Result<Vec<(Name, What)>> {
        if self.known.values().map(|known| known.lines.len()).sum::<usize>() > REMEMBERED {
            self.known.clear();
        }
        // Nobody is to be left alone before they were to be called.
        let mut files: BTreeMap<(bool, &Path), Vec<&Line>> = BTreeMap::new();
        for line in lines {
            files.entry((line.what == What::Settled, &line.file)).or_default().push(line);
        }
        let mut added = Vec::new();
        for ((_, file), lines) in files {
            added.extend(self.append(file, &lines)?);
        }
        Ok(added)
    }

    fn append(&mut self, name: &Path, lines: &[&Line]) -> io::Result<Vec<(Name, What)>> {
        let path = self.dir.join(name);
        let parent = path.parent().unwrap_or(&self.dir);
        make(parent)?;
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o640).open(&path)?;
        // Taken out before anything is written: what fails half-way is read again.
        let mut known = match self.known.remove(name) {
            Some(known) if known.is(&file)? => known,
            _ => Known::read(&mut file)?,
        };
        let (mut text, mut added) = (Vec::new(), Vec::new());
        for line in lines {
            if known.lines.insert(mark(line.name.0.as_bytes(), line.name.1.as_bytes())) {
                text.extend_from_slice(&line.text);
                added.push((line.brand.clone(), line.what));
            }
        }
        if let Some(first) = lines.first().filter(|_| known.length == 0) {
            text.splice(0..0, first.what.header());
        }
        file.seek(io::SeekFrom::Start(known.length))?;
        file.write_all(&text)?;
        file.sync_data()?;
        if known.length == 0 {
            File::open(parent)?.sync_all()?;
        }
        known.length += text.len() as u64;
        self.known.insert(name.to_owned(), known);
        Ok(added)
    }
}

impl Known {
    /// Reads which lines a file has, and cuts off what a process that was killed left of one.
    fn read(file: &mut File) -> io::Result<Self> {
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        if whole < text.len() {
            file.set_len(whole as u64)?;
        }
        let mut rows = ReaderBuilder::new().flexible(true).from_reader(&text[..whole]);
        let mut lines = HashSet::new();
        for row in rows.byte_records() {
            let row = row.map_err(io::Error::other)?;
            if let (Some(case), Some(at)) = (row.get(0), row.get(2)) {
                lines.insert(mark(case, at));
            }
        }
        Ok(Self { inode: file.metadata()?.ino(), length: whole as u64, lines })
    }

    /// Whether this is the file that is known, as it was left.
    fn is(&self, file: &File) -> io::Result<bool> {
        let now = file.metadata()?;
        Ok((now.ino(), now.len()) == (self.inode, self.length))
    }
}

/// What a line is known by.
fn mark(case: &[u8], at: &[u8]) -> [u8; 16] {
    let hash = Sha256::new().chain_update(case).chain_update([0]).chain_update(at).finalize();
    let mut mark = [0; 16];
    mark.copy_from_slice(&hash[..16]);
    mark
}

/// Makes a directory that a group may read; whoever has it already may have given it other rights.
fn make(dir: &Path) -> io::Result<()> {
    match DirBuilder::new().recursive(true).mode(0o750).create(dir) {
        Err(error) if !fs::metadata(dir).is_ok_and(|found| found.is_dir()) => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
