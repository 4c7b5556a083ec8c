//! Watched mailboxes: what the store publishes is opened and watched; what is seen becomes signals; new refresh tokens
//! are sealed and stored.
//!
//! One task does it all, so that a mailbox that changes and a token that is replaced at the same moment come one after
//! the other:
//!
//! ```text
//! store.mailboxes() ──▶ open ──▶ Watchers::set ──▶ Seen ──▶ Classifier::heard ──▶ Intake::receive
//!        ▲                            │
//!        └── reseal, if it is still ◀─┘ a new refresh token
//!            one of ours
//! ```
//!
//! Opened accounts stay in memory as long as they are watched, for whoever watches has to log in again and again; those
//! with refresh tokens until no token that was asked for can come any more.

mod opened;
mod tokens;

use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus::IntGauge;
use tokio::time::{sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::Listener;
use super::StartError;
use crate::classify::Classifier;
use crate::config;
use crate::intake::Intake;
use crate::model::{Deed, Origin, RecipientId, Sealed, Signal, Source};
use crate::secrets::Vault;
use crate::store::{Store, StoreError};
use crate::telemetry::{Metric, Registry};
use crate::watch::imap::{Activity, Condition, MailboxId, Metrics, Roots, Seen, Settings, Tell, Watchers};
use opened::Opened;
use tokens::Rotations;

/// How long to wait before a refresh token that could not be stored is stored again.
const AGAIN: Duration = Duration::from_secs(1);

/// How long the last ones may take to come when the gateway stops; what comes later is lost with the process.
const LAST_TRADES: Duration = Duration::from_secs(15);

/// How long they may take to be stored then.
const LAST_WORDS: Duration = Duration::from_secs(5);

const UNREADABLE: Metric = Metric {
    name: "vigie_watch_unreadable_mailboxes",
    labels: &[],
    meaning: "Mailboxes that should be watched here and cannot, because what opens them was sealed with \
              another key than that of data/secrets.toml, or is damaged",
    healthy: "0",
    alert: "above zero: copy data/secrets.toml from the other gateways and restart, or register these \
              mailboxes anew",
};

/// What watching needs of the gateway.
pub(super) struct Parts {
    pub(super) store: Arc<dyn Store>,
    pub(super) vault: Vault,
    pub(super) classifier: Arc<Classifier>,
    pub(super) intake: Arc<Intake>,
}

/// The watchers, and what keeps them to what the store says.
pub(super) struct Mailboxes {
    watchers: Arc<Watchers>,
    keeper: Keeper,
}

/// Keeps the watchers to what the store says.
struct Keeper {
    store: Arc<dyn Store>,
    watchers: Arc<Watchers>,
    opened: Opened,
    rotations: Arc<Rotations>,
    unreadable: IntGauge,
    /// Whether to watch at all.
    on: bool,
}

impl Mailboxes {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// If `watch.ca` cannot be read.
    pub(super) fn new(
        settings: &config::Watch,
        parts: Parts,
        registry: &Registry,
    ) -> Result<Self, StartError> {
        let roots = Roots::load(settings.ca.as_deref())
            .map_err(|error| StartError::Configuration(format!("`watch.ca`: {error}")))?;
        let roots = if settings.allow_private { roots } else { roots.public_only() };
        let rotations = Arc::new(Rotations::default());
        let opened =
            Opened::new(parts.vault, roots.clone(), Arc::clone(&rotations), settings.connect + settings.step);
        let tell = tell(parts.classifier, parts.intake);
        let watchers = Arc::new(Watchers::new(pace(settings), roots, tell, Metrics::new(registry)));
        let unreadable = registry.gauge(UNREADABLE).with_label_values::<&str>(&[]);
        let (store, on) = (parts.store, settings.imap);
        let keeper = Keeper { store, watchers: Arc::clone(&watchers), opened, rotations, unreadable, on };
        Ok(Self { watchers, keeper })
    }

    /// Where to see how it stands with each.
    pub(super) fn look(&self) -> impl Fn(RecipientId) -> Option<Condition> + Send + Sync + 'static {
        let watchers = Arc::clone(&self.watchers);
        move |who| watchers.condition(&id(who))
    }

    /// Watches from now on.
    pub(super) fn start(self) -> Listener {
        Listener::start(|stop| self.keeper.run(stop))
    }
}

impl Keeper {
    async fn run(mut self, stop: CancellationToken) {
        if !self.on {
            return stop.cancelled().await;
        }
        let mut heard = self.store.mailboxes();
        let mut late = false;
        loop {
            let sealed = Arc::clone(&heard.borrow_and_update());
            let (mailboxes, unreadable) = self.opened.follow(&sealed);
            self.unreadable.set(i64::try_from(unreadable).unwrap_or(i64::MAX));
            self.watchers.set(mailboxes);
            tokio::select! {
                () = stop.cancelled() => break,
                // Without a store there is nothing to follow any more; the stop comes.
                Ok(()) = heard.changed() => {}
                () = self.rotations.some() => late = !self.store_tokens().await,
                () = sleep(AGAIN), if late => late = !self.store_tokens().await,
                () = at(self.opened.next_leave()) => {}
            }
        }
        self.watchers.stop().await;
        drop(timeout(LAST_TRADES, self.opened.settled()).await);
        drop(timeout(LAST_WORDS, self.store_tokens()).await);
    }

    /// Stores the refresh tokens that are new; tells whether all are.
    async fn store_tokens(&mut self) -> bool {
        let mut all = true;
        for (of, token) in self.rotations.take() {
            let Some((fresh, before)) = self.opened.with_token(of, &token) else { continue };
            match self.reseal(of.0, &fresh, before).await {
                Ok(true) => {}
                // It was removed or registered anew: what that brought counts.
                Ok(false) => tracing::debug!("a new refresh token belongs to a mailbox that changed"),
                Err(error) => {
                    tracing::warn!(%error, "a new refresh token cannot be stored; trying again");
                    self.rotations.put_back(of, token);
                    all = false;
                }
            }
        }
        all
    }

    /// Puts `fresh` where the store has one of `before`, whichever of them it took last.
    async fn reseal(
        &self,
        who: RecipientId,
        fresh: &Sealed,
        before: Vec<Sealed>,
    ) -> Result<bool, StoreError> {
        for known in before {
            if self.store.reseal_mailbox(who, known, fresh.clone()).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// At this moment; never, if none.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

/// What is seen becomes a signal. Who watches has the owner's own consent, which was shown when it was registered.
fn tell(classifier: Arc<Classifier>, intake: Arc<Intake>) -> Tell {
    Arc::new(move |seen: Seen| {
        let Ok(recipient) = seen.mailbox.as_str().parse() else { return };
        let judgement = classifier.heard(Source::Imap, deed(seen.what), recipient);
        intake.receive(Signal {
            recipient,
            source: Source::Imap,
            origin: Origin::Trusted,
            about: None,
            judgement,
            received: seen.at,
        });
    })
}

/// What somebody must have done for this to be seen.
const fn deed(what: Activity) -> Deed {
    match what {
        Activity::Read => Deed::Read,
        Activity::Acted | Activity::Removed => Deed::Act,
        Activity::Arrived => Deed::Change,
    }
}

fn pace(settings: &config::Watch) -> Settings {
    Settings {
        renew: settings.renew,
        connect: settings.connect,
        step: settings.step,
        first: settings.first,
        longest: settings.longest,
        refused: settings.refused,
        logins: settings.logins,
        logins_per_server: settings.logins_per_server,
        // Two gateways that add some at the same moment may add a few too many; all are watched.
        most: settings.max_mailboxes.saturating_add(settings.max_mailboxes / 10 + 100),
        ..Settings::default()
    }
}

/// What a person's mailbox is called where it is logged.
fn id(who: RecipientId) -> MailboxId {
    MailboxId::new(who.to_string())
}
