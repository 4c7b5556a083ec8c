//! `/u/<token>`: somebody wants no more of a brand's mails.
//!
//! Scanners follow links, so a GET shows a page and changes nothing; the button on it, or the mail program's own (RFC 8058),
//! posts. What is recorded then is twofold:
//!
//! - Of a **promotional** brand ([`MailClass`]) they get no more mail: what waits is handed off, and so is what is pushed later
//!   ([`Store::suppress`], for the reason `unsubscribed`). Letters of a transactional brand must be sent all the same, and
//!   its page says so.
//! - They withdrew their **consent** to the brand, with how they said so: from then on none of the brand's pixels makes them
//!   present, in mails already sent either, and what the brand still writes to them goes out untracked.
//!
//! Nothing on the edge waits for the store, so the withdrawal is [queued](Unsubscriber) and a [Recorder] writes it down, again
//! and again while the store is away. This is the one endpoint that may refuse: if the queue is full the answer is 503 and
//! not a page that says what is not true. A pixel that is shed costs a later letter; an objection that is lost, a complaint.
//! A gateway that is killed loses what it has not written down; one that is stopped writes first.

mod page;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use hyper::header::HeaderMap;
use memchr::memmem;
use prometheus::IntCounter;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::answer::Answer;
use crate::brands::Brands;
use crate::clock::Clock;
use crate::config::MailClass;
use crate::model::{Consent, Grantee, RecipientId, SuppressReason, SuppressScope, Suppression};
use crate::store::{Store, StoreError};
use crate::telemetry::{Label, Metric, Registry};
use page::{Pages, Saying};

const UNSUBSCRIBES: Metric = Metric {
    name: "vigie_unsubscribes_total",
    labels: &[Label::of("outcome", &["recorded", "refused", "lost"])],
    meaning: "Unsubscriptions posted with a good token; those posted again while the first one waits left \
              out. Outcome recorded: written down; refused: answered 503 because too many wait; lost: given \
              up after answering",
    healthy: "recorded alone rises",
    alert: "any lost: somebody was told that they unsubscribed and is not; refused: the store is away",
};

/// Unsubscriptions that wait for the store: an hour of an outage at three a second, some 3 MB.
const WAITING: usize = 10_000;

/// Written down at the same time.
const TOGETHER: usize = 16;

/// Between two attempts, at first; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Between two attempts, at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Attempts: about an hour of them.
const ATTEMPTS: usize = 250;

/// How RFC 8058 has mail programs say it: as one field of a form, in either of the two ways forms are sent.
const ONE_CLICK: [&[u8]; 2] = [b"List-Unsubscribe", b"One-Click"];

/// Who unsubscribes, and from whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Leaver {
    pub(super) recipient: RecipientId,
    pub(super) grantee: Grantee,
}

/// Answers people who unsubscribe, and hands on what they want.
#[derive(Debug)]
pub struct Unsubscriber {
    brands: Brands,
    pages: Pages,
    clock: Clock,
    queue: mpsc::Sender<Withdrawal>,
    waiting: Waiting,
    refused: IntCounter,
    recorded: IntCounter,
    lost: IntCounter,
}

/// Who is in the queue: whoever says the same again and again takes one place of it.
type Waiting = Arc<Mutex<HashSet<Leaver>>>;

/// Writes down who unsubscribed.
#[derive(Debug)]
pub struct Recorder {
    queue: mpsc::Receiver<Withdrawal>,
    waiting: Waiting,
}

/// One unsubscription that was promised. It is counted exactly once, also if nobody gets to it.
#[derive(Debug)]
struct Withdrawal {
    consent: Consent,
    /// Whether they get no more of the brand's mail.
    stops_mail: bool,
    recorded: IntCounter,
    lost: Option<IntCounter>,
}

impl Unsubscriber {
    /// Somebody to answer, for these brands, and somebody to write it down.
    pub fn new(brands: Brands, clock: Clock, registry: &Registry) -> (Self, Recorder) {
        let counter = registry.counter(UNSUBSCRIBES);
        let [refused, recorded, lost] =
            ["refused", "recorded", "lost"].map(|outcome| counter.with_label_values(&[outcome]));
        let (sender, queue) = mpsc::channel(WAITING);
        let (pages, waiting) = (Pages::new(brands.clone()), Waiting::default());
        let writer = Recorder { queue, waiting: Arc::clone(&waiting) };
        (Self { brands, pages, clock, queue: sender, waiting, refused, recorded, lost }, writer)
    }

    /// What somebody sees who followed the link.
    pub(super) fn ask(&self, leaver: &Leaver, headers: &HeaderMap) -> Answer {
        Answer::Page(self.pages.page(&leaver.grantee, Saying::Question, headers))
    }

    /// Somebody unsubscribed, by the page or (with a body that says so) by their mail program.
    pub(super) fn withdraw(&self, leaver: Leaver, body: &[u8], headers: &HeaderMap) -> Answer {
        let one_click = ONE_CLICK.iter().all(|word| memmem::find(body, word).is_some());
        let proof = if one_click { "one-click (RFC 8058)" } else { "unsubscribe link" };
        let done = Answer::Page(self.pages.page(&leaver.grantee, Saying::Done, headers));
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.contains(&leaver) {
            return done;
        }
        let Ok(place) = self.queue.try_reserve() else {
            self.refused.inc();
            return Answer::Busy;
        };
        waiting.insert(leaver.clone());
        let stops_mail = class_of(&self.brands, &leaver.grantee) == MailClass::Promotional;
        let Leaver { recipient, grantee } = leaver;
        let consent = Consent {
            recipient,
            grantee,
            granted: false,
            proof: proof.to_owned(),
            at: self.clock.now(),
            earlier: Vec::new(),
        };
        let (recorded, lost) = (self.recorded.clone(), Some(self.lost.clone()));
        place.send(Withdrawal { consent, stops_mail, recorded, lost });
        done
    }
}

impl Recorder {
    /// Writes down in `store` until nobody can unsubscribe any more and everything is written. Whoever drops this loses the
    /// rest.
    pub async fn run(mut self, store: Arc<dyn Store>) {
        let turns = Arc::new(Semaphore::new(TOGETHER));
        let mut writing = JoinSet::new();
        while let Some(withdrawal) = self.queue.recv().await {
            self.begin(&withdrawal);
            let turn = Arc::clone(&turns).acquire_owned().await.expect("this semaphore is never closed");
            let store = Arc::clone(&store);
            writing.spawn(async move {
                withdrawal.write(&*store).await;
                drop(turn);
            });
            while writing.try_join_next().is_some() {}
        }
        while writing.join_next().await.is_some() {}
    }

    /// From now on saying the same again counts anew: they may have changed their mind in between.
    fn begin(&self, withdrawal: &Withdrawal) {
        let Consent { recipient, grantee, .. } = &withdrawal.consent;
        let leaver = Leaver { recipient: *recipient, grantee: grantee.clone() };
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&leaver);
    }
}

impl Withdrawal {
    async fn write(mut self, store: &dyn Store) {
        let pauses = ExponentialBuilder::default()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(LONGEST_PAUSE)
            .with_max_times(ATTEMPTS)
            .with_jitter();
        let attempt = || self.put(store);
        let written = attempt.retry(pauses).await;
        match written {
            Ok(()) => {
                self.lost = None;
                self.recorded.inc();
            }
            Err(error) => tracing::warn!(%error, "the store has not taken an unsubscription for an hour"),
        }
    }

    /// Mail is stopped first: that is what was asked for. Both may be repeated.
    async fn put(&self, store: &dyn Store) -> Result<(), StoreError> {
        if let Some(suppression) = self.suppression() {
            store.suppress(suppression).await?;
        }
        store.consent(self.consent.clone()).await
    }

    fn suppression(&self) -> Option<Suppression> {
        let Consent { recipient, grantee, proof, at, .. } = &self.consent;
        let Grantee::Brand(brand) = grantee else { return None };
        self.stops_mail.then(|| Suppression {
            recipient: *recipient,
            scope: SuppressScope::Brand(brand.clone()),
            why: SuppressReason::Unsubscribed,
            detail: proof.clone(),
            since: *at,
        })
    }
}

impl Drop for Withdrawal {
    fn drop(&mut self) {
        if let Some(lost) = &self.lost {
            lost.inc();
            tracing::error!("an unsubscription was answered and is not recorded: ask for it again");
        }
    }
}

/// What kind of mail this grantee sends now; of one that is not known, letters that it may have to send.
fn class_of(brands: &Brands, grantee: &Grantee) -> MailClass {
    let Grantee::Brand(name) = grantee else { return MailClass::default() };
    brands.now().brands.get(name).map(|brand| brand.class).unwrap_or_default()
}
