//! What the cases work with: a store, its clock, and ways to stop and start it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use vigie::clock::{Clock, after};
use vigie::model::{
    Claim, ClaimId, ConsentRule, Finish, Hold, Name, OnDeadline, OnUncertain, Origin, RecipientId, SendId,
    SendSpec, SendState, Source,
};
use vigie::redact::Mailbox;
use vigie::store::embedded::Embedded;
use vigie::store::{Counts, Enqueued, Rules, Store, Ticked, Touch};

/// How a backend is set up for one case.
pub(crate) trait Backend: Sized + Send + Sync {
    /// An empty store under these rules.
    async fn start(rules: Rules) -> Self;
    /// The store as it is now.
    fn store(&self) -> Arc<dyn Store>;
    /// The clock the store goes by.
    fn clock(&self) -> &Clock;
    /// Stops the store gently and opens it again.
    async fn reopen(&mut self);
    /// Kills the store and opens what is left.
    async fn crash(&mut self);
}

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

impl Backend for EmbeddedBackend {
    async fn start(rules: Rules) -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        let mut backend = Self { root, generation: 0, rules, clock: Clock::manual(start()), store: None };
        backend.store = Some(backend.open());
        backend
    }

    fn store(&self) -> Arc<dyn Store> {
        self.embedded()
    }

    fn clock(&self) -> &Clock {
        &self.clock
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

/// A backend with short words for what cases do.
pub(crate) struct Bench<B> {
    pub(crate) backend: B,
}

impl<B: Backend> Bench<B> {
    /// An empty store under [`rules`], changed by `change`.
    pub(crate) async fn with(change: impl FnOnce(&mut Rules)) -> Self {
        let mut rules = rules();
        change(&mut rules);
        Self { backend: B::start(rules).await }
    }

    /// An empty store under [`rules`].
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// The store.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        self.backend.store()
    }

    /// Now.
    pub(crate) fn now(&self) -> Timestamp {
        self.backend.clock().now()
    }

    /// A moment from now.
    pub(crate) fn later(&self, by: Duration) -> Timestamp {
        after(self.now(), by)
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, by: Duration) {
        self.backend.clock().advance(by);
    }

    /// Accepts sends and says what became of each.
    pub(crate) async fn enqueue(&self, sends: &[SendSpec]) -> Vec<Enqueued> {
        self.store()
            .enqueue(ClaimId::random(), sends.to_vec(), vigie::store::Wait::Stored)
            .await
            .expect("enqueue works")
    }

    /// Accepts one send that must be new; gives its claim.
    pub(crate) async fn accept(&self, send: &SendSpec) -> Option<Claim> {
        match self.enqueue(std::slice::from_ref(send)).await.pop() {
            Some(Enqueued::New(claim)) => claim,
            other => panic!("{other:?} instead of a new send"),
        }
    }

    /// A trusted signal; gives the claims.
    pub(crate) async fn touch(&self, who: RecipientId) -> Vec<Claim> {
        let touched = self.store().touch(signal(who)).await.expect("touch works");
        assert_eq!(touched.ignored, None);
        touched.claims
    }

    /// A trusted signal that must claim one send.
    pub(crate) async fn claim(&self, who: RecipientId) -> Claim {
        let mut claims = self.touch(who).await;
        assert_eq!(claims.len(), 1, "one claim");
        claims.pop().expect("one claim")
    }

    /// What time has brought.
    pub(crate) async fn tick(&self) -> Ticked {
        self.store().tick(ClaimId::random(), 1000).await.expect("tick works")
    }

    /// The relay took it.
    pub(crate) async fn sent(&self, hold: Hold) {
        let fenced = self.store().finish(hold, accepted()).await.expect("finish works");
        assert_eq!(fenced, vigie::store::Fenced::Done);
    }

    /// Where a send stands; none if unknown.
    pub(crate) async fn state(&self, send: &SendSpec) -> Option<SendState> {
        self.store().send(send.id).await.expect("send works").map(|record| record.state)
    }

    /// The events of a send's history.
    pub(crate) async fn events(&self, send: &SendSpec) -> Vec<String> {
        let record = self.store().send(send.id).await.expect("send works").expect("a known send");
        record.history.into_iter().map(|line| line.event).collect()
    }

    /// Counters of all flows together. Checks the conservation law for each.
    pub(crate) async fn counts(&self) -> Counts {
        let snapshot = self.store().snapshot().await.expect("snapshot works");
        let mut all = Counts::default();
        for (scope, counts) in snapshot.flows {
            assert_eq!(counts.gap(), 0, "{scope:?} conserves: {counts:?}");
            all.accepted += counts.accepted;
            all.states.iter_mut().zip(counts.states).for_each(|(sum, part)| *sum += part);
        }
        all
    }
}

/// When all clocks start.
pub(crate) fn start() -> Timestamp {
    "2026-03-02T10:00:00Z".parse().expect("a time")
}

/// Rules under which nothing but the window, the lease and the caps plays a part.
pub(crate) fn rules() -> Rules {
    Rules {
        window: Duration::from_mins(3),
        min_gap: Duration::ZERO,
        scan_grace: Duration::ZERO,
        lease: Duration::from_secs(30),
        claims_per_touch: 4,
        max_attempts: 3,
        max_waiting: 10_000,
        max_online: 1000,
        keep_finished: Duration::from_hours(24),
        consent: BTreeMap::from([(name("demo"), ConsentRule::Presumed)]),
    }
}

/// A name.
pub(crate) fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// A person.
pub(crate) fn who(n: u8) -> RecipientId {
    RecipientId([n; 16])
}

/// A send of the brand `demo`, due at once, without deadline.
pub(crate) fn send(reference: &str, recipient: RecipientId) -> SendSpec {
    send_of("demo", reference, recipient)
}

/// A send of some brand.
pub(crate) fn send_of(brand: &str, reference: &str, recipient: RecipientId) -> SendSpec {
    let brand = name(brand);
    SendSpec {
        id: SendId::derive(&brand, reference),
        reference: reference.into(),
        brand,
        campaign: None,
        case: None,
        recipient,
        to: Mailbox::new("marie@example.org".into(), Some("Marie".into())),
        template: name("reminder"),
        vars: serde_json::Map::from_iter([("amount".to_owned(), "12,50 €".into())]),
        not_before: None,
        deadline: None,
        on_deadline: OnDeadline::Send,
        priority: 0,
        on_uncertain: OnUncertain::Hold,
        digest: format!("digest of {reference}"),
    }
}

/// A trusted signal.
pub(crate) fn signal(recipient: RecipientId) -> Touch {
    Touch {
        request: ClaimId::random(),
        recipient,
        source: Source::Portal,
        origin: Origin::Trusted,
        about: None,
    }
}

/// The relay's yes.
pub(crate) fn accepted() -> Finish {
    Finish::Accepted { reply: "250 2.0.0 queued".into() }
}

/// The references of claims, in order.
pub(crate) fn references(claims: &[Claim]) -> Vec<&str> {
    claims.iter().map(|claim| claim.spec.reference.as_str()).collect()
}
