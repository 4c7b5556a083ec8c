//! Warm connections: at most `relay.connections`, each either in one session's hands or idle here.
//!
//! A connection comes back only by [`Pool::park`]; whatever else happens to a session closes it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::breaker::Breaker;
use super::decision::Then;
use super::dial::Dialler;
use super::link::Link;
use super::metrics::{Standing, State};
use super::reply::Trouble;
use super::respite::{Respite, Turn};
use super::transaction::{End, carry};
use crate::model::Letter;

/// The idle connections of one relay.
pub(super) struct Pool {
    pub(super) dialler: Dialler,
    idle: Duration,
    max_age: Duration,
    max_mails: u32,
    parked: Mutex<Parked>,
    breaker: Breaker,
    respite: Respite,
    /// Shows operators what those two know.
    standing: Standing,
    /// Cleared when a relay turns out not to know the `BDAT` it offers.
    chunks: AtomicBool,
}

#[derive(Default)]
struct Parked {
    /// The warmest last.
    links: Vec<Link>,
    /// A reaper is waiting for the next one to grow old.
    reaping: bool,
    /// Nothing is kept any more.
    closed: bool,
}

impl Pool {
    /// An empty pool.
    pub(super) fn new(
        dialler: Dialler,
        (idle, max_age, max_mails): (Duration, Duration, u32),
        standing: Standing,
    ) -> Arc<Self> {
        let (parked, chunks) = (Mutex::default(), AtomicBool::new(true));
        let (breaker, respite) = (Breaker::default(), Respite::default());
        Arc::new(Self { dialler, idle, max_age, max_mails, parked, breaker, respite, standing, chunks })
    }

    fn parked(&self) -> MutexGuard<'_, Parked> {
        // The list is whole at every step, so a panic elsewhere did no harm here.
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The warmest usable connection; true means that it has carried mails before. The caller holds a permit.
    pub(super) async fn take(&self) -> Result<(Link, bool, Turn), Trouble> {
        let turn = self.respite.leave()?;
        while let Some(link) = self.pop() {
            if self.usable(&link) && link.wire.quiet() {
                return Ok((link, true, turn));
            }
        }
        let leave = self.breaker.leave()?;
        let link = self.dialler.dial().await;
        leave.used(link.is_ok());
        let taken = match link {
            Ok(link) => Ok((link, false, turn)),
            Err(trouble) => {
                turn.refused(&trouble);
                Err(trouble)
            }
        };
        self.show();
        taken
    }

    /// Shows in which state the relay is, as far as is known.
    fn show(&self) {
        self.standing.show(|| match () {
            () if self.breaker.open() => State::Unreachable,
            () if self.respite.rests() => State::Respite,
            () => State::Serving,
        });
    }

    /// Carries a letter. If an idle connection turns out to be dead before anything was handed over, a fresh one gets
    /// the same letter, once.
    pub(super) async fn deliver(
        self: &Arc<Self>,
        link: Link,
        reused: bool,
        turn: Turn,
        letter: &Letter,
    ) -> End {
        let end = self.try_hard(link, reused, letter).await;
        turn.ended(&end);
        self.show();
        end
    }

    async fn try_hard(self: &Arc<Self>, link: Link, reused: bool, letter: &Letter) -> End {
        let end = self.carry(link, letter).await;
        let without_chunks = end.blames_chunks();
        if without_chunks {
            self.chunks.store(false, Ordering::Relaxed);
        }
        if !(without_chunks || reused && end.blames_connection()) {
            return end;
        }
        match self.dialler.dial().await {
            Ok(fresh) => self.carry(fresh, letter).await,
            Err(trouble) => End::Refused(trouble),
        }
    }

    async fn carry(self: &Arc<Self>, mut link: Link, letter: &Letter) -> End {
        let chunks = self.chunks.load(Ordering::Relaxed);
        let (end, then) = carry(&mut link, letter, &self.dialler.limits, chunks).await;
        let usable = match then {
            Then::Keep => true,
            Then::Reset => link.reset().await,
            Then::Close => false,
        };
        if usable {
            link.rest();
            self.park(link);
        }
        end
    }

    fn pop(&self) -> Option<Link> {
        self.parked().links.pop()
    }

    fn usable(&self, link: &Link) -> bool {
        link.fresh(self.idle, self.max_age, self.max_mails)
    }

    /// Keeps a connection whose last reply was complete and belonged to its last command.
    pub(super) fn park(self: &Arc<Self>, link: Link) {
        if !self.usable(&link) || !link.wire.quiet() {
            return;
        }
        let mut parked = self.parked();
        if parked.closed {
            return;
        }
        parked.links.push(link);
        if !std::mem::replace(&mut parked.reaping, true) {
            tokio::spawn(reap(Arc::downgrade(self), self.idle));
        }
    }

    /// Takes out what grew too old; with nothing left the reaper ends.
    fn expired(&self) -> (Vec<Link>, bool) {
        let mut parked = self.parked();
        let (kept, old) = parked.links.drain(..).partition(|link| self.usable(link));
        parked.links = kept;
        parked.reaping = !parked.links.is_empty();
        (old, parked.reaping)
    }

    /// Takes leave on all idle connections and keeps none from now on.
    pub(super) async fn close(&self) {
        let links = {
            let mut parked = self.parked();
            parked.closed = true;
            std::mem::take(&mut parked.links)
        };
        let leaving: Vec<_> = links.into_iter().map(|link| tokio::spawn(link.quit())).collect();
        for left in leaving {
            // A connection that cannot take leave is closed all the same.
            let _ = left.await;
        }
    }
}

/// Closes idle connections within twice `relay.idle` (a checkout never takes one that is older than that once); lives
/// only while there are some.
async fn reap(pool: Weak<Pool>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(pool) = pool.upgrade() else { return };
        let (old, more) = pool.expired();
        drop(pool);
        for link in old {
            link.quit().await;
        }
        if !more {
            return;
        }
    }
}
