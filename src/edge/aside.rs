//! Partners' pixels without a token are looked at elsewhere, and later.
//!
//! Such a pixel can be made of anybody's address by anybody, so its answer must not tell whether we know the person: not by
//! its bytes, and not by how long it or the next one takes. A thread of the edge therefore only puts the request aside and
//! answers; everything that depends on who it is happens in a task of its own.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::service::Call;
use super::tracker::Tracker;

/// Requests that may wait: some milliseconds' worth, with their heads some megabytes.
const WAITING: usize = 4096;

/// Where requests are put.
pub(super) type Aside = mpsc::Sender<Call>;

/// A place to put requests, and what comes out of it.
pub(super) fn aside() -> (Aside, mpsc::Receiver<Call>) {
    mpsc::channel(WAITING)
}

/// Looks at what was put aside, until no thread of the edge is left to put anything there.
pub(super) async fn hear(mut calls: mpsc::Receiver<Call>, tracker: Arc<Tracker>) {
    while let Some(call) = calls.recv().await {
        let (_, rest) = call.route();
        tracker.hashed(rest, call.visit());
    }
}
