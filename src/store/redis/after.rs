//! What may come a moment after a send is gone: its index entry gets its time to live.
//!
//! The result itself was recorded before. While Redis does not take it, it is tried again for a minute or two. A gateway
//! that dies in between, an outage that lasts longer, or more than [`WAITING`] ids meanwhile, leave index entries without
//! end, a hundred bytes each; one is taken over by whoever uses the id again.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use redis::{Cmd, cmd};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::model::SendId;

use super::inner::Inner;
use super::router::{Lane, Place};

/// Ids that may wait for Redis.
pub(super) const WAITING: usize = 16_384;

/// Ids dealt with in one go.
const AT_ONCE: usize = 256;

/// After a failure, wait at least and at most this, twice as much with the jitter, and so many times.
const PAUSES: (Duration, Duration, usize) = (Duration::from_millis(100), Duration::from_secs(5), 20);

/// Lets index entries go in time, until the store is closed.
pub(super) async fn run(inner: Arc<Inner>, mut queue: mpsc::Receiver<SendId>, stop: CancellationToken) {
    let mut batch = Vec::with_capacity(AT_ONCE);
    loop {
        tokio::select! {
            biased;
            taken = queue.recv_many(&mut batch, AT_ONCE) => if taken == 0 { return },
            () = stop.cancelled() => return,
        }
        tokio::select! {
            () = expire_all(&inner, &mut batch) => {}
            () = stop.cancelled() => return,
        }
        batch.clear();
    }
}

/// Until Redis has taken all of them, or for as long as is reasonable.
async fn expire_all(inner: &Inner, batch: &mut Vec<SendId>) {
    let (least, most, times) = PAUSES;
    let pauses =
        ExponentialBuilder::default().with_min_delay(least).with_max_delay(most).with_max_times(times);
    let mut pauses = pauses.with_jitter().build();
    loop {
        let commands = batch.iter().map(|gone| expire(inner, *gone)).collect();
        let mut answers = inner.router.many(Lane::Control, commands).await.into_iter();
        batch.retain(|_| answers.next().is_none_or(|answer| answer.is_err()));
        if batch.is_empty() {
            return;
        }
        let Some(pause) = pauses.next() else {
            tracing::warn!(entries = batch.len(), "index entries of finished sends keep no time to live");
            return;
        };
        tokio::time::sleep(pause).await;
    }
}

fn expire(inner: &Inner, gone: SendId) -> (Place, Cmd) {
    let index = inner.partitions.index_of(gone);
    let mut expire = cmd("PEXPIRE");
    expire.arg(index.key("i", &gone.0)).arg(inner.spans.keep_finished);
    (index.place, expire)
}
