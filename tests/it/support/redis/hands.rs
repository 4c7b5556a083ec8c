//! The hands of a clock that servers go by, and tests move.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use jiff::Timestamp;
use tempfile::NamedTempFile;

/// What is preloaded into a server, so that it reads the time from a file.
const SHIM: &str = include_str!("clock.c");

/// The time of day of every server started with it: it stands still until it is [set](Self::set).
///
/// What a server does by the time of day does not happen meanwhile: `appendfsync everysec` does not sync (but a killed
/// process still loses nothing), so `WAITAOF` needs `appendfsync always`; a blocking command with a timeout waits on.
#[derive(Debug)]
pub struct Hands {
    now: Mutex<Timestamp>,
    file: NamedTempFile,
    shim: PathBuf,
}

impl Hands {
    /// A clock that stands still at `start`.
    ///
    /// # Panics
    ///
    /// If there is no C compiler: Rust needs one too.
    pub fn at(start: Timestamp) -> Hands {
        let file = tempfile::Builder::new().prefix("vigie-clock-").tempfile();
        let file = file.expect("a temporary file can be made");
        let hands = Hands { now: Mutex::new(start), file, shim: shim() };
        hands.set(start);
        hands
    }

    /// What the clock shows.
    pub fn now(&self) -> Timestamp {
        *self.now.lock().expect("nobody panics with it")
    }

    /// Moves the clock, forward or back, for all servers at once.
    pub fn set(&self, now: Timestamp) {
        *self.now.lock().expect("nobody panics with it") = now;
        let bytes = now.as_millisecond().to_ne_bytes();
        self.file.as_file().write_all_at(&bytes, 0).expect("the file is ours");
    }

    /// What makes a program go by this clock.
    pub(super) fn environment(&self) -> [(&str, &OsStr); 2] {
        [("LD_PRELOAD", self.shim.as_os_str()), ("VIGIE_TEST_CLOCK", self.file.path().as_os_str())]
    }
}

/// The compiled [`SHIM`]. It is made once and kept with the build's other files; tests that make it at the same time
/// do not meet, as each puts it into place whole.
fn shim() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let version = BuildHasherDefault::<DefaultHasher>::default().hash_one(SHIM);
    let library = folder.join(format!("vigie-clock-{version:x}.so"));
    if library.exists() {
        return library;
    }
    fs::create_dir_all(folder).expect("the build's directory is ours");
    let workshop = tempfile::tempdir_in(folder).expect("the build's directory is ours");
    let (source, fresh) = (workshop.path().join("clock.c"), workshop.path().join("clock.so"));
    fs::write(&source, SHIM).expect("the directory is ours");
    let compiled =
        Command::new("cc").args(["-O1", "-shared", "-fPIC", "-o"]).args([&fresh, &source]).output();
    let compiled = compiled.expect("cc is installed, as Rust links with it");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    File::open(&fresh).and_then(|file| file.sync_all()).expect("it was just made");
    fs::rename(fresh, &library).expect("both are in the build's directory");
    library
}
