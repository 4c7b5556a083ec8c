//! Reports that were answered and wait to be read: bounded in number and in bytes.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::api::ears::Ears;
use crate::servers::{Report, Server};

/// One report. Not `Debug`: it holds addresses.
pub(super) struct Entry {
    /// Who sent it.
    pub(super) server: Server,
    /// What the query says of it.
    pub(super) query: String,
    /// Its body.
    pub(super) body: Bytes,
    /// When it came, for latency.
    pub(super) received: Instant,
    /// When it came, for its age.
    pub(super) at: Timestamp,
}

/// The giving side.
#[derive(Clone)]
pub(super) struct Queue {
    entries: mpsc::Sender<(Entry, OwnedSemaphorePermit)>,
    bytes: Arc<Semaphore>,
}

/// The taking side.
pub(super) type Waiting = mpsc::Receiver<(Entry, OwnedSemaphorePermit)>;

/// A queue for so many reports, and for so many bytes of them.
pub(super) fn queue(entries: usize, bytes: usize) -> (Queue, Waiting) {
    let (sender, waiting) = mpsc::channel(entries.clamp(1, Semaphore::MAX_PERMITS));
    let bytes = Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS)));
    (Queue { entries: sender, bytes }, waiting)
}

impl Queue {
    /// Takes a report if there is room; never waits.
    pub(super) fn offer(&self, entry: Entry) -> bool {
        let size = u32::try_from(entry.body.len()).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.bytes).try_acquire_many_owned(size);
        room.is_ok_and(|room| self.entries.try_send((entry, room)).is_ok())
    }
}

/// Hears what waits, until nobody can offer any more.
pub(super) async fn work(ears: Arc<Ears>, mut waiting: Waiting) {
    while let Some((entry, _room)) = waiting.recv().await {
        let Entry { server, query, body, received, at } = entry;
        let report = Report { server, query: &query, body: &body, received: at };
        // One report that breaks something must not be the last that is heard.
        if panic::catch_unwind(AssertUnwindSafe(|| ears.hear(report, received))).is_err() {
            tracing::error!(server = server.as_str(), "reading a server's report panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(size: usize) -> Entry {
        let (received, at) = (Instant::now(), Timestamp::UNIX_EPOCH);
        Entry { server: Server::Dovecot, query: String::new(), body: vec![b' '; size].into(), received, at }
    }

    #[tokio::test]
    async fn what_has_no_room_is_not_taken() {
        let (queue, mut waiting) = queue(2, 100);
        assert!(queue.offer(entry(60)) && !queue.offer(entry(60)), "too many bytes");
        assert!(queue.offer(entry(40)) && !queue.offer(entry(0)), "too many reports");
        drop(waiting.recv().await);
        assert!(queue.offer(entry(60)), "what is read makes room");
    }
}
