//! What may come a moment after a send is gone: its index entry gets its time to live.
//!
//! The result itself was recorded before. A gateway that dies in between leaves an index entry without end, a hundred
//! bytes; it is taken over by whoever uses the id again.

use std::sync::Arc;

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

/// Lets index entries go in time, until the store is closed.
pub(super) async fn run(inner: Arc<Inner>, mut queue: mpsc::Receiver<SendId>, stop: CancellationToken) {
    let mut batch = Vec::with_capacity(AT_ONCE);
    loop {
        tokio::select! {
            biased;
            taken = queue.recv_many(&mut batch, AT_ONCE) => if taken == 0 { return },
            () = stop.cancelled() => return,
        }
        let expire = batch.iter().map(|gone| expire(&inner, *gone)).collect();
        for answer in inner.router.many(Lane::Control, expire).await {
            if let Err(error) = answer {
                tracing::debug!(%error, "an index entry keeps no time to live");
            }
        }
        batch.clear();
    }
}

fn expire(inner: &Inner, gone: SendId) -> (Place, Cmd) {
    let index = inner.partitions.index_of(gone);
    let mut expire = cmd("PEXPIRE");
    expire.arg(index.key("i", &gone.0)).arg(inner.spans.keep_finished);
    (index.place, expire)
}
