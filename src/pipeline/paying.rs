//! Somebody followed a payment link: counted in the case, and told as `link.clicked`.
//!
//! The redirect waits for none of this. While the store is away clicks wait here, as many as there is room for. A gateway that
//! is told to stop goes on telling for as long as attempts may take to end (`dispatch.drain`), so that one that is restarted
//! because of its store loses none; what still waits then is counted and logged, by its number.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use prometheus::IntCounter;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::intake::Intake;
use crate::model::{Event, Glance, Name, RecipientId, Seen, SendId};
use crate::store::{Store, StoreError};
use crate::telemetry::{Metric, Registry};

const LOST: Metric = Metric {
    name: "vigie_payment_clicks_lost_total",
    labels: &[],
    meaning: "Clicks on payment links of which nothing could be told, because the store was away during a \
              stop",
    healthy: "0",
    alert: "any: the store was away during a stop. The clicks are in vigie_payment_clicks_total, and who \
              paid is not affected",
};

/// Clicks that wait for the store; more are shed and counted.
const WAITING: usize = 1024;

/// The store is asked again after this.
const AGAIN: Duration = Duration::from_secs(1);

/// Takes clicks, on any thread, without waiting.
#[derive(Clone)]
pub struct Paying {
    sender: mpsc::Sender<Click>,
    intake: Arc<Intake>,
    clock: Clock,
}

/// The other side.
pub struct Clicks {
    queue: mpsc::Receiver<Click>,
    lost: IntCounter,
}

struct Click {
    brand: Name,
    seen: Seen,
}

impl Paying {
    /// Takes clicks, and what tells of them.
    pub fn new(intake: Arc<Intake>, clock: Clock, registry: &Registry) -> (Self, Clicks) {
        let (sender, queue) = mpsc::channel(WAITING);
        let lost = registry.counter(LOST).with_label_values::<&str>(&[]);
        (Self { sender, intake, clock }, Clicks { queue, lost })
    }

    /// Somebody followed the payment link in this letter: once a minute it is told.
    pub fn followed(&self, brand: Name, recipient: RecipientId, send: SendId) {
        let Some(what) = self.intake.paying(send) else { return };
        let seen = Seen { recipient, send, what, at: self.clock.now() };
        if self.sender.try_send(Click { brand, seen }).is_err() {
            self.intake.shed_statistics(1);
        }
    }
}

impl Clicks {
    /// Tells of each click until it is told to stop; then of those that wait, within `drain`.
    pub async fn run(mut self, store: Arc<dyn Store>, stop: CancellationToken, drain: Duration) {
        let mut rest = VecDeque::new();
        while let Some(Some(click)) = stop.run_until_cancelled(self.queue.recv()).await {
            rest.push_back(click);
            if !tell_all(&mut rest, &*store, &stop).await {
                break;
            }
        }
        rest.extend(std::iter::from_fn(|| self.queue.try_recv().ok()));
        let never = CancellationToken::new();
        if timeout(drain, tell_all(&mut rest, &*store, &never)).await.is_err() {
            let clicks = rest.len();
            self.lost.inc_by(clicks as u64);
            tracing::warn!(clicks, "clicks on payment links are told to nobody: the store was away");
        }
    }
}

/// Tells of these, each again and again until it is told, and takes them away; tells whether it came to the end before `stop`.
async fn tell_all(rest: &mut VecDeque<Click>, store: &dyn Store, stop: &CancellationToken) -> bool {
    while let Some(click) = rest.front_mut() {
        match click.tell(store).await {
            Ok(()) => drop(rest.pop_front()),
            Err(error) => {
                tracing::debug!(%error, "a click on a payment link waits for the store");
                if stop.run_until_cancelled(sleep(AGAIN)).await.is_none() {
                    return false;
                }
            }
        }
    }
    true
}

impl Click {
    /// Counts it, unless it was, and tells of it; again, it is the same event.
    async fn tell(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let case = store.note_seen(&[self.seen]).await?.into_iter().flatten().next();
        self.seen.what = Glance::Counted;
        store.announce(self.event(case.map(|(_, case)| case))).await
    }

    /// Says which case as far as that is known: a case that was closed, or never put, has forgotten its letters.
    fn event(&self, case: Option<String>) -> Event {
        let Seen { send, at, .. } = self.seen;
        let mut data = Map::new();
        let mut put = |key: &str, value: Value| drop(data.insert(key.to_owned(), value));
        if let Some(case) = case {
            put("id", case.into());
        }
        put("brand", self.brand.as_str().into());
        put("at", at.to_string().into());
        put("send", send.to_string().into());
        Event {
            id: format!("{send}-clicked-{}", at.as_millisecond()),
            kind: "link.clicked".into(),
            at,
            brand: self.brand.clone(),
            data: Value::Object(data),
        }
    }
}
