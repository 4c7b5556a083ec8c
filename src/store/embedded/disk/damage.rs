//! Telling a damaged, foreign or busy directory from a good one, in words an operator can act on.
//!
//! fjall checks each block and each journal entry. One damage it cannot see: where the journal's framing is hit, it
//! takes the rest for an unfinished write of a crash and drops it. So the count of acknowledged sends is also kept in a
//! file beside the database, written after each sync; a database that knows of fewer has lost acknowledged sends.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::store::StoreError;

/// The name of the file with the count of acknowledged sends: eight bytes, little-endian.
const ACKNOWLEDGED: &str = "acknowledged";

/// Opens that file, made if need be.
pub(super) fn acknowledged_file(directory: &Path) -> io::Result<File> {
    let path = directory.join(ACKNOWLEDGED);
    File::options().read(true).write(true).create(true).truncate(false).open(path)
}

/// A directory with that file but without a database's own marker has lost the database.
pub(super) fn check_present(directory: &Path) -> Result<(), StoreError> {
    if directory.join(ACKNOWLEDGED).exists() && !directory.join("version").exists() {
        return Err(damaged(directory, "the database's files are missing"));
    }
    Ok(())
}

/// Compares what the database knows with what was acknowledged.
pub(super) fn check_acknowledged(directory: &Path, file: &File, accepted: u64) -> Result<(), StoreError> {
    let mut bytes = [0; 8];
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) if u64::from_le_bytes(bytes) > accepted => {
            let acknowledged = u64::from_le_bytes(bytes);
            Err(damaged(directory, &format!("{acknowledged} sends were acknowledged, {accepted} are known")))
        }
        _ => Ok(()),
    }
}

/// The database did not open.
pub(super) fn opening(directory: &Path, error: &fjall::Error) -> StoreError {
    let shown = directory.display();
    match error {
        fjall::Error::Locked => StoreError::InUse(format!(
            "{shown} belongs to one gateway at a time, and another process has it open"
        )),
        fjall::Error::InvalidVersion(_) => {
            StoreError::Damaged(format!("{shown} was written by another version of the database; {REMEDY}"))
        }
        fjall::Error::Io(io)
            if io.kind() != io::ErrorKind::UnexpectedEof && io.kind() != io::ErrorKind::NotFound =>
        {
            StoreError::Unavailable(format!("{shown} cannot be opened: {io}"))
        }
        other => damaged(directory, &other.to_string()),
    }
}

/// A record could not be read.
pub(super) fn reading(directory: &Path, error: &fjall::Error) -> StoreError {
    damaged(directory, &error.to_string())
}

/// A record is not what was written.
pub(super) fn unreadable(directory: &Path, error: &serde_json::Error) -> StoreError {
    // The error's own text may quote the record, which may hold an address.
    damaged(directory, &format!("a record does not parse (column {})", error.column()))
}

/// A key is not what was written.
pub(super) fn bad_key(directory: &Path) -> StoreError {
    damaged(directory, "a key has the wrong length")
}

/// The directory has records of another format.
pub(super) fn foreign_format(directory: &Path, found: u32) -> StoreError {
    let known = super::FORMAT;
    StoreError::Damaged(format!(
        "{} holds format version {found}, this gateway knows version {known}; start the gateway that wrote it, or \
         {REMEDY}",
        directory.display()
    ))
}

/// What an operator can do.
const REMEDY: &str = "restore the directory from a backup, or move it away to begin with an empty store";

fn damaged(directory: &Path, what: &str) -> StoreError {
    StoreError::Damaged(format!("{}: {what}; {REMEDY}", directory.display()))
}
