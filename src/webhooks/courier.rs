//! The courier of one webhook: takes the errand, reads on, delivers, waits.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::delivery::{Outcome, Receiver};
use super::{Common, Progress, errand};
use crate::clock::after;
use crate::config::Webhook;
use crate::model::{ClaimId, Event, Name, Position, Told};
use crate::store::{Errand, Fenced, Heard};

/// How long a courier holds its errand without a word: longer than any attempt.
const LEASE: Duration = Duration::from_secs(30);

/// How often a courier that waits renews its errand, and hears whether it was changed; and how often one without looks
/// whether it is free.
const BEAT: Duration = Duration::from_secs(5);

/// What must be left of the lease when an attempt begins, beyond what an attempt may take.
const MARGIN: Duration = Duration::from_secs(5);

/// After an event was told, others are waited for this long: they are read together.
const TOGETHER: Duration = Duration::from_millis(100);

/// Events read in one go.
const PAGE: usize = 128;

/// Events counted that wait for a receiver, at most, so many at a time.
const COUNTED: (u64, usize) = (10_000, 1000);

/// Goes on holding the errand, or has lost it.
type Held = ControlFlow<()>;

/// Delivers one webhook's events.
pub(super) struct Courier {
    brand: Name,
    name: Name,
    errand: String,
    types: Vec<String>,
    receiver: Receiver,
    common: Arc<Common>,
    me: ClaimId,
    progress: Progress,
    /// What was written down last.
    noted: String,
    held_until: Instant,
}

impl Courier {
    pub(super) fn new(brand: Name, webhook: &Webhook, receiver: Receiver, common: Arc<Common>) -> Self {
        common.metrics.begin([brand.as_str(), webhook.name.as_str()]);
        Self {
            errand: errand(&brand, &webhook.name),
            brand,
            name: webhook.name.clone(),
            types: webhook.types.clone(),
            receiver,
            common,
            me: ClaimId::random(),
            progress: Progress::default(),
            noted: String::new(),
            held_until: Instant::now(),
        }
    }

    /// Delivers until it is stopped, whenever the errand is free.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.me = ClaimId::random();
            let taken = self.common.store.take_errand(&self.errand, self.me, LEASE).await;
            if let Ok(Errand::Mine(note)) = taken {
                (self.noted, self.held_until) = (String::new(), Instant::now() + LEASE);
                let newest = self.common.store.newest().borrow().clone();
                self.progress = Progress::read(note.as_deref()).begin(&self.receiver.url, &newest);
                // An event whose answer was not heard is delivered again, here or elsewhere.
                if stop.run_until_cancelled(self.hold()).await.is_none() {
                    let note = self.progress.write();
                    drop(self.common.store.note_errand(&self.errand, self.me, Duration::ZERO, &note).await);
                    break;
                }
            } else {
                stop.run_until_cancelled(sleep(BEAT)).await;
            }
        }
        self.show(0, 0);
    }

    /// Delivers for as long as it holds the errand.
    async fn hold(&mut self) {
        while self.step().await.is_continue() {}
        self.show(0, 0);
    }

    /// Reads on, and delivers what there is; or waits for it.
    async fn step(&mut self) -> Held {
        self.note().await?;
        let mut newest = self.common.store.newest();
        newest.mark_unchanged();
        if self.progress.disabled {
            sleep(BEAT).await;
            return Held::Continue(());
        }
        match self.common.store.events(self.progress.position.clone(), PAGE).await {
            Ok(Heard::Events(told)) if told.is_empty() => {
                self.show(0, 0);
                if timeout(BEAT, newest.changed()).await.is_ok() {
                    sleep(TOGETHER).await;
                }
            }
            Ok(Heard::Events(told)) => return self.deliver_all(told).await,
            Ok(Heard::Gone { before }) => {
                tracing::error!(brand = %self.brand, webhook = %self.name, "events were not kept until its receiver came back");
                self.count("missed");
                self.progress.missed += 1;
                self.progress.pass(before);
            }
            Err(_) => sleep(BEAT).await,
        }
        Held::Continue(())
    }

    async fn deliver_all(&mut self, told: Vec<Told>) -> Held {
        for Told { position, event } in told {
            if event.brand != self.brand || !event.is_among(&self.types) {
                self.progress.pass(position);
                continue;
            }
            self.show_age(&event);
            loop {
                self.wait(&event).await?;
                if self.progress.failures > 0 {
                    self.common.metrics.retries.with_label_values(&self.labels()).inc();
                }
                match self.receiver.deliver(&event).await {
                    Outcome::Delivered => {
                        self.count("delivered");
                        self.progress.success(position.clone(), self.common.clock.now());
                    }
                    outcome => self.failed(outcome, &event, position.clone()).await,
                }
                self.note().await?;
                if self.progress.disabled {
                    return Held::Continue(());
                }
                if self.progress.position.as_ref() == Some(&position) {
                    break;
                }
            }
        }
        Held::Continue(())
    }

    /// Notes what went wrong, and when to try again; or leaves the event out.
    async fn failed(&mut self, outcome: Outcome, event: &Event, position: Position) {
        let now = self.common.clock.now();
        let (why, asked) = match outcome {
            Outcome::Delivered => return,
            Outcome::Gone => {
                self.count("gone");
                tracing::error!(brand = %self.brand, webhook = %self.name, "its receiver wants no more events: it is disabled");
                self.progress.disabled = true;
                return self.progress.failure("the receiver answers 410 Gone".into(), now);
            }
            Outcome::Refused(why) => {
                self.count("refused");
                self.progress.refusals += 1;
                (why, None)
            }
            Outcome::Failed(why, asked) => {
                self.count("failed");
                self.progress.refusals = 0;
                (why, asked)
            }
        };
        tracing::warn!(brand = %self.brand, webhook = %self.name, event = event.id, why, "an event is not delivered");
        self.progress.failure(why, now);
        if self.progress.refusals >= self.common.settings.refusals {
            self.count("left_out");
            tracing::error!(brand = %self.brand, webhook = %self.name, event = event.id, %position, "an event is left out");
            self.progress.left_out += 1;
            return self.progress.pass(position);
        }
        let settings = &self.common.settings;
        let pause = pause(settings.first, settings.longest, self.progress.failures);
        let pause = pause.max(asked.unwrap_or_default()).min(settings.longest);
        self.progress.next_try = Some(after(now, pause));
        self.progress.behind = self.waiting().await;
        self.progress.behind_since = Some(event.at);
        self.show_age(event);
    }

    /// Waits until the next try, holding on to the errand.
    async fn wait(&mut self, event: &Event) -> Held {
        while let Some(then) = self.progress.next_try {
            if timeout(BEAT, self.common.clock.sleep_until(then)).await.is_ok() {
                break;
            }
            self.show_age(event);
            self.note().await?;
        }
        let needed = self.common.settings.timeout + MARGIN;
        if self.held_until.saturating_duration_since(Instant::now()) < needed {
            self.note().await?;
        }
        Held::Continue(())
    }

    /// Writes down how far it got, and holds on; until the store answers, or the errand is lost.
    async fn note(&mut self) -> Held {
        let note = self.progress.write();
        if note == self.noted && self.held_until + BEAT > Instant::now() + LEASE {
            return Held::Continue(());
        }
        loop {
            let asked = Instant::now();
            match self.common.store.note_errand(&self.errand, self.me, LEASE, &note).await {
                Ok(Fenced::Done) => {
                    self.held_until = asked + LEASE;
                    self.noted = note;
                    return Held::Continue(());
                }
                Ok(Fenced::Stale) => return Held::Break(()),
                Err(_) => sleep(BEAT).await,
            }
        }
    }

    /// How many events wait for the receiver, up to a bound.
    async fn waiting(&self) -> u64 {
        let (most, page) = COUNTED;
        let (mut count, mut read, mut after) = (0, 0, self.progress.position.clone());
        while read < most {
            let Ok(Heard::Events(told)) = self.common.store.events(after, page).await else { break };
            read += told.len() as u64;
            let ours =
                told.iter().filter(|told| told.event.brand == self.brand && told.event.is_among(&self.types));
            count += ours.count() as u64;
            match told.last() {
                Some(last) if told.len() == page => after = Some(last.position.clone()),
                _ => break,
            }
        }
        count
    }

    fn labels(&self) -> [&str; 2] {
        [self.brand.as_str(), self.name.as_str()]
    }

    fn count(&self, result: &str) {
        let [brand, name] = self.labels();
        self.common.metrics.deliveries.with_label_values(&[brand, name, result]).inc();
    }

    fn show_age(&self, event: &Event) {
        let age = self.common.clock.now().duration_since(event.at).as_secs().max(0);
        self.show(self.progress.behind.max(1), age);
    }

    fn show(&self, events: u64, seconds: i64) {
        let metrics = &self.common.metrics;
        metrics.behind.with_label_values(&self.labels()).set(i64::try_from(events).unwrap_or(i64::MAX));
        metrics.behind_seconds.with_label_values(&self.labels()).set(seconds);
    }
}

/// The pause after so many failures in a row: doubled each time, with some chance in it.
fn pause(first: Duration, longest: Duration, failures: u32) -> Duration {
    let pauses = ExponentialBuilder::default().with_min_delay(first).with_max_delay(longest).with_factor(2.0);
    let mut pauses = pauses.without_max_times().with_jitter().build();
    // Long before that many it is the longest.
    let nth = failures.saturating_sub(1).min(64) as usize;
    pauses.nth(nth).unwrap_or(longest)
}
