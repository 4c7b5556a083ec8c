//! Syncing fjall's journal without stopping its writers.
//!
//! [`Database::persist`] holds the journal's lock while the disk works, so a claim that only has to reach the operating
//! system would wait for the disk behind every enqueue. This syncs the same file through a descriptor of its own:
//! fjall's journals are `<number>.jnl` in the database's directory, the highest number is the one written to, and
//! fjall itself syncs a journal before it begins the next (checked in version 3.1.13; a test watches over the names).

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use fjall::{Database, PersistMode};

/// The active journal, found anew for each sync.
pub(super) struct Journal {
    directory: PathBuf,
    open: Mutex<Option<(u64, File)>>,
}

impl Journal {
    /// The journals of the database in this directory.
    pub(super) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), open: Mutex::new(None) }
    }

    /// Waits until all that was written before is on the disk.
    pub(super) fn sync(&self, database: &Database) -> Result<(), fjall::Error> {
        let Some(newest) = self.newest()? else {
            return database.persist(PersistMode::SyncData);
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match open.take() {
            Some((number, file)) if number == newest => file,
            _ => File::open(self.directory.join(format!("{newest}.jnl")))?,
        };
        file.sync_data()?;
        *open = Some((newest, file));
        Ok(())
    }

    fn newest(&self) -> io::Result<Option<u64>> {
        let mut newest = None;
        for file in fs::read_dir(&self.directory)? {
            let name = file?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".jnl")?.parse().ok());
            newest = newest.max(number);
        }
        Ok(newest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fjall_names_its_journals_as_expected() {
        let directory = tempfile::tempdir().expect("a directory");
        let database = Database::builder(directory.path()).open().expect("a database");
        let journal = Journal::new(directory.path());
        assert!(journal.newest().expect("a listing").is_some());
        journal.sync(&database).expect("a sync");
    }
}
