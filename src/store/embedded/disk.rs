//! The files: one fjall database with four keyspaces, written in atomic steps.
//!
//! | keyspace | key | holds |
//! | --- | --- | --- |
//! | `specs` | send | payloads: written once, read when claimed, deleted with the final state |
//! | `heads` | send | what changes while a send is alive; read through at the start |
//! | `records` | a letter, then the rest | all else, see [`records`](super::records) |
//! | `events` | number | what is [told](log) of steps, written with them |
//!
//! Every step is one batch, and a batch reaches the operating system before [`Disk::write`] returns, so a killed
//! process loses nothing. What must also survive the machine waits for [`Disk::sync`]; there is one journal, so one sync
//! covers every step before it.
//!
//! # Why fjall
//!
//! Measured once when the choice was made, on a shared two-core virtual machine with a virtio disk, 450-byte payloads;
//! a *claim* is one small record rewritten:
//!
//! | | redb 4.6 | fjall 3.1 |
//! | --- | --- | --- |
//! | durable sends a second, 64 callers with 1 each | 11–13 thousand | 25–36 thousand |
//! | the same, 8 callers with 500 each | 25–36 thousand | 55–75 thousand |
//! | a claim alone, median / 99th percentile | 12 / 57 µs | 2 / 6 µs |
//! | a claim survives `kill -9` | no: not without a sync (270 µs) | yes |
//! | a claim each ms beside 64 × 1 enqueues at full speed | 2.8 / 53 ms | 0.16 / 18 ms |
//! | the same with [our own sync](journal) of fjall's journal | | 11 µs / 2.6 ms |
//! | opening a million sends after `kill -9` | 1.8 s | 1.7 s |
//!
//! redb has one writer, and a claim waits for the sync in progress. Two fjall databases, one for claims alone, brought the
//! last 99th percentile to 54 µs under that load, at the price of steps that are no longer atomic and of two orders
//! of events to reconcile after a power cut: not worth it.

mod cases;
mod changes;
mod damage;
mod errands;
mod hours;
mod journal;
mod log;
mod mailboxes;
mod moving;
mod scan;
mod shut;
mod suppressions;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::{Consent, FlowScope, FlowSetting, Grantee, RecipientId, SendId, SendSpec};
use crate::store::StoreError;

use super::records::{Change, End, FORMAT, Head, Label};
use super::time::Millis;
use journal::Journal;
use log::{Log, Tail};

/// What the keys in `records` begin with.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum Kind {
    Label = b'l',
    Event = b'e',
    End = b'x',
    EndedAt = b'z',
    Accepted = b'a',
    Ended = b'd',
    Consent = b'c',
    Contacts = b's',
    Flow = b'f',
    Taken = b't',
    Hours = b'h',
    Mailbox = b'm',
    Errand = b'g',
    Case = b'k',
    CaseSays = b'w',
    CaseClosedAt = b'y',
    Cases = b'n',
    Suppression = b'p',
    Format = b'v',
}

/// An open store directory.
pub(super) struct Disk {
    directory: PathBuf,
    database: Database,
    specs: Keyspace,
    heads: Keyspace,
    records: Keyspace,
    pub(super) log: Log,
    journal: Journal,
    /// How many sends were acknowledged as durable, beside the database: see [`damage`].
    acknowledged: File,
    /// The sum of all flows' accepted counters.
    accepted: Mutex<u64>,
}

impl Disk {
    /// Opens a directory, or makes it. `cache_mib` is what caches and write buffers together may take.
    pub(super) fn open(directory: &Path, cache_mib: u64, keep_events: u64) -> Result<Self, StoreError> {
        damage::check_present(directory)?;
        let failed = |error| damage::opening(directory, &error);
        std::fs::create_dir_all(directory).map_err(|error| failed(error.into()))?;
        let cache = cache_mib.max(4) << 20;
        let database = Database::builder(directory)
            .cache_size(cache / 4)
            .max_journaling_size(128 << 20)
            // One worker falls behind under load, and what it has not flushed stays in memory.
            .worker_threads(2)
            .max_cached_files(Some(200))
            .open()
            .map_err(failed)?;
        // Each flush makes work for the compactor, and while there is some one of fjall's workers spins: a few large write
        // buffers are cheaper than many small ones (a sixth of all processor time at 2 MiB, `perf`).
        let options = || KeyspaceCreateOptions::default().max_memtable_size((cache / 4).max(1 << 20));
        let disk = Self {
            directory: directory.to_owned(),
            specs: database.keyspace("specs", options).map_err(failed)?,
            heads: database.keyspace("heads", options).map_err(failed)?,
            records: database.keyspace("records", options).map_err(failed)?,
            log: Log::open(database.keyspace("events", options).map_err(failed)?, keep_events)
                .map_err(failed)?,
            journal: Journal::new(directory),
            acknowledged: damage::acknowledged_file(directory).map_err(|error| failed(error.into()))?,
            accepted: Mutex::new(0),
            database,
        };
        disk.check_format()?;
        Ok(disk)
    }

    fn check_format(&self) -> Result<(), StoreError> {
        let key = [Kind::Format as u8];
        match self.read::<u32>(&self.records, &key)? {
            Some(FORMAT) => Ok(()),
            Some(other) => Err(damage::foreign_format(&self.directory, other)),
            None => {
                let mut step = self.step();
                step.put(&self.records, key, &FORMAT);
                step.write()?;
                self.sync()
            }
        }
    }

    /// Writes the changes of one step, all or none.
    pub(super) fn write(&self, changes: &[Change]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut step = self.step();
        for (at, change) in changes.iter().enumerate() {
            if !cases::is_moot(change, &changes[at + 1..]) {
                step.change(change);
            }
        }
        for event in self.ends(changes)? {
            step.announce(&event);
        }
        step.write()
    }

    /// Begins a step.
    pub(super) fn step(&self) -> Step<'_> {
        let batch = OwnedWriteBatch::with_capacity(self.database.clone(), 8);
        Step { disk: self, batch: batch.durability(Some(PersistMode::Buffer)), tail: None }
    }

    /// Waits until everything written so far survives a power cut. After an error here nothing can be trusted any
    /// more: the kernel may have dropped what it could not write, and will say so only once.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.journal.sync(&self.database).map_err(|error| self.lost(&error))
    }

    /// Notes that all sends accepted so far are durable and may be acknowledged.
    pub(super) fn acknowledge(&self, new: u64) -> Result<(), StoreError> {
        let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        *accepted += new;
        self.acknowledged.write_all_at(&accepted.to_le_bytes(), 0).map_err(|error| self.lost(&error.into()))
    }

    /// Bytes that can still be written in this directory's file system.
    pub(super) fn free_space(&self) -> u64 {
        rustix::fs::statvfs(&self.directory).map_or(0, |space| space.f_bavail.saturating_mul(space.f_frsize))
    }

    /// Writes everything out; the directory may be opened again once this value is dropped.
    pub(super) fn close(&self) -> Result<(), StoreError> {
        self.database.persist(PersistMode::SyncAll).map_err(|error| self.lost(&error))
    }

    /// A send's payload.
    pub(super) fn spec(&self, id: SendId) -> Result<Option<SendSpec>, StoreError> {
        self.read(&self.specs, &id.0)
    }

    /// A send's label: present for as long as its id is taken.
    pub(super) fn label(&self, id: SendId) -> Result<Option<Label>, StoreError> {
        self.read(&self.records, &key(Kind::Label, &[&id.0]))
    }

    /// How a send ended.
    pub(super) fn end(&self, id: SendId) -> Result<Option<End>, StoreError> {
        self.read(&self.records, &key(Kind::End, &[&id.0]))
    }

    fn read<T: DeserializeOwned>(&self, keyspace: &Keyspace, key: &[u8]) -> Result<Option<T>, StoreError> {
        let bytes = keyspace.get(key).map_err(|error| damage::reading(&self.directory, &error))?;
        bytes.map(|bytes| self.parse(&bytes)).transpose()
    }

    fn parse<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, StoreError> {
        serde_json::from_slice(bytes).map_err(|error| damage::unreadable(&self.directory, &error))
    }

    fn lost(&self, error: &fjall::Error) -> StoreError {
        let directory = self.directory.display();
        StoreError::Unavailable(format!("writing to {directory} failed, restart to go on from disk: {error}"))
    }
}

/// One atomic step being put together.
pub(super) struct Step<'a> {
    disk: &'a Disk,
    batch: OwnedWriteBatch,
    /// The end of the log, where this step tells something: held until it is written, so that numbers grow in the order in
    /// which they can be read.
    tail: Option<Tail<'a>>,
}

impl Step<'_> {
    /// A new send's payload, label and head.
    pub(super) fn accept(&mut self, spec: &SendSpec, payload: Vec<u8>, label: &Label, head: &Head) {
        self.batch.insert(&self.disk.specs, spec.id.0, payload);
        self.put(&self.disk.records, key(Kind::Label, &[&spec.id.0]), label);
        self.put(&self.disk.heads, spec.id.0, head);
    }

    /// A consent.
    pub(super) fn consent(&mut self, consent: &Consent) {
        let grantee = json(&consent.grantee);
        self.put(&self.disk.records, key(Kind::Consent, &[&consent.recipient.0, &grantee]), consent);
    }

    /// No consent of this person to this grantee.
    pub(super) fn no_consent(&mut self, who: RecipientId, grantee: &Grantee) {
        self.batch.remove(&self.disk.records, key(Kind::Consent, &[&who.0, &json(grantee)]));
    }

    /// A flow's setting.
    pub(super) fn flow(&mut self, scope: &FlowScope, setting: &FlowSetting) {
        self.put(&self.disk.records, key(Kind::Flow, &[&json(scope)]), setting);
    }

    fn put<T: Serialize>(&mut self, keyspace: &Keyspace, key: impl Into<fjall::Slice>, value: &T) {
        self.batch.insert(keyspace, key, json(value));
    }

    /// Writes the step.
    pub(super) fn write(self) -> Result<(), StoreError> {
        self.batch.commit().map_err(|error| self.disk.lost(&error))?;
        self.tail.into_iter().for_each(Tail::publish);
        Ok(())
    }
}

/// A record as it is written. Records are made of plain fields, which always have a JSON form.
pub(super) fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("plain data has a JSON form")
}

fn key(kind: Kind, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
    key.push(kind as u8);
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

fn ended_at(at: Millis, id: SendId) -> Vec<u8> {
    key(Kind::EndedAt, &[&at.max(0).to_be_bytes(), &id.0])
}
