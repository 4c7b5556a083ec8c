//! Files of vigie's user alone, and how they appear: whole, durable, and once.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::Error;

/// Makes the data directory for vigie's user alone; one that exists stays as it is, its secrets guard themselves.
pub(super) fn make_directory(dir: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|source| Error::Directory { dir: dir.to_owned(), source })
}

/// One file that only its owner may read.
#[derive(Debug)]
pub(super) struct PrivateFile<'a> {
    path: &'a Path,
}

impl<'a> PrivateFile<'a> {
    pub(super) const fn new(path: &'a Path) -> Self {
        Self { path }
    }

    /// Its text, or nothing if there is no such file. Refused if group or others have any permission.
    pub(super) fn read(&self) -> Result<Option<String>, Error> {
        let unreadable = |source| Error::Read { file: self.path.to_owned(), source };
        let mut file = match File::open(self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(Error::Exposed { file: self.path.to_owned(), mode });
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(unreadable)?;
        Ok(Some(text))
    }

    /// Puts `text` in its place in one step, durably; returns whether that changed anything. Call under the lock.
    pub(super) fn replace(&self, text: &str) -> Result<bool, Error> {
        if self.read()?.as_deref() == Some(text) {
            return Ok(false);
        }
        let next = self.path.with_extension("new");
        let write = || {
            remove_leftover(&next)?;
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&next)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&next, self.path)?;
            File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()
        };
        write().map_err(|source| Error::Write { file: self.path.to_owned(), source })?;
        Ok(true)
    }
}

/// Removes what a crash left half written.
fn remove_leftover(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Held while secrets are made; released by drop, and by the kernel if the process dies.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the other process that makes secrets in `dir`, if there is one.
    pub(super) fn take(dir: &Path) -> Result<Self, Error> {
        let path = dir.join("secrets.lock");
        let open = || {
            let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
            file.lock()?;
            Ok(file)
        };
        open().map(|file| Self { _file: file }).map_err(|source| Error::Write { file: path.clone(), source })
    }
}
