//! `vigie:events`: what became of sends, for whoever wants to follow along.
//!
//! Each entry has the fields `event` (`send.sent`, `send.failed`, …) and `data`, a JSON object; together the `type` and
//! `data` of a Standard Webhook. Nothing in them says who was written to.
//!
//! **What is promised.** An event is told after the result it tells is in the store, never before; more than once if need
//! be (an answer that was lost, a write that was repeated). `brand`, `id` and `state` recognise it then: a send reaches a
//! final state once. It is not promised that every event is told. None comes of a gateway that is killed in between; of
//! what ended in the `tick` or at the word of a caller whose answer was lost and who did not ask again; and when events
//! pile up (Redis away, or full), the newest are dropped and counted ([`Announcer::lost`]). The stream keeps about the
//! last [`KEPT`]. So events are a convenience: the truth is the send's state, which stays readable at `GET
//! /v1/sends/{id}`.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::Timestamp;
use redis::{Cmd, cmd};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::model::{Name, SendId, SendState};

/// The stream's key.
pub(super) const EVENTS: &str = "vigie:events";

/// Events the stream keeps, about; the oldest make room.
const KEPT: usize = 100_000;

/// Events that may wait to be told, about 500 bytes each; beyond it they are lost.
const WAITING: usize = 16_384;

/// Events written to Redis in one go.
const AT_ONCE: usize = 256;

/// After a failure, wait at least and at most this.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// What became of a send.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// Which send, in tokens and in the store.
    pub(super) send: SendId,
    /// Which send, in its producer's words.
    pub(super) reference: String,
    /// Who writes.
    pub(super) brand: Name,
    /// The named group it belongs to.
    pub(super) campaign: Option<Name>,
    /// What it is now.
    pub(super) state: SendState,
    /// Since when.
    pub(super) at: Timestamp,
    /// How often it was tried.
    pub(super) attempts: u32,
    /// Why, in words without addresses: as in the send's history.
    pub(super) detail: String,
}

/// The JSON of an event.
#[derive(Serialize)]
struct Data<'event> {
    id: &'event str,
    brand: &'event Name,
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign: Option<&'event Name>,
    state: SendState,
    at: Timestamp,
    attempts: u32,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'event str,
    /// Our own id of it, as tokens carry it.
    send: SendId,
}

impl Event {
    /// The command that tells it.
    fn command(&self) -> Cmd {
        let data = Data {
            id: &self.reference,
            brand: &self.brand,
            campaign: self.campaign.as_ref(),
            state: self.state,
            at: self.at,
            attempts: self.attempts,
            detail: &self.detail,
            send: self.send,
        };
        // Names, numbers and texts: it cannot fail.
        let data = serde_json::to_string(&data).unwrap_or_default();
        let mut add = cmd("XADD");
        add.arg(EVENTS).arg("MAXLEN").arg("~").arg(KEPT).arg("*");
        add.arg("event").arg(format!("send.{}", self.state.as_str())).arg("data").arg(data);
        add
    }
}

/// Sends commands for [`EVENTS`] to Redis, pipelined; says for each, in order, whether Redis took it.
pub(super) type Publish = Arc<dyn Fn(Vec<Cmd>) -> Published + Send + Sync>;

/// What [`Publish`] answers.
pub(super) type Published = Pin<Box<dyn Future<Output = Vec<bool>> + Send>>;

/// Tells events in the background: [`tell`](Self::tell) never waits.
pub(super) struct Announcer {
    waiting: mpsc::Sender<Event>,
    lost: AtomicU64,
    closing: CancellationToken,
    telling: TaskTracker,
}

impl Announcer {
    /// Starts to tell through `publish`, in this runtime.
    pub(super) fn start(publish: Publish) -> Self {
        let (waiting, queue) = mpsc::channel(WAITING);
        let (closing, telling) = (CancellationToken::new(), TaskTracker::new());
        telling.spawn(tell_all(queue, publish, closing.clone()));
        telling.close();
        Self { waiting, lost: AtomicU64::new(0), closing, telling }
    }

    /// Tells an event, soon. To be called after its result is in the store.
    pub(super) fn tell(&self, event: Event) {
        if self.waiting.try_send(event).is_err() {
            // A figure for operators; nothing is decided by it.
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Events that were never told, because too many waited.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Tells what waits, for at most `patience`, and tells no more.
    pub(super) async fn close(&self, patience: Duration) {
        self.closing.cancel();
        if tokio::time::timeout(patience, self.telling.wait()).await.is_err() {
            tracing::warn!("some events are not told: Redis does not take them");
        }
    }
}

/// Tells events, those that Redis took at once in the order they came, until it is closed and none is left.
async fn tell_all(mut queue: mpsc::Receiver<Event>, publish: Publish, closing: CancellationToken) {
    let mut batch = Vec::with_capacity(AT_ONCE);
    loop {
        let taken = tokio::select! {
            biased;
            taken = queue.recv_many(&mut batch, AT_ONCE) => taken,
            () = closing.cancelled(), if !queue.is_closed() => {
                queue.close();
                continue;
            }
        };
        if taken == 0 {
            return;
        }
        publish_all(&mut batch, &publish).await;
    }
}

/// Publishes until Redis has taken everything.
async fn publish_all(batch: &mut Vec<Event>, publish: &Publish) {
    let pauses = ExponentialBuilder::default().with_min_delay(PAUSES.0).with_max_delay(PAUSES.1);
    let mut pauses = pauses.without_max_times().with_jitter().build();
    loop {
        let mut told = publish(batch.iter().map(Event::command).collect()).await.into_iter();
        batch.retain(|_| !told.next().unwrap_or(false));
        if batch.is_empty() {
            return;
        }
        let pause = pauses.next().unwrap_or(PAUSES.1);
        tracing::warn!(events = batch.len(), ?pause, "events are not told: Redis does not take them");
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests;
