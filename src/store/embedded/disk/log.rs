//! The log of events: one entry each under the next number, written in the batch of the step that it tells of.

use std::sync::{Mutex, MutexGuard, PoisonError};

use fjall::{Keyspace, OwnedWriteBatch};
use tokio::sync::watch;

use super::super::records::Change;
use super::super::time::timestamp;
use super::{Disk, Step, json};
use crate::model::{Event, Position, SendId, Told};
use crate::store::log::Ended;
use crate::store::{Heard, StoreError};

/// Entries deleted in one go when fewer are to be kept than before.
const AT_ONCE: u64 = 10_000;

/// The log.
pub(in crate::store::embedded) struct Log {
    entries: Keyspace,
    ends: Mutex<Ends>,
    /// At most this many are kept; zero keeps all.
    keep: u64,
    newest: watch::Sender<Position>,
}

/// Which numbers there are: from the oldest up to, but without, the next.
#[derive(Debug, Clone, Copy)]
struct Ends {
    oldest: u64,
    next: u64,
}

/// The end of the log while a step adds to it.
pub(super) struct Tail<'log> {
    log: &'log Log,
    ends: MutexGuard<'log, Ends>,
    now: Ends,
}

/// Numbers begin with one, so that zero is before all of them.
fn position(number: u64) -> Position {
    Position::new(format!("{number:020}"))
}

fn number(key: &[u8]) -> u64 {
    key.try_into().map(u64::from_be_bytes).unwrap_or_default()
}

impl Log {
    /// The log that is there, without what is not to be kept any more.
    pub(super) fn open(entries: Keyspace, keep: u64) -> Result<Self, fjall::Error> {
        let end = |entry: Option<fjall::Guard>| entry.map(fjall::Guard::key).transpose();
        let oldest = end(entries.first_key_value())?.map_or(1, |key| number(&key));
        let next = end(entries.last_key_value())?.map_or(1, |key| number(&key) + 1);
        let newest = watch::Sender::new(position(next - 1));
        Ok(Self { entries, ends: Mutex::new(Ends { oldest, next }), keep, newest })
    }

    /// Where it ends.
    pub(in crate::store::embedded) fn newest(&self) -> watch::Receiver<Position> {
        self.newest.subscribe()
    }

    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tail(&self) -> Tail<'_> {
        let ends = self.ends();
        Tail { log: self, now: *ends, ends }
    }
}

impl Tail<'_> {
    fn add(&mut self, batch: &mut OwnedWriteBatch, event: &Event) {
        batch.insert(&self.log.entries, self.now.next.to_be_bytes(), json(event));
        self.now.next += 1;
        self.trim(batch, 1);
    }

    /// Deletes the oldest beyond what is kept: of those at most so many more than one.
    fn trim(&mut self, batch: &mut OwnedWriteBatch, more: u64) {
        for _ in 0..=more {
            if self.log.keep == 0 || self.now.next - self.now.oldest <= self.log.keep {
                return;
            }
            batch.remove(&self.log.entries, self.now.oldest.to_be_bytes());
            self.now.oldest += 1;
        }
    }

    /// The step was written: what it told can be read.
    pub(super) fn publish(mut self) {
        *self.ends = self.now;
        self.log.newest.send_replace(position(self.now.next - 1));
    }
}

impl Disk {
    /// [`Log::events`](crate::store::Log::events).
    pub(in crate::store::embedded) fn told(
        &self,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Heard, StoreError> {
        let Ends { oldest, next } = *self.log.ends();
        let after = match after {
            None => oldest - 1,
            Some(after) => match after.as_str().parse::<u64>() {
                Ok(after) if (oldest - 1..next).contains(&after) => after,
                _ => return Ok(Heard::Gone { before: position(oldest - 1) }),
            },
        };
        let mut told = Vec::new();
        for entry in self.log.entries.range((after + 1).to_be_bytes()..next.to_be_bytes()).take(limit) {
            let (key, event) = self.pair(entry)?;
            told.push(Told { position: position(number(&key)), event: self.parse(&event)? });
        }
        // Those may have been deleted meanwhile that come next.
        let some = limit > 0 && after + 1 < next;
        let skipped = some && told.first().is_none_or(|told| told.position != position(after + 1));
        Ok(if skipped {
            Heard::Gone { before: position(self.log.ends().oldest - 1) }
        } else {
            Heard::Events(told)
        })
    }

    /// Deletes what is beyond the events to be kept, where fewer are kept than before.
    pub(in crate::store::embedded) fn trim_events(&self) -> Result<(), StoreError> {
        loop {
            let mut step = self.step();
            let mut tail = self.log.tail();
            let before = tail.now.oldest;
            tail.trim(&mut step.batch, AT_ONCE);
            let done = tail.now.oldest - before <= AT_ONCE;
            step.tail = Some(tail);
            step.write()?;
            if done {
                return Ok(());
            }
        }
    }

    /// What is told of the sends that end with these changes.
    pub(super) fn ends(&self, changes: &[Change]) -> Result<Vec<Event>, StoreError> {
        let mut events = Vec::new();
        for (at, change) in changes.iter().enumerate() {
            if let Change::End(send, end) = change
                // What departs lives on elsewhere.
                && !end.departed
                && let Some(label) = self.label(*send)?
            {
                let ended = Ended {
                    send: *send,
                    reference: label.reference,
                    brand: label.brand,
                    campaign: label.campaign,
                    state: end.state,
                    at: timestamp(end.at),
                    attempts: end.attempts,
                    detail: last_words(&changes[..at], *send),
                };
                events.push(ended.event());
            }
        }
        Ok(events)
    }
}

/// The last line of a send's history among these changes.
fn last_words(changes: &[Change], send: SendId) -> String {
    let line = changes.iter().rev().find_map(|change| match change {
        Change::Event(of, event) if *of == send => Some(event.line.detail.clone()),
        _ => None,
    });
    line.unwrap_or_default()
}

impl Step<'_> {
    /// An event that is told with this step.
    pub(in crate::store::embedded) fn announce(&mut self, event: &Event) {
        let log = &self.disk.log;
        self.tail.get_or_insert_with(|| log.tail()).add(&mut self.batch, event);
    }
}
