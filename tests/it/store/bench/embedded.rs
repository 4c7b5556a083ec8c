//! The embedded store.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use vigie::clock::Clock;
use vigie::store::embedded::Embedded;
use vigie::store::{Rules, Store};

use super::{Backend, Grounded, Habits, start};

/// The embedded store in a temporary directory.
pub(crate) struct EmbeddedBackend {
    root: tempfile::TempDir,
    generation: u32,
    rules: Rules,
    clock: Clock,
    store: Option<Arc<Embedded>>,
}

impl EmbeddedBackend {
    fn directory(&self) -> PathBuf {
        self.root.path().join(self.generation.to_string())
    }

    /// The store as it is now.
    pub(crate) fn embedded(&self) -> Arc<Embedded> {
        Arc::clone(self.store.as_ref().expect("a store is open"))
    }

    fn open(&self) -> Arc<Embedded> {
        let store = Embedded::open(&self.directory(), 8, self.rules.clone(), self.clock.clone());
        Arc::new(store.expect("the directory opens"))
    }
}

impl Grounded for EmbeddedBackend {
    type Ground = ();

    async fn ground() {}

    async fn on((): (), cases: impl Future<Output = ()>) {
        cases.await;
    }
}

impl Backend for EmbeddedBackend {
    const HABITS: Habits = Habits {
        holders_die_with_store: true,
        presence_dies_with_store: true,
        bounds_presence: true,
        partitions: 1,
        due_within: Duration::ZERO,
        alive_after_death: Duration::ZERO,
    };

    async fn start(rules: Rules) -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        let mut backend = Self { root, generation: 0, rules, clock: Clock::manual(start()), store: None };
        backend.store = Some(backend.open());
        backend
    }

    fn store(&self) -> Arc<dyn Store> {
        self.embedded()
    }

    /// There is no other: the store belongs to one process.
    async fn another(&self) -> Arc<dyn Store> {
        self.store()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn pass(&self, by: Duration) {
        self.clock.advance(by);
    }

    fn set_back(&self, by: Duration) {
        self.clock.set_back(by);
    }

    async fn reopen(&mut self) {
        let store = self.store.take().expect("a store is open");
        store.close().await.expect("it closes");
        self.store = Some(self.open());
    }

    /// What a killed process leaves is what it had written to the operating system: a copy of its files.
    async fn crash(&mut self) {
        let before = self.directory();
        self.generation += 1;
        copy(&before, &self.directory());
        let store = self.store.take().expect("a store is open");
        store.close().await.expect("it closes");
        std::fs::remove_dir_all(before).expect("the old directory goes");
        self.store = Some(self.open());
    }
}

/// Copies a directory with all in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a listing") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else if let Err(error) = std::fs::copy(entry.path(), target) {
            // A table that compaction has just replaced is not referred to any more.
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "a copy");
        }
    }
}
