//! The relay for a first try: each mail becomes an `.eml` file.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

use super::decision::Decision;
use super::reply::Trouble;
use super::target::RelayError;

/// A directory of mails, for people and tests: files appear whole, but are not flushed to the disk one by one.
#[derive(Debug)]
pub(super) struct Outbox {
    directory: PathBuf,
    written: AtomicU64,
}

impl Outbox {
    /// Creates the directory, readable for its owner only.
    pub(super) fn new(directory: PathBuf) -> Result<Self, RelayError> {
        let created = DirBuilder::new().recursive(true).mode(0o700).create(&directory);
        let path = || directory.display().to_string();
        created.map_err(|problem| RelayError::Outbox { path: path(), problem })?;
        Ok(Self { directory, written: AtomicU64::new(0) })
    }

    /// Where the mails are.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes one mail; the file's name sorts by time and says nothing about anybody.
    pub(super) async fn write(&self, bytes: &[u8]) -> Result<(), Trouble> {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", Uuid::now_v7());
        let (directory, bytes) = (self.directory.clone(), bytes.to_vec());
        let written = tokio::task::spawn_blocking(move || whole(&directory, &name, &bytes)).await;
        let problem = match written {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.kind().to_string(),
            Err(_) => "the runtime is stopping".to_owned(),
        };
        Err(Trouble::Own(Decision::Unreachable, format!("the outbox cannot be written: {problem}")))
    }
}

/// The file appears with its whole content, or not at all.
fn whole(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let unfinished = directory.join(format!(".{name}.tmp"));
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&unfinished)?;
    let renamed =
        file.write_all(bytes).and_then(|()| fs::rename(&unfinished, directory.join(format!("{name}.eml"))));
    if renamed.is_err() {
        // The first error is the one worth telling.
        let _ = fs::remove_file(&unfinished);
    }
    renamed
}
