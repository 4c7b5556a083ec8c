//! The store inside the process: durable in a directory, nothing to install.
//!
//! One lock guards a pure [`state`] machine that knows every live send, its place in its person's queue and its next
//! moment; payloads stay on [`disk`] and are read when a send is claimed. [`core`] keeps the two in step, [`writer`]
//! makes new sends durable, and [`presence`] is never written at all.
//!
//! What survives what:
//!
//! | step | a killed process | a power cut |
//! | --- | --- | --- |
//! | `enqueue`, `cancel`, `put_cases`, `settle`, `hand_off`, `forget`, `consent`, `suppress`, `unsuppress`, `set_flow`, `replace_flow`, `watch_mailbox`, `reseal_mailbox` | yes | yes: they answer after the disk's sync, shared by all who wait |
//! | `touch`, `tick`: the claims made | yes | as of the last sync; a lost claim is a send that waits |
//! | `begin`, `finish`, `announce`, notes of errands | yes | as of the last sync |
//! | events of steps | with the step | with the step |
//! | presence | no | no |
//!
//! After a restart the only holder of any claim is dead, so no lease is waited for: claims whose hand-over had not begun
//! wait again at once, the others are `uncertain` (or wait again where the brand chose `resend`), both with
//! `restart` in their history. `renew` is not written down, for the same reason.
//!
//! Steps run where the caller runs, on the runtime's threads: they cost microseconds, less than handing them to another
//! thread and back. Only what must wait for the disk goes through the writer's thread.
//!
//! # Size and speed
//!
//! Measured once, in release, on a busy two-core virtual machine (read the ratios): a million people online take 51 MB, the
//! whole process 56 MB. 200 000 waiting sends, each with case and deadline, take at most 360 bytes each, fjall's caches
//! included. A touch with nothing waiting takes 1.0 µs (99th percentile 1.9), one that claims 43 µs, `begin` 6 µs,
//! `finish` 22 µs.

mod cases;
mod core;
mod disk;
mod errands;
mod log;
mod moving;
mod open;
mod presence;
mod records;
mod shards;
mod state;
mod writer;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{RwLock, RwLockReadGuard, SetOnce, mpsc, watch};

use super::time;
use super::{
    Aim, Cancelled, Enqueued, Fenced, Forgotten, Person, Rules, Snapshot, Store, StoreError, Suppressed,
    Ticked, Touch, Touched, Wait,
};
use crate::clock::Clock;
use crate::model::{
    ClaimId, Consent, Finish, FlowScope, FlowSetting, Flows, Hold, Leaving, Mailboxes, Pass, Position,
    RecipientId, Sealed, SendId, SendRecord, SendSpec, SuppressScope, Suppression, Toll,
};

use self::core::{Alarm, Core};
use self::disk::Disk;
use self::open::{Open, closed};
use self::state::{Seen, State};
use self::time::timestamp;
use self::writer::Job;

/// A store in a directory of this machine, for one gateway.
pub struct Embedded {
    /// None after [`close`](Store::close). Calls share it, closing waits for them.
    open: RwLock<Option<Open>>,
    flows: watch::Receiver<Arc<Flows>>,
    mailboxes: watch::Receiver<Arc<Mailboxes>>,
    newest: watch::Receiver<Position>,
    alarm: Arc<Alarm>,
    failure: Arc<SetOnce<StoreError>>,
    clock: Clock,
}

impl Embedded {
    /// Calls that may wait for the writer before further callers wait for them.
    const JOBS: usize = 1024;

    /// Opens the store in `directory`, or makes it. Its caches and write buffers take about `cache_mib` MiB; what waits and
    /// who is online come on top (see the [module doc](self)).
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another process has it open, [`StoreError::Unavailable`] if the file system refuses, [`StoreError::Damaged`] if
    /// what is there is not what was written, or of a format this version does not know, [`StoreError::Unfit`] if it is
    /// [shut](super::portable::Portable::shut). All say what to do.
    pub fn open(directory: &Path, cache_mib: u64, rules: Rules, clock: Clock) -> Result<Self, StoreError> {
        let disk = Disk::open(directory, cache_mib, rules.keep_events)?;
        disk.refuse_shut()?;
        Self::start(disk, rules, clock)
    }

    fn start(disk: Disk, rules: Rules, clock: Clock) -> Result<Self, StoreError> {
        let core = Arc::new(Core::load(disk, rules, clock.clone())?);
        let (jobs, queue) = mpsc::channel(Self::JOBS);
        let (flows, alarm, failure) = (core.flows(), core.alarm(), core.failure());
        let (mailboxes, newest) = (core.mailboxes.heard(), core.disk.log.newest());
        let writer = std::thread::Builder::new().name("store-writer".into()).spawn({
            let core = Arc::clone(&core);
            move || writer::run(&core, queue)
        });
        let writer =
            writer.map_err(|error| StoreError::Unavailable(format!("no thread for the writer: {error}")))?;
        let open = RwLock::new(Some(Open { core, jobs, writer }));
        Ok(Self { open, flows, mailboxes, newest, alarm, failure, clock })
    }

    async fn open_store(&self) -> Result<RwLockReadGuard<'_, Open>, StoreError> {
        RwLockReadGuard::try_map(self.open.read().await, Option::as_ref).map_err(|_| closed())
    }
}

#[async_trait]
impl Store for Embedded {
    /// Durable either way: it answers after the disk's sync.
    async fn enqueue(
        &self,
        request: ClaimId,
        sends: Vec<SendSpec>,
        _wait: Wait,
    ) -> Result<Vec<Enqueued>, StoreError> {
        let open = self.open_store().await?;
        let with_json = |spec: SendSpec| {
            let json = disk::json(&spec);
            (spec, json)
        };
        let sends = sends.into_iter().map(with_json).collect();
        open.ask(|answer| Job::Enqueue { request, sends, answer }).await
    }

    async fn touch(&self, touch: Touch) -> Result<Touched, StoreError> {
        let open = self.open_store().await?;
        let seen = open.core.step(|state, now| state.touch(&touch, now))?;
        let Seen { taken, ignored, age, joined, landed } = seen;
        Ok(Touched { claims: open.core.claims(taken)?, ignored, age, joined, landed })
    }

    async fn away(&self, recipient: RecipientId, leaving: Leaving) -> Result<(), StoreError> {
        self.open_store().await?.core.step(|state, now| state.away(recipient, leaving, now))
    }

    /// Never late by more than the timer of the runtime, about a millisecond. Sleeps for ever once the store is closed.
    async fn due(&self) {
        loop {
            let earlier = self.alarm.earlier.notified();
            let armed = match self.open_store().await {
                Ok(open) => open.core.arm(),
                Err(closed) => Err(closed),
            };
            match armed {
                Ok(None) => return,
                Ok(Some(next)) => tokio::select! {
                    () = self.clock.sleep_until(timestamp(next)) => {}
                    () = earlier => {}
                },
                Err(_) => std::future::pending().await,
            }
        }
    }

    async fn tick(&self, request: ClaimId, limit: usize) -> Result<Ticked, StoreError> {
        let open = self.open_store().await?;
        let turn = open.core.step(|state, now| state.tick(request, limit, now))?;
        if let Some(until) = open.core.purge_due()
            && open.jobs.try_send(Job::Purge { until }).is_err()
        {
            open.core.purge_later(until);
        }
        open.core.ticked(turn)
    }

    async fn aim(&self, aims: &[Aim]) -> Result<Vec<bool>, StoreError> {
        let open = self.open_store().await?;
        open.core.step(|state, now| aims.iter().map(|aim| state.aim(aim, now)).collect())
    }

    async fn renew(&self, holds: &[Hold]) -> Result<Vec<Fenced>, StoreError> {
        let open = self.open_store().await?;
        open.core.step(|state, now| holds.iter().map(|hold| state.renew(*hold, now)).collect())
    }

    async fn begin(&self, hold: Hold) -> Result<Fenced, StoreError> {
        self.open_store().await?.core.begin(hold)
    }

    async fn take(&self, send: SendId, tolls: &[Toll]) -> Result<Pass, StoreError> {
        self.open_store().await?.core.step(|state, now| state.take(send, tolls, now))
    }

    async fn finish(&self, hold: Hold, finish: Finish) -> Result<Fenced, StoreError> {
        self.open_store().await?.core.finish(hold, &finish)
    }

    async fn cancel(&self, send: SendId, reason: &str) -> Result<Cancelled, StoreError> {
        let open = self.open_store().await?;
        let cancelled = open.core.cancel(send, reason)?;
        open.sync().await?;
        Ok(cancelled)
    }

    async fn forget(&self, recipient: RecipientId) -> Result<Forgotten, StoreError> {
        let open = self.open_store().await?;
        let forgotten = open.core.forget(recipient)?;
        open.sync().await?;
        Ok(forgotten)
    }

    async fn consent(&self, consent: Consent) -> Result<(), StoreError> {
        let open = self.open_store().await?;
        open.core.consent(&consent)?;
        open.sync().await
    }

    async fn suppress(&self, suppression: Suppression) -> Result<Suppressed, StoreError> {
        self.open_store().await?.durably(|state, now| state.suppress(&suppression, now)).await
    }

    async fn unsuppress(&self, recipient: RecipientId, scope: SuppressScope) -> Result<bool, StoreError> {
        self.open_store().await?.durably(|state, _| state.unsuppress(recipient, &scope)).await
    }

    async fn set_flow(&self, scope: FlowScope, setting: FlowSetting) -> Result<(), StoreError> {
        let open = self.open_store().await?;
        open.core.set_flow(scope, setting)?;
        open.sync().await
    }

    async fn replace_flow(
        &self,
        scope: FlowScope,
        known: Option<FlowSetting>,
        setting: FlowSetting,
    ) -> Result<bool, StoreError> {
        let open = self.open_store().await?;
        let holds = open.core.replace_flow(scope, known.as_ref(), setting)?;
        open.sync().await?;
        Ok(holds)
    }

    fn flows(&self) -> watch::Receiver<Arc<Flows>> {
        self.flows.clone()
    }

    async fn watch_mailbox(&self, recipient: RecipientId, sealed: Option<Sealed>) -> Result<(), StoreError> {
        let open = self.open_store().await?;
        open.core.watch_mailbox(recipient, sealed)?;
        open.sync().await
    }

    async fn reseal_mailbox(
        &self,
        recipient: RecipientId,
        known: Sealed,
        fresh: Sealed,
    ) -> Result<bool, StoreError> {
        let open = self.open_store().await?;
        let holds = open.core.reseal_mailbox(recipient, &known, fresh)?;
        open.sync().await?;
        Ok(holds)
    }

    /// All of them, at once.
    fn mailboxes(&self) -> watch::Receiver<Arc<Mailboxes>> {
        self.mailboxes.clone()
    }

    async fn send(&self, id: SendId) -> Result<Option<SendRecord>, StoreError> {
        self.open_store().await?.core.record(id)
    }

    async fn person(&self, recipient: RecipientId) -> Result<Person, StoreError> {
        self.open_store().await?.core.person(recipient)
    }

    async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.open_store().await?.core.look(State::snapshot)
    }

    async fn failed(&self) -> StoreError {
        self.failure.wait().await.clone()
    }

    async fn close(&self) -> Result<(), StoreError> {
        let Some(open) = self.open.write().await.take() else { return Ok(()) };
        self.alarm.earlier.notify_waiters();
        let Open { core, jobs, writer } = open;
        drop(jobs);
        let stop = move || {
            // The writer answers what it was given before it stops.
            drop(writer.join());
            core.disk.close()
        };
        let stopped = tokio::task::spawn_blocking(stop).await;
        stopped.unwrap_or_else(|error| Err(StoreError::Unavailable(format!("closing failed: {error}"))))
    }
}
