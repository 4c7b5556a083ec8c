//! Telling in the background what this gateway's own calls brought about.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use redis::{Cmd, cmd};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::super::keys::Partition;
use super::super::router::{Lane, Place, Router};
use crate::model::{Event, Position};

/// Events that may wait to be told, about 500 bytes each; what comes beyond it is left in its outbox.
const WAITING: usize = 16_384;

/// Events told in one go.
const AT_ONCE: usize = 128;

/// After a failure, wait at least and at most this.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// An event that is to be told.
#[derive(Debug, Clone)]
pub(in crate::store::redis) struct Waiting {
    pub(in crate::store::redis) event: Event,
    /// Where it is to be taken out of then.
    pub(in crate::store::redis) outbox: Option<Outbox>,
}

/// A place in an outbox.
#[derive(Debug, Clone)]
pub(in crate::store::redis) struct Outbox {
    place: Place,
    key: String,
    field: Vec<u8>,
}

impl Outbox {
    pub(in crate::store::redis) fn new(partition: &Partition, field: Vec<u8>) -> Self {
        Self { place: partition.place, key: format!("{}:e", partition.tag), field }
    }
}

/// Tells events; says whether Redis took them, all or none.
pub(in crate::store::redis) type Publish = Arc<dyn Fn(Vec<Waiting>) -> Published + Send + Sync>;

/// What [`Publish`] answers.
pub(in crate::store::redis) type Published = Pin<Box<dyn Future<Output = bool> + Send>>;

/// Tells events in the background: [`tell`](Self::tell) never waits.
pub(in crate::store::redis) struct Announcer {
    waiting: mpsc::Sender<Waiting>,
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
        Self { waiting, closing, telling }
    }

    /// Tells an event, soon. To be called after its step is in the store. One too many stays in the outbox, where it is
    /// found.
    pub(super) fn tell(&self, waiting: Waiting) {
        let _ = self.waiting.try_send(waiting);
    }

    /// Tells what waits, for at most `patience`, and tells no more.
    pub(super) async fn close(&self, patience: Duration) {
        self.closing.cancel();
        if tokio::time::timeout(patience, self.telling.wait()).await.is_err() {
            tracing::warn!("some events are left for other gateways to tell: Redis does not take them");
        }
    }
}

/// Tells events in the order they came, until it is closed and none is left.
async fn tell_all(mut queue: mpsc::Receiver<Waiting>, publish: Publish, closing: CancellationToken) {
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
async fn publish_all(batch: &mut Vec<Waiting>, publish: &Publish) {
    let pauses = ExponentialBuilder::default().with_min_delay(PAUSES.0).with_max_delay(PAUSES.1);
    let mut pauses = pauses.without_max_times().with_jitter().build();
    while !publish(batch.clone()).await {
        let pause = pauses.next().unwrap_or(PAUSES.1);
        tracing::warn!(events = batch.len(), ?pause, "events are not told yet: Redis does not take them");
        tokio::time::sleep(pause).await;
    }
    batch.clear();
}

/// How events reach Redis: onto the stream, and then out of their outboxes.
pub(super) fn publisher(router: Router, keep: u64, newest: watch::Sender<Position>) -> Publish {
    Arc::new(move |batch| {
        let (router, newest) = (router.clone(), newest.clone());
        Box::pin(async move {
            let events: Vec<&Event> = batch.iter().map(|waiting| &waiting.event).collect();
            match super::tell(&router, keep, &events).await {
                Ok(last) => heard(&newest, last),
                Err(error) => {
                    tracing::debug!(%error, "events are not told");
                    return false;
                }
            }
            take_out(&router, batch.into_iter().filter_map(|waiting| waiting.outbox)).await;
            true
        })
    })
}

/// The log ends here, or later.
pub(super) fn heard(newest: &watch::Sender<Position>, last: Option<super::EntryId>) {
    let Some(last) = last.map(super::EntryId::position) else { return };
    newest.send_if_modified(|known| {
        let later = *known < last;
        if later {
            *known = last;
        }
        later
    });
}

/// Takes told events out of their outboxes. What stays is told again.
pub(super) async fn take_out(router: &Router, told: impl Iterator<Item = Outbox>) {
    let mut by_key: BTreeMap<String, (Place, Cmd)> = BTreeMap::new();
    for Outbox { place, key, field } in told {
        let (_, command) = by_key.entry(key).or_insert_with_key(|key| {
            let mut command = cmd("HDEL");
            command.arg(key);
            (place, command)
        });
        command.arg(field);
    }
    drop(router.many(Lane::Control, by_key.into_values().collect()).await);
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use jiff::Timestamp;
    use serde_json::Value;

    use super::*;

    fn waiting(id: usize) -> Waiting {
        let brand = "demo".parse().expect("a name");
        let (kind, at) = ("send.sent".into(), Timestamp::UNIX_EPOCH);
        Waiting { event: Event { id: id.to_string(), kind, at, brand, data: Value::Null }, outbox: None }
    }

    #[tokio::test(start_paused = true)]
    async fn what_redis_did_not_take_is_told_again_in_order() {
        let (told, round): (Arc<Mutex<Vec<String>>>, _) = (Arc::default(), AtomicUsize::new(0));
        let all = Arc::clone(&told);
        let publish: Publish = Arc::new(move |batch| {
            // The first time Redis is away.
            let well = round.fetch_add(1, Ordering::SeqCst) > 0;
            if well {
                all.lock().expect("sound").extend(batch.into_iter().map(|waiting| waiting.event.id));
            }
            Box::pin(std::future::ready(well))
        });
        let announcer = Announcer::start(publish);
        (0..300).for_each(|n| announcer.tell(waiting(n)));
        announcer.close(Duration::from_mins(1)).await;
        assert_eq!(*told.lock().expect("sound"), (0..300).map(|n| n.to_string()).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_tells_never_waits() {
        let announcer = Announcer::start(Arc::new(|_| Box::pin(std::future::pending())));
        (0..WAITING * 2).for_each(|n| announcer.tell(waiting(n)));
        announcer.close(Duration::from_secs(1)).await;
    }
}
