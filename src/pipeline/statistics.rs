//! Who saw which letter reaches the store: together, and beside everything that sends mail.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::intake::{Intake, Sight, Sights};
use crate::model::Seen;
use crate::store::Store;

/// Sights that are counted in one go.
const TOGETHER: usize = 100;

/// The first of them waits so long for the others.
const WITHIN: Duration = Duration::from_millis(100);

/// Counts what is seen until it is told to stop, and then what waits. What the store does not take is lost: it is
/// statistics.
pub async fn run(
    mut sights: Sights,
    store: Arc<dyn Store>,
    intake: Arc<Intake>,
    clock: Clock,
    stop: CancellationToken,
) {
    let note = async |batch: Vec<Seen>| {
        if let Err(error) = store.note_seen(&batch).await {
            intake.shed_statistics(batch.len() as u64);
            tracing::debug!(%error, "statistics are lost: the store did not take them");
        }
    };
    while let Some(Some(first)) = stop.run_until_cancelled(sights.recv()).await {
        let mut batch = vec![seen(first, &clock)];
        let fill = async {
            while batch.len() < TOGETHER
                && let Some(sight) = sights.recv().await
            {
                batch.push(seen(sight, &clock));
            }
        };
        // A batch that is not full goes as it is.
        drop(timeout(WITHIN, fill).await);
        note(batch).await;
    }
    let rest: Vec<_> = std::iter::from_fn(|| sights.try_recv()).map(|sight| seen(sight, &clock)).collect();
    for batch in rest.chunks(TOGETHER) {
        note(batch.to_vec()).await;
    }
}

fn seen(sight: Sight, clock: &Clock) -> Seen {
    Seen { recipient: sight.recipient, send: sight.send, what: sight.what, at: clock.now() }
}
