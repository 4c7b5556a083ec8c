//! A file that one gateway has taken, by its name.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, utimensat};

/// Between a file's name and the gateway that has taken it.
const MARK: &str = ".processing-";

/// The file's own name and its claimant, if this is the name of a claimed one.
pub(super) fn claimant(name: &str) -> Option<(&str, &str)> {
    name.rsplit_once(MARK)
}

/// A file that is ours.
pub(super) struct Claim {
    path: PathBuf,
    name: String,
}

impl Claim {
    /// Takes a file, from a gateway that is gone where one had it. None if another was faster.
    ///
    /// # Errors
    /// If the folder cannot be written to.
    pub(super) async fn take(file: &Path, gateway: &str) -> io::Result<Option<Self>> {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let name = claimant(&name).map_or(name.clone(), |(own, _)| own.to_owned());
        let path = file.with_file_name(format!("{name}{MARK}{gateway}"));
        if path != file {
            match tokio::fs::rename(file, &path).await {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        let claim = Self { path, name };
        claim.renew();
        Ok(Some(claim))
    }

    /// What it was called when it was dropped.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Where it is now.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Does something with it, showing others meanwhile that it is ours.
    pub(super) async fn keep<T>(&self, every: Duration, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(every) => self.renew(),
            }
        }
    }

    /// Gives it back under its own name, unless another has come by that meanwhile.
    pub(super) async fn give_back(self) -> io::Result<()> {
        tokio::fs::hard_link(&self.path, self.path.with_file_name(&self.name)).await?;
        tokio::fs::remove_file(&self.path).await
    }

    /// Sets its time. Failing, another gateway imports the file, too, which changes nothing twice.
    fn renew(&self) {
        let leave = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let times = Timestamps { last_access: leave, last_modification: now };
        if let Err(error) = utimensat(CWD, &self.path, &times, AtFlags::empty()) {
            tracing::warn!(%error, "a file in a watched folder cannot be kept claimed");
        }
    }
}
