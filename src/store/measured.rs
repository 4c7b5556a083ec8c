//! Any store, with a stopwatch: `vigie_store_seconds{operation}`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use prometheus::{Histogram, HistogramVec};
use tokio::sync::watch;

use super::{
    Aim, Cancelled, CasePut, Cases, Enqueued, Errand, Errands, Fenced, Forgotten, Heard, Log, Person,
    Settled, Snapshot, Store, StoreError, Suppressed, Ticked, Touch, Touched, Wait,
};
use crate::model::{
    CaseRecord, CaseSpec, ClaimId, Consent, Event, Finish, FlowScope, FlowSetting, Flows, Hold, Leaving,
    Mailboxes, Name, Pass, Position, RecipientId, Sealed, Seen, SendId, SendRecord, SendSpec, SuppressScope,
    Suppression, Toll,
};
use crate::telemetry::{Label, Metric, Registry};

/// A store whose operations are timed.
pub struct Measured {
    store: Arc<dyn Store>,
    touch: Histogram,
    begin: Histogram,
    finish: Histogram,
    enqueue: Histogram,
    others: HistogramVec,
}

impl Measured {
    /// Puts a stopwatch around `store`.
    pub fn new(store: Arc<dyn Store>, registry: &Registry) -> Self {
        let others = registry.latency(SECONDS);
        let one = |operation| others.with_label_values(&[operation]);
        let (touch, begin, finish, enqueue) = (one("touch"), one("begin"), one("finish"), one("enqueue"));
        Self { store, touch, begin, finish, enqueue, others }
    }

    async fn timed<T>(&self, operation: &str, call: impl Future<Output = T>) -> T {
        let timer = self.others.with_label_values(&[operation]).start_timer();
        let answer = call.await;
        timer.observe_duration();
        answer
    }
}

/// Awaits a call under a resolved histogram.
async fn under<T>(histogram: &Histogram, call: impl Future<Output = T>) -> T {
    let timer = histogram.start_timer();
    let answer = call.await;
    timer.observe_duration();
    answer
}

#[async_trait]
impl Store for Measured {
    async fn enqueue(
        &self,
        request: ClaimId,
        sends: Vec<SendSpec>,
        wait: Wait,
    ) -> Result<Vec<Enqueued>, StoreError> {
        under(&self.enqueue, self.store.enqueue(request, sends, wait)).await
    }

    async fn touch(&self, touch: Touch) -> Result<Touched, StoreError> {
        under(&self.touch, self.store.touch(touch)).await
    }

    /// Each took as long as all of them.
    async fn touch_all(&self, touches: Vec<Touch>) -> Vec<Result<Touched, StoreError>> {
        let begun = Instant::now();
        let answers = self.store.touch_all(touches).await;
        let seconds = begun.elapsed().as_secs_f64();
        for _ in &answers {
            self.touch.observe(seconds);
        }
        answers
    }

    async fn away(&self, recipient: RecipientId, leaving: Leaving) -> Result<(), StoreError> {
        self.timed("away", self.store.away(recipient, leaving)).await
    }

    async fn due(&self) {
        self.store.due().await;
    }

    async fn tick(&self, request: ClaimId, limit: usize) -> Result<Ticked, StoreError> {
        self.timed("tick", self.store.tick(request, limit)).await
    }

    async fn aim(&self, aims: &[Aim]) -> Result<Vec<bool>, StoreError> {
        self.timed("aim", self.store.aim(aims)).await
    }

    async fn renew(&self, holds: &[Hold]) -> Result<Vec<Fenced>, StoreError> {
        self.timed("renew", self.store.renew(holds)).await
    }

    async fn begin(&self, hold: Hold) -> Result<Fenced, StoreError> {
        under(&self.begin, self.store.begin(hold)).await
    }

    async fn take(&self, send: SendId, tolls: &[Toll]) -> Result<Pass, StoreError> {
        self.timed("take", self.store.take(send, tolls)).await
    }

    async fn finish(&self, hold: Hold, finish: Finish) -> Result<Fenced, StoreError> {
        under(&self.finish, self.store.finish(hold, finish)).await
    }

    async fn cancel(&self, send: SendId, reason: &str) -> Result<Cancelled, StoreError> {
        self.timed("cancel", self.store.cancel(send, reason)).await
    }

    async fn forget(&self, recipient: RecipientId) -> Result<Forgotten, StoreError> {
        self.timed("forget", self.store.forget(recipient)).await
    }

    async fn consent(&self, consent: Consent) -> Result<(), StoreError> {
        self.timed("consent", self.store.consent(consent)).await
    }

    async fn suppress(&self, suppression: Suppression) -> Result<Suppressed, StoreError> {
        self.timed("suppress", self.store.suppress(suppression)).await
    }

    async fn unsuppress(&self, recipient: RecipientId, scope: SuppressScope) -> Result<bool, StoreError> {
        self.timed("unsuppress", self.store.unsuppress(recipient, scope)).await
    }

    async fn set_flow(&self, scope: FlowScope, setting: FlowSetting) -> Result<(), StoreError> {
        self.timed("set_flow", self.store.set_flow(scope, setting)).await
    }

    async fn replace_flow(
        &self,
        scope: FlowScope,
        known: Option<FlowSetting>,
        setting: FlowSetting,
    ) -> Result<bool, StoreError> {
        self.timed("replace_flow", self.store.replace_flow(scope, known, setting)).await
    }

    fn flows(&self) -> watch::Receiver<Arc<Flows>> {
        self.store.flows()
    }

    async fn watch_mailbox(&self, recipient: RecipientId, sealed: Option<Sealed>) -> Result<(), StoreError> {
        self.timed("watch_mailbox", self.store.watch_mailbox(recipient, sealed)).await
    }

    async fn reseal_mailbox(
        &self,
        recipient: RecipientId,
        known: Sealed,
        fresh: Sealed,
    ) -> Result<bool, StoreError> {
        self.timed("reseal_mailbox", self.store.reseal_mailbox(recipient, known, fresh)).await
    }

    fn mailboxes(&self) -> watch::Receiver<Arc<Mailboxes>> {
        self.store.mailboxes()
    }

    async fn send(&self, id: SendId) -> Result<Option<SendRecord>, StoreError> {
        self.timed("send", self.store.send(id)).await
    }

    async fn person(&self, recipient: RecipientId) -> Result<Person, StoreError> {
        self.timed("person", self.store.person(recipient)).await
    }

    async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.timed("snapshot", self.store.snapshot()).await
    }

    async fn failed(&self) -> StoreError {
        self.store.failed().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.store.close().await
    }
}

#[async_trait]
impl Cases for Measured {
    async fn put_cases(&self, cases: Vec<CaseSpec>) -> Vec<Result<CasePut, StoreError>> {
        self.timed("put_cases", self.store.put_cases(cases)).await
    }

    async fn cases(&self, ids: &[(Name, String)]) -> Result<Vec<Option<CaseRecord>>, StoreError> {
        self.timed("cases", self.store.cases(ids)).await
    }

    async fn settle(&self, brand: &Name, case: &str, reason: &str) -> Result<Settled, StoreError> {
        self.timed("settle", self.store.settle(brand, case, reason)).await
    }

    async fn hand_off(&self, brand: &Name, case: &str, reason: &str) -> Result<Settled, StoreError> {
        self.timed("hand_off", self.store.hand_off(brand, case, reason)).await
    }

    async fn note_seen(&self, seen: &[Seen]) -> Result<Vec<Option<(Name, String)>>, StoreError> {
        self.timed("note_seen", self.store.note_seen(seen)).await
    }
}

#[async_trait]
impl Log for Measured {
    async fn announce(&self, event: Event) -> Result<(), StoreError> {
        self.timed("announce", self.store.announce(event)).await
    }

    async fn events(&self, after: Option<Position>, limit: usize) -> Result<Heard, StoreError> {
        self.timed("events", self.store.events(after, limit)).await
    }

    fn newest(&self) -> watch::Receiver<Position> {
        self.store.newest()
    }
}

#[async_trait]
impl Errands for Measured {
    async fn take_errand(&self, errand: &str, me: ClaimId, lease: Duration) -> Result<Errand, StoreError> {
        self.timed("take_errand", self.store.take_errand(errand, me, lease)).await
    }

    async fn note_errand(
        &self,
        errand: &str,
        me: ClaimId,
        lease: Duration,
        note: &str,
    ) -> Result<Fenced, StoreError> {
        self.timed("note_errand", self.store.note_errand(errand, me, lease, note)).await
    }

    async fn change_errand(&self, errand: &str, note: &str) -> Result<(), StoreError> {
        self.timed("change_errand", self.store.change_errand(errand, note)).await
    }

    async fn errand(&self, errand: &str) -> Result<Option<String>, StoreError> {
        self.timed("errand", self.store.errand(errand)).await
    }
}

const SECONDS: Metric = Metric {
    name: "vigie_store_seconds",
    labels: &[Label::each(
        "operation",
        "enqueue, touch, tick, begin, finish and the others of the store's contract",
    )],
    meaning: "Time each operation of the store took",
    healthy: "touch and begin below a millisecond",
    alert: "their 99th percentile stays above 10 ms for five minutes",
};
