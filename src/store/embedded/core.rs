//! The state machine and the disk, kept in step under one lock.
//!
//! A step changes memory, writes the same change to the operating system and only then lets the next step in: a few
//! microseconds, done where the caller runs. If a write fails, memory and disk no longer agree, so the store stops
//! answering for good; a restart goes on from disk.

mod cases;
mod errands;
mod mailboxes;
mod moving;
mod said;
mod view;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{Notify, SetOnce, watch};

use crate::clock::Clock;
use crate::model::{Finish, Flows, Hold, RecipientId, SendId, SendSpec, SendState};
use crate::store::{Cancelled, Fenced, Forgotten, Rules, StoreError};

use super::disk::Disk;
use super::records::{Change, Head, Held};
use super::state::State;
use super::time::{Millis, NEVER, millis, span};
use errands::Holders;
use mailboxes::Watched;

/// What sleepers in [`due`](super::Store::due) listen to.
#[derive(Debug)]
pub(super) struct Alarm {
    /// The moment they sleep towards.
    armed: AtomicI64,
    /// Something comes before it.
    pub(super) earlier: Notify,
}

impl Default for Alarm {
    fn default() -> Self {
        Self { armed: AtomicI64::new(NEVER), earlier: Notify::new() }
    }
}

/// An open store.
pub(super) struct Core {
    state: Mutex<State>,
    pub(super) disk: Disk,
    clock: Clock,
    keep_finished: Millis,
    /// So much longer closed cases are kept.
    cases_longer: Millis,
    /// When the oldest finished send ended, or the oldest closed case was as old; never, if there is none or a purge is
    /// under way.
    oldest_end: AtomicI64,
    alarm: Arc<Alarm>,
    flows: watch::Sender<Arc<Flows>>,
    pub(super) mailboxes: Watched,
    pub(super) errands: Holders,
    failed: Arc<SetOnce<StoreError>>,
}

impl Core {
    /// Reads the store from its directory.
    pub(super) fn load(disk: Disk, rules: Rules, clock: Clock) -> Result<Self, StoreError> {
        let now = millis(clock.now());
        let keep_finished = span(rules.keep_finished);
        let cases_longer = span(rules.keep_cases).saturating_sub(keep_finished).max(0);
        let recent = now.saturating_sub(span(rules.recent));
        let mailboxes = Watched::new(disk.mailboxes()?, rules.max_mailboxes);
        let mut state = State::new(rules);
        disk.load(&mut state, recent, now)?;
        disk.write(&state.take_changes())?;
        disk.trim_events()?;
        let oldest_end = AtomicI64::new(disk.oldest_end(cases_longer)?.unwrap_or(NEVER));
        let flows = watch::Sender::new(state.flow_settings());
        Ok(Self {
            state: Mutex::new(state),
            disk,
            clock,
            keep_finished,
            cases_longer,
            oldest_end,
            alarm: Arc::default(),
            flows,
            mailboxes,
            errands: Holders::default(),
            failed: Arc::default(),
        })
    }

    /// Does one step in memory and on disk.
    pub(super) fn step<T>(&self, change: impl FnOnce(&mut State, Millis) -> T) -> Result<T, StoreError> {
        let mut state = self.lock()?;
        let now = self.now();
        let answer = change(&mut state, now);
        let changes = state.take_changes();
        self.disk.write(&changes).map_err(|error| self.fail(error))?;
        self.note_ends(&changes);
        self.rearm(&state, now);
        Ok(answer)
    }

    /// The record a new send will have.
    pub(super) fn draft(&self, spec: &SendSpec) -> Result<Head, StoreError> {
        Ok(self.lock()?.draft(spec, self.now()))
    }

    /// Looks at the state without changing it.
    pub(super) fn look<T>(&self, look: impl FnOnce(&State, Millis) -> T) -> Result<T, StoreError> {
        let state = self.lock()?;
        Ok(look(&state, self.now()))
    }

    /// The state, unless the store has failed.
    fn lock(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        if let Some(failed) = self.failed.get() {
            return Err(failed.clone());
        }
        let broken =
            |_| StoreError::Unavailable("a step of the store panicked; restart to go on from disk".into());
        self.state.lock().map_err(broken)
    }

    /// Stops answering for good.
    pub(super) fn fail(&self, error: StoreError) -> StoreError {
        let text = error.to_string();
        if self.failed.set(error).is_ok() {
            tracing::error!(error = text, "the embedded store stops: its memory and its disk may differ");
        }
        StoreError::Unavailable(text)
    }

    fn now(&self) -> Millis {
        millis(self.clock.now())
    }

    fn note_ends(&self, changes: &[Change]) {
        for change in changes {
            let ended = match change {
                Change::End(_, end) => Some(end.at),
                Change::Case(_, head) => head.closed.map(|at| at.saturating_add(self.cases_longer)),
                _ => None,
            };
            self.oldest_end.fetch_min(ended.unwrap_or(NEVER), Ordering::Relaxed);
        }
    }

    /// Wakes whoever sleeps towards a later moment than the next. Under the state's lock, so that no step
    /// falls between its look and its sleep.
    fn rearm(&self, state: &State, now: Millis) {
        let next = self.next_moment(state, now);
        if next < self.alarm.armed.load(Ordering::Relaxed) {
            self.alarm.armed.store(next, Ordering::Relaxed);
            self.alarm.earlier.notify_waiters();
        }
    }

    fn next_moment(&self, state: &State, now: Millis) -> Millis {
        let purge = self.oldest_end.load(Ordering::Relaxed).saturating_add(self.keep_finished);
        state.next_moment(now).min(purge)
    }

    /// The next moment at which time brings something, or none if it has come. Whatever brings it forward from here
    /// wakes the [`Alarm`].
    pub(super) fn arm(&self) -> Result<Option<Millis>, StoreError> {
        let state = self.lock()?;
        let now = self.now();
        let next = self.next_moment(&state, now);
        self.alarm.armed.store(next, Ordering::Relaxed);
        Ok((next > now).then_some(next))
    }

    /// When finished sends are to be purged up to, if there are any to purge; the caller sees to it.
    pub(super) fn purge_due(&self) -> Option<Millis> {
        let until = self.now().saturating_sub(self.keep_finished);
        let due = self.oldest_end.load(Ordering::Relaxed) <= until;
        due.then(|| {
            self.oldest_end.store(NEVER, Ordering::Relaxed);
            until
        })
    }

    /// The purge could not be asked for; the next tick asks again.
    pub(super) fn purge_later(&self, until: Millis) {
        self.oldest_end.fetch_min(until, Ordering::Relaxed);
    }

    /// Purges some of the sends that ended by `until`.
    pub(super) fn purge(&self, until: Millis) -> Result<(), StoreError> {
        const MOST: usize = 256;
        self.disk.purge(until, self.cases_longer, MOST).map_err(|error| self.fail(error))?;
        let oldest = self.disk.oldest_end(self.cases_longer)?.unwrap_or(NEVER);
        let state = self.lock()?;
        self.oldest_end.fetch_min(oldest, Ordering::Relaxed);
        self.rearm(&state, self.now());
        Ok(())
    }

    /// `begin`, also for a send that has ended.
    pub(super) fn begin(&self, hold: Hold) -> Result<Fenced, StoreError> {
        match self.step(|state, now| state.begin(hold, now))? {
            Some(answer) => Ok(answer),
            None => self.of_ended(hold, Held::begun_and_finished),
        }
    }

    /// `finish`, also for a send that has ended.
    pub(super) fn finish(&self, hold: Hold, finish: &Finish) -> Result<Fenced, StoreError> {
        match self.step(|state, now| state.finish(hold, finish, now))? {
            Some(answer) => Ok(answer),
            None => self.of_ended(hold, |held| held.finished_by(finish.mark())),
        }
    }

    fn of_ended(&self, hold: Hold, answer: impl FnOnce(&Held) -> Fenced) -> Result<Fenced, StoreError> {
        let last = self.disk.end(hold.send)?.and_then(|end| end.held);
        Ok(last.filter(|last| last.claim == hold.claim).map_or(Fenced::Stale, |last| answer(&last)))
    }

    /// `cancel`, also for a send that has ended.
    pub(super) fn cancel(&self, id: SendId, reason: &str) -> Result<Cancelled, StoreError> {
        if let Some(answer) = self.step(|state, now| state.cancel(id, reason, now))? {
            return Ok(answer);
        }
        Ok(match self.disk.end(id)?.map(|end| end.state) {
            None => Cancelled::Unknown,
            Some(SendState::Cancelled) => Cancelled::Done,
            Some(state) => Cancelled::Ended(state),
        })
    }

    /// `forget`.
    pub(super) fn forget(&self, who: RecipientId) -> Result<Forgotten, StoreError> {
        let consents = self.disk.consents(who)?;
        let mut forgotten = self.step(|state, now| state.forget(who, now))?;
        let mut erase = self.disk.step();
        for consent in &consents {
            erase.no_consent(who, &consent.grantee);
        }
        erase.write().map_err(|error| self.fail(error))?;
        self.watch_mailbox(who, None)?;
        forgotten.consents = consents.len() as u64;
        Ok(forgotten)
    }

    /// Set when the store has stopped answering for good.
    pub(super) fn failure(&self) -> Arc<SetOnce<StoreError>> {
        Arc::clone(&self.failed)
    }

    /// What wakes sleepers.
    pub(super) fn alarm(&self) -> Arc<Alarm> {
        Arc::clone(&self.alarm)
    }

    /// Where to hear of changed flow settings.
    pub(super) fn flows(&self) -> watch::Receiver<Arc<Flows>> {
        self.flows.subscribe()
    }
}
