//! The door that opens by itself: leases that ran out, not-befores that arrived, deadlines that passed. And before a deadline
//! passes, a better moment is found for what will go then without presence.
//!
//! The store says when there is something to do ([`Store::due`]); nothing here polls.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::dispatch::Dispatcher;
use crate::flow::Gate;
use crate::model::{ClaimId, SendState};
use crate::store::{Aim, Store, Ticked};

/// Most sends one tick looks at, so that signals are not kept waiting behind a deadline shared by a whole campaign.
const AT_ONCE: usize = 256;

/// After a tick that failed, the next one waits this long.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Does what time brings until it is told to stop.
pub async fn run(store: Arc<dyn Store>, dispatcher: Dispatcher, gate: Gate, stop: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = store.due() => {}
        }
        let Some(room) = stop.run_until_cancelled(dispatcher.room()).await else { return };
        drop(room);
        match store.tick(ClaimId::random(), dispatcher.free().min(AT_ONCE)).await {
            Ok(ticked) => {
                let aims: Vec<_> = ticked.near.iter().filter_map(|near| gate.aim(near)).collect();
                follow(ticked, &dispatcher);
                aim(store.as_ref(), &aims).await;
            }
            Err(error) => {
                tracing::warn!(%error, "time-driven work is late: the store did not answer");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

/// Times sends better than by their deadlines.
async fn aim(store: &dyn Store, aims: &[Aim]) {
    if aims.is_empty() {
        return;
    }
    if let Err(error) = store.aim(aims).await {
        tracing::warn!(%error, sends = aims.len(), "sends keep their deadlines: the store did not answer");
    }
}

fn follow(ticked: Ticked, dispatcher: &Dispatcher) {
    for (send, state) in ticked.expired {
        if state == SendState::Uncertain {
            tracing::error!(%send, "outcome unknown: the lease ran out after the hand-over began");
        } else {
            tracing::warn!(%send, "lease ran out: waiting again");
        }
    }
    for (send, state) in ticked.ended {
        tracing::info!(%send, state = state.as_str(), "deadline passed");
    }
    dispatcher.fire(ticked.claims, None);
}
