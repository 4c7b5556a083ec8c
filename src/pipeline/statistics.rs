//! Who saw which letter reaches the store: together, and beside everything that sends mail.

use std::sync::Arc;
use std::time::Duration;

use prometheus::IntCounterVec;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::intake::{Intake, Sight, Sights};
use crate::model::{Glance, Name, Seen};
use crate::store::Store;
use crate::telemetry::{Label, Metric, Registry};

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
    letters: Letters,
    stop: CancellationToken,
) {
    let note = async |batch: Vec<Seen>| match store.note_seen(&batch).await {
        Ok(cases) => {
            for (seen, (brand, _)) in batch.iter().zip(cases).filter_map(|(seen, case)| Some((seen, case?))) {
                letters.seen(&brand, seen.what);
            }
        }
        Err(error) => {
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

/// Counts, by brand, how letters of cases are seen.
#[derive(Debug, Clone)]
pub struct Letters(IntCounterVec);

impl Letters {
    /// Of this registry.
    pub fn new(registry: &Registry) -> Self {
        Self(registry.counter(SEEN))
    }

    fn seen(&self, brand: &Name, what: Glance) {
        let what = match what {
            Glance::Open => "opened",
            Glance::Click => "clicked",
            Glance::Counted => return,
        };
        self.0.with_label_values(&[brand.as_str(), what]).inc();
    }
}

const SEEN: Metric = Metric {
    name: "vigie_letters_seen_total",
    labels: &[Label::BRAND, Label::of("what", &["opened", "clicked"])],
    meaning: "Letters of cases that people opened, or of which they followed a link; as often as they did",
    healthy: "a steady share of the mails sent",
    alert: "it falls while mails go out: pixels or links do not reach us, or mails land in spam",
};

fn seen(sight: Sight, clock: &Clock) -> Seen {
    Seen { recipient: sight.recipient, send: sight.send, what: sight.what, at: clock.now() }
}
