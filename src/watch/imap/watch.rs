//! One mailbox's life: connect, idle, lose the connection, wait, and again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use super::metrics::{Counted, Metrics, State};
use super::pause::{Pauses, chance};
use super::session::Session;
use super::trouble::Trouble;
use super::turns::Turnstile;
use super::{Activity, Mailbox, Seen, Settings, Tell};
use crate::dial::Roots;

/// A connection that has lasted for this long was a good one: the next pause is a short one.
const LASTING: Duration = Duration::from_mins(1);

/// What all mailboxes have in common.
pub(super) struct Common {
    pub(super) settings: Settings,
    pub(super) roots: Roots,
    pub(super) tell: Tell,
    pub(super) metrics: Metrics,
}

/// How it stands with a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// What its connection does.
    pub state: State,
    /// Why the last connection failed or was lost, in the words of `vigie_watch_reconnects_total`, until one stands.
    pub trouble: Option<&'static str>,
}

/// A [`Condition`], for others to look at.
pub(super) type Shown = Arc<Mutex<Condition>>;

/// The watch over one mailbox.
pub(super) struct Watch {
    mailbox: Arc<Mailbox>,
    common: Arc<Common>,
    turnstile: Turnstile,
    pauses: Pauses,
    /// The last token was refused.
    stale: bool,
    lately: Lately,
    /// Only held: what the connection does, for operators.
    state: Counted,
    shown: Shown,
}

impl Watch {
    /// A watch that does nothing until it [runs](Self::run).
    pub(super) fn new(mailbox: Arc<Mailbox>, common: Arc<Common>, turnstile: Turnstile) -> Self {
        let state = common.metrics.count(State::Waiting);
        let (pauses, lately) = (Pauses::new(common.settings), Lately::default());
        let shown = Arc::new(Mutex::new(Condition { state: State::Waiting, trouble: None }));
        Self { mailbox, common, turnstile, pauses, stale: false, lately, state, shown }
    }

    /// Where to see how it stands.
    pub(super) fn shown(&self) -> Shown {
        Arc::clone(&self.shown)
    }

    /// Watches until the stop; then takes its leave.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            // On the heap, and gone once it stands: logging in takes far more room than idling.
            let opened = stop.run_until_cancelled(Box::pin(self.open())).await;
            let trouble = match opened {
                None => return,
                Some(Err(trouble)) => trouble,
                Some(Ok(session)) => match self.watch(session, &stop).await {
                    Ok(()) => return,
                    Err(trouble) => trouble,
                },
            };
            let pause = self.pause(trouble);
            stop.run_until_cancelled(sleep(pause)).await;
        }
    }

    /// Connects and logs in, when it is its turn.
    async fn open(&mut self) -> Result<Session, Trouble> {
        self.enter(State::Waiting);
        let turn = self.turnstile.turn().await;
        self.enter(State::Connecting);
        let session = Session::open(&self.mailbox, &self.common.settings, &self.common.roots).await?;
        self.stale = false;
        drop(turn);
        Ok(session)
    }

    /// Idles until the stop, or until something fails.
    async fn watch(&mut self, mut session: Session, stop: &CancellationToken) -> Result<(), Trouble> {
        let since = Instant::now();
        let failed = stop.run_until_cancelled(self.idle(&mut session)).await;
        if since.elapsed() >= LASTING {
            self.pauses.reset();
        }
        let Some(trouble) = failed else {
            session.farewell().await;
            return Ok(());
        };
        Err(trouble)
    }

    /// Idles until something fails.
    async fn idle(&mut self, session: &mut Session) -> Trouble {
        loop {
            if let Err(trouble) = self.idle_once(session).await {
                return trouble;
            }
        }
    }

    /// Idles until it is time to say so again.
    async fn idle_once(&mut self, session: &mut Session) -> Result<(), Trouble> {
        session.begin_idle(|what| self.tell(what)).await?;
        self.enter(State::Idle);
        // Those that started together do not renew together.
        let end = Instant::now() + self.common.settings.renew.mul_f64(0.8 + 0.2 * chance());
        while let Ok(activity) = timeout_at(end, session.idle()).await {
            self.tell(activity?);
        }
        session.end_idle(|what| self.tell(what)).await
    }

    fn tell(&mut self, what: Activity) {
        let at = Instant::now();
        if self.lately.is_new(what, at, self.common.settings.moment) {
            self.common.metrics.seen(what);
            (self.common.tell)(Seen { mailbox: self.mailbox.id.clone(), what, at: at.into_std() });
        }
    }

    fn enter(&mut self, state: State) {
        self.state = self.common.metrics.count(state);
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.state = state;
        if state == State::Idle {
            shown.trouble = None;
        }
    }

    /// Counts the trouble; how long to wait before the next try.
    fn pause(&mut self, trouble: Trouble) -> Duration {
        let trouble = match trouble {
            // A new token was no better: it is not the token.
            Trouble::Stale if self.stale => Trouble::Refused("the access token is not accepted".into()),
            other => other,
        };
        self.stale = trouble == Trouble::Stale;
        let pause = self.pauses.after(&trouble);
        self.common.metrics.lost(&trouble);
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).trouble = Some(trouble.reason());
        self.enter(if trouble.is_lasting() { State::Refused } else { State::Waiting });
        let mailbox = self.mailbox.id.as_str();
        if trouble.is_lasting() {
            let reason = trouble.reason();
            tracing::warn!(mailbox, reason, ?pause, "a mailbox cannot be watched; trying again much later");
        } else {
            tracing::debug!(
                mailbox,
                reason = trouble.reason(),
                ?pause,
                "a mailbox is not watched; trying again"
            );
        }
        pause
    }
}

/// When something was told last: what a person did, and what merely arrived.
#[derive(Debug, Default)]
struct Lately {
    done: Option<Instant>,
    arrived: Option<Instant>,
}

impl Lately {
    /// Whether this is to be told: it is not part of a moment that was told already.
    fn is_new(&mut self, what: Activity, now: Instant, moment: Duration) -> bool {
        let last = if what == Activity::Arrived { &mut self.arrived } else { &mut self.done };
        let new = last.is_none_or(|last| now.duration_since(last) >= moment);
        if new {
            *last = Some(now);
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_once_and_an_arrival_hides_nothing() {
        let (mut lately, start) = (Lately::default(), Instant::now());
        let mut is_new =
            |what, millis| lately.is_new(what, start + Duration::from_millis(millis), Duration::from_secs(2));
        assert!(is_new(Activity::Arrived, 0));
        assert!(is_new(Activity::Read, 10));
        assert!(!is_new(Activity::Acted, 20));
        assert!(!is_new(Activity::Arrived, 1999));
        assert!(!is_new(Activity::Removed, 2009));
        assert!(is_new(Activity::Read, 2010));
    }
}
