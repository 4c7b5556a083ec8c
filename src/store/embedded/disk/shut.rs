//! A directory shut to gateways, by a file that an operator can see.

use std::fs::{self, File};
use std::io;

use crate::store::StoreError;

use super::Disk;

/// The name of the file: empty, there while the store is shut.
const SHUT: &str = "shut";

impl Disk {
    /// Shuts the directory; survives a power cut.
    pub(in crate::store::embedded) fn shut(&self) -> Result<(), StoreError> {
        File::create(self.directory.join(SHUT))
            .and_then(|_| self.sync_names())
            .map_err(|error| self.no_file(&error))
    }

    /// Opens it again.
    pub(in crate::store::embedded) fn reopen(&self) -> Result<(), StoreError> {
        match fs::remove_file(self.directory.join(SHUT)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.no_file(&error)),
            _ => self.sync_names().map_err(|error| self.no_file(&error)),
        }
    }

    /// Whether it is shut.
    pub(in crate::store::embedded) fn is_shut(&self) -> Result<bool, StoreError> {
        self.directory.join(SHUT).try_exists().map_err(|error| self.no_file(&error))
    }

    /// Refuses a directory that is shut.
    pub(in crate::store::embedded) fn refuse_shut(&self) -> Result<(), StoreError> {
        if self.is_shut()? {
            let file = self.directory.join(SHUT);
            return Err(StoreError::Unfit(format!(
                "a copy out of {} was interrupted, and what it moved last could go out twice; run the same `vigie store copy` \
                 again (only if the other store is gone for good, remove {} instead)",
                self.directory.display(),
                file.display()
            )));
        }
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    fn no_file(&self, error: &io::Error) -> StoreError {
        StoreError::Unavailable(format!("{}: {error}", self.directory.join(SHUT).display()))
    }
}
