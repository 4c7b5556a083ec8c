//! What may come a moment after a send is gone: the index entry gets its time to live, and the result is announced.
//!
//! The result itself was recorded before. A gateway that dies in between leaves an index entry without end, a hundred
//! bytes; it is taken over by whoever uses the id again.

use std::sync::Arc;

use redis::{Cmd, cmd};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Inner;
use super::reply::Gone;
use super::router::{Lane, Place};

/// Results that may wait for Redis; beyond it they are not announced.
pub(super) const WAITING: usize = 16_384;

/// Results dealt with in one go.
const AT_ONCE: usize = 256;

/// Follows up on results until the store is closed and the queue empty.
pub(super) async fn run(inner: Arc<Inner>, mut queue: mpsc::Receiver<Gone>, stop: CancellationToken) {
    let mut batch = Vec::with_capacity(AT_ONCE);
    loop {
        tokio::select! {
            biased;
            taken = queue.recv_many(&mut batch, AT_ONCE) => if taken == 0 { return },
            () = stop.cancelled() => return,
        }
        let expire = batch.iter().map(|gone| expire(&inner, gone)).collect();
        for answer in inner.router.many(Lane::Control, expire).await {
            if let Err(error) = answer {
                tracing::debug!(%error, "an index entry keeps no time to live");
            }
        }
        batch.clear();
    }
}

fn expire(inner: &Inner, gone: &Gone) -> (Place, Cmd) {
    let index = inner.partitions.index_of(gone.send);
    let mut expire = cmd("PEXPIRE");
    expire.arg(index.key("i", &gone.send.0)).arg(inner.spans.keep_finished);
    (index.place, expire)
}
