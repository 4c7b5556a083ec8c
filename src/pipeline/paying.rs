//! Somebody followed a payment link: counted in the case, and told as `link.clicked`.
//!
//! The redirect waits for none of this. While the store is away clicks wait here, as many as there is room for.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::intake::Intake;
use crate::model::{Event, Glance, Name, RecipientId, Seen, SendId};
use crate::store::{Store, StoreError};

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
pub struct Clicks(mpsc::Receiver<Click>);

struct Click {
    brand: Name,
    seen: Seen,
}

impl Paying {
    /// Takes clicks, and what tells of them.
    pub fn new(intake: Arc<Intake>, clock: Clock) -> (Self, Clicks) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Self { sender, intake, clock }, Clicks(receiver))
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
    /// Tells of each click until it is told to stop; then of those that wait, as long as the store takes them.
    pub async fn run(mut self, store: Arc<dyn Store>, stop: CancellationToken) {
        while let Some(Some(mut click)) = stop.run_until_cancelled(self.0.recv()).await {
            while let Err(error) = click.tell(&*store).await {
                tracing::debug!(%error, "a click on a payment link waits for the store");
                if stop.run_until_cancelled(tokio::time::sleep(AGAIN)).await.is_none() {
                    return;
                }
            }
        }
        while let Ok(mut click) = self.0.try_recv() {
            if click.tell(&*store).await.is_err() {
                return;
            }
        }
    }
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
