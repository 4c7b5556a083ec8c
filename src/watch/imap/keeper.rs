//! Keeps a watch over each mailbox that should have one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::metrics::Metrics;
use super::turns::Turns;
use super::watch::{Common, Condition, Shown, Watch};
use super::{Mailbox, MailboxId, Settings, Tell};
use crate::dial::Roots;

/// All watched mailboxes. Dropping it ends the watches too, without waiting for them.
pub struct Watchers {
    common: Arc<Common>,
    turns: Turns,
    running: Mutex<HashMap<MailboxId, Running>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// A mailbox's watch.
struct Running {
    mailbox: Arc<Mailbox>,
    shown: Shown,
    stop: CancellationToken,
    ended: JoinHandle<()>,
}

impl Watchers {
    /// Watches nothing yet; will tell `tell` what it sees.
    pub fn new(settings: Settings, roots: Roots, tell: Tell, metrics: Metrics) -> Self {
        let turns = Turns::new(&settings);
        let common = Arc::new(Common { settings, roots, tell, metrics });
        let (running, tasks, stop) = (Mutex::default(), TaskTracker::new(), CancellationToken::new());
        Self { common, turns, running, tasks, stop }
    }

    /// From now on exactly these are watched: new ones start, gone ones stop, changed ones start again. Returns how
    /// many are not, because there are more than [`Settings::most`] or two have one id: the later ones.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn set(&self, mailboxes: Vec<Mailbox>) -> usize {
        if self.stop.is_cancelled() {
            return mailboxes.len();
        }
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut before, mut left_out) = (std::mem::take(&mut *running), 0);
        for mailbox in mailboxes {
            if running.len() >= self.common.settings.most || running.contains_key(&mailbox.id) {
                left_out += 1;
                continue;
            }
            let id = mailbox.id.clone();
            let same = match before.remove(&id) {
                Some(watch) if *watch.mailbox == mailbox && !watch.ended.is_finished() => watch,
                other => self.start(mailbox, other),
            };
            running.insert(id, same);
        }
        for gone in before.into_values() {
            gone.stop.cancel();
        }
        if left_out > 0 {
            tracing::warn!(left_out, most = self.common.settings.most, "not all mailboxes are watched");
        }
        left_out
    }

    /// How many are watched, or being tried to.
    pub fn number(&self) -> usize {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// How it stands with one of them.
    pub fn condition(&self, id: &MailboxId) -> Option<Condition> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let watch = running.get(id)?;
        Some(*watch.shown.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends all watches, and waits until the servers were told, for 2 seconds at most each.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Starts a watch, once the one it replaces has ended.
    fn start(&self, mailbox: Mailbox, before: Option<Running>) -> Running {
        let (mailbox, stop) = (Arc::new(mailbox), self.stop.child_token());
        let turnstile = self.turns.at(&mailbox.host, mailbox.port);
        let watch = Watch::new(Arc::clone(&mailbox), Arc::clone(&self.common), turnstile);
        let shown = watch.shown();
        let running = watch.run(stop.clone());
        let ended = match before {
            None => self.tasks.spawn(running),
            Some(before) => self.tasks.spawn(async move {
                before.stop.cancel();
                // It can only have panicked, and has ended then, too.
                let _ = before.ended.await;
                running.await;
            }),
        };
        Running { mailbox, shown, stop, ended }
    }
}

impl Drop for Watchers {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
