//! The thread that makes things durable: many callers share one sync of the disk.
//!
//! It takes whatever has arrived, writes it in one step, syncs once and answers everybody. What arrives meanwhile is the
//! next group, so the slower the disk, the larger the groups. New sends exist for the rest of the store only after
//! their sync: nothing can go out that a power cut would make forgotten.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::model::{CaseState, ClaimId, FlowScope, RecipientId, SendId, SendSpec};
use crate::store::portable::{Adopted, Item};
use crate::store::{Enqueued, StoreError};

use super::core::Core;
use super::records::{Head, Label};
use super::state::Taken;
use super::time::Millis;

/// What the thread is asked to do.
pub(super) enum Job {
    /// Accept sends, each with its JSON.
    Enqueue {
        request: ClaimId,
        sends: Vec<(SendSpec, Vec<u8>)>,
        answer: oneshot::Sender<Result<Vec<Enqueued>, StoreError>>,
    },
    /// Take in what another store gives away.
    Adopt { items: Vec<Item>, answer: oneshot::Sender<Result<Vec<Adopted>, StoreError>> },
    /// Make durable what was written before.
    Sync { answer: oneshot::Sender<Result<(), StoreError>> },
    /// Delete what is known of sends that ended by then.
    Purge { until: Millis },
}

/// At most this many sends in one group, beyond the last call's own.
const GROUP: usize = 2000;

/// Below this much free space new sends are refused, so that what is under way can still be recorded.
const RESERVE: u64 = 64 << 20;

/// Works until every sender of jobs is gone.
pub(super) fn run(core: &Core, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.blocking_recv() {
        let mut group = Group::default();
        group.add(core, first);
        while group.size < GROUP {
            let Ok(next) = jobs.try_recv() else { break };
            group.add(core, next);
        }
        group.commit(core);
    }
}

/// What one sync makes durable.
#[derive(Default)]
struct Group {
    calls: Vec<Call>,
    waiters: Vec<oneshot::Sender<Result<(), StoreError>>>,
    /// Sends in it.
    size: usize,
}

/// One call of `enqueue`.
struct Call {
    request: ClaimId,
    sends: Vec<(SendSpec, Vec<u8>)>,
    answer: oneshot::Sender<Result<Vec<Enqueued>, StoreError>>,
}

/// What will be answered for one send of a call, but for a claim.
enum Fate {
    New(Box<Head>),
    Same,
    Conflict,
    Full,
    Closed(CaseState),
}

impl Group {
    fn add(&mut self, core: &Core, job: Job) {
        match job {
            Job::Enqueue { request, sends, answer } => {
                self.size += sends.len();
                self.calls.push(Call { request, sends, answer });
            }
            Job::Adopt { items, answer } => {
                let adopted = room_on_disk(core).and_then(|()| core.adopt(&items));
                drop(answer.send(adopted));
            }
            Job::Sync { answer } => self.waiters.push(answer),
            Job::Purge { until } => {
                if let Err(error) = core.purge(until) {
                    tracing::error!(%error, "finished sends cannot be purged");
                }
            }
        }
    }

    fn commit(mut self, core: &Core) {
        if !self.calls.is_empty()
            && let Err(full) = room_on_disk(core)
        {
            self.calls.drain(..).for_each(|call| drop(call.answer.send(Err(full.clone()))));
        }
        if self.calls.is_empty() && self.waiters.is_empty() {
            return;
        }
        match self.write(core) {
            Ok(fates) => {
                for (call, fates) in self.calls.into_iter().zip(fates) {
                    call.conclude(core, fates);
                }
                self.waiters.into_iter().for_each(|waiter| drop(waiter.send(Ok(()))));
            }
            Err(error) => {
                self.calls.into_iter().for_each(|call| drop(call.answer.send(Err(error.clone()))));
                self.waiters.into_iter().for_each(|waiter| drop(waiter.send(Err(error.clone()))));
            }
        }
    }

    /// Writes and syncs; answers each call's fates.
    fn write(&self, core: &Core) -> Result<Vec<Vec<Fate>>, StoreError> {
        let now = core.look(|_, now| now)?;
        let mut draft = Draft { room: core.look(|state, _| state.room())?, ..Draft::default() };
        let mut step = core.disk.step();
        let mut all = Vec::with_capacity(self.calls.len());
        for call in &self.calls {
            let mut fates = Vec::with_capacity(call.sends.len());
            for (spec, payload) in &call.sends {
                let fate = draft.fate(core, spec)?;
                if let Fate::New(head) = &fate {
                    step.accept(spec, payload.clone(), &Label::new(spec, now), head);
                }
                fates.push(fate);
            }
            all.push(fates);
        }
        let new = draft.accepted.values().sum();
        for tally in core.look(|state, _| state.accepted_after(draft.accepted))? {
            step.change(&tally);
        }
        let failed = |error| core.fail(error);
        step.write()
            .and_then(|()| core.disk.sync())
            .and_then(|()| core.disk.acknowledge(new))
            .map_err(failed)?;
        Ok(all)
    }
}

/// Refuses new sends while the disk has little space left.
pub(super) fn room_on_disk(core: &Core) -> Result<(), StoreError> {
    if core.disk.free_space() < RESERVE {
        return Err(StoreError::Full(format!("less than {} MiB are left on the disk", RESERVE >> 20)));
    }
    Ok(())
}

/// What a group's sends are checked against besides the disk: each other.
#[derive(Default)]
struct Draft {
    room: u64,
    digests: HashMap<SendId, String>,
    accepted: HashMap<FlowScope, u64>,
}

impl Draft {
    fn fate(&mut self, core: &Core, spec: &SendSpec) -> Result<Fate, StoreError> {
        let known = match self.digests.get(&spec.id) {
            Some(digest) => Some(digest.clone()),
            None => core.disk.label(spec.id)?.map(|label| label.digest),
        };
        match known {
            Some(digest) if digest == spec.digest => return Ok(Fate::Same),
            Some(_) => return Ok(Fate::Conflict),
            None if self.room == 0 => return Ok(Fate::Full),
            None => {}
        }
        if let Some(closed) = core.closed_case_of(spec)? {
            return Ok(Fate::Closed(closed));
        }
        // What ends as soon as it is there takes no room.
        let stays = core.look(|state, _| state.stops(spec.recipient, &spec.brand).is_none())?;
        self.room -= u64::from(stays);
        self.digests.insert(spec.id, spec.digest.clone());
        let scope = FlowScope { brand: spec.brand.clone(), campaign: spec.campaign.clone() };
        *self.accepted.entry(scope).or_default() += 1;
        Ok(Fate::New(Box::new(core.draft(spec)?)))
    }
}

impl Call {
    /// Lets the call's new sends into the state, claims what is due and answers.
    fn conclude(self, core: &Core, fates: Vec<Fate>) {
        let admitted = core.step(|state, now| -> Result<_, StoreError> {
            let mut before: HashMap<SendId, Taken> = state
                .held_under(self.request, crate::model::Cause::Enqueue, now)
                .into_iter()
                .map(|taken| (taken.hold.send, taken))
                .collect();
            let mut room: HashMap<RecipientId, usize> = HashMap::new();
            let mut seen = HashSet::new();
            let mut taken = Vec::with_capacity(fates.len());
            for ((spec, _), fate) in self.sends.iter().zip(&fates) {
                let room = room.entry(spec.recipient).or_insert_with(|| state.claims_per_call());
                let first = seen.insert(spec.id);
                let claimed = match fate {
                    Fate::New(head) => match core.end_of_new(state, spec)? {
                        None => state.admit(spec.id, head, self.request, *room, now),
                        Some(end) => {
                            state.admit_and_end(spec.id, head, end, now);
                            None
                        }
                    },
                    Fate::Same if first => before.remove(&spec.id),
                    Fate::Same | Fate::Conflict | Fate::Full | Fate::Closed(_) => None,
                };
                *room -= usize::from(claimed.is_some()).min(*room);
                taken.push(claimed);
            }
            Ok(taken)
        });
        let answers = admitted.flatten().map(|taken| {
            let sends = self.sends.into_iter().zip(fates).zip(taken);
            sends.map(|(((spec, _), fate), taken)| answer(core, spec, &fate, taken)).collect()
        });
        drop(self.answer.send(answers));
    }
}

/// What the caller hears. A send claimed by this very request before is new to a caller who lost the answer.
fn answer(core: &Core, spec: SendSpec, fate: &Fate, taken: Option<Taken>) -> Enqueued {
    let claim = match taken.map(|taken| core.claim(&taken, Arc::new(spec))).transpose() {
        Ok(claim) => claim,
        Err(error) => return Enqueued::Failed(error),
    };
    match fate {
        Fate::New(_) => Enqueued::New(claim),
        Fate::Same if claim.is_some() => Enqueued::New(claim),
        Fate::Same => Enqueued::Same,
        Fate::Conflict => Enqueued::Conflict,
        Fate::Full => Enqueued::Full,
        Fate::Closed(state) => Enqueued::Closed(*state),
    }
}
