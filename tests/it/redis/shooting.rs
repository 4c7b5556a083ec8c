//! A gateway without its doors: fires claims, and does what time brings.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio_util::task::AbortOnDropHandle;
use vigie::model::{Claim, ClaimId, SendId};
use vigie::store::redis::RedisStore;
use vigie::store::{Fenced, Store};

use super::accepted;

/// How often each send went out.
#[derive(Debug, Default)]
pub(super) struct Sink(Mutex<HashMap<SendId, usize>>);

impl Sink {
    /// Takes a mail.
    fn take(&self, send: SendId) {
        *self.0.lock().expect("sound").entry(send).or_default() += 1;
    }

    /// How many sends went out.
    pub(super) fn len(&self) -> usize {
        self.0.lock().expect("sound").len()
    }

    /// Whether this one went out.
    pub(super) fn has(&self, send: SendId) -> bool {
        self.0.lock().expect("sound").contains_key(&send)
    }

    /// Every send that went out more than once.
    pub(super) fn doubled(&self) -> Vec<SendId> {
        let taken = self.0.lock().expect("sound");
        taken.iter().filter(|(_, times)| **times > 1).map(|(send, _)| *send).collect()
    }
}

/// Fires claims as a dispatcher would; gives how many went out.
pub(super) async fn fire(store: &RedisStore, sink: &Sink, claims: Vec<Claim>) -> usize {
    let mut sent = 0;
    for claim in claims {
        if store.begin(claim.hold).await.expect("begin works") == Fenced::Stale {
            continue;
        }
        sink.take(claim.hold.send);
        sent += 1;
        let finished = store.finish(claim.hold, accepted()).await;
        assert_eq!(finished.expect("finish works"), Fenced::Done, "nobody else has it");
    }
    sent
}

/// Does what time brings, until it is dropped.
pub(super) fn keep_time(store: &Arc<RedisStore>, sink: &Arc<Sink>) -> AbortOnDropHandle<()> {
    let (store, sink) = (Arc::clone(store), Arc::clone(sink));
    AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            store.due().await;
            let ticked = store.tick(ClaimId::random(), 256).await.expect("tick works");
            fire(&store, &sink, ticked.claims).await;
        }
    }))
}

/// As [`keep_time`], but what fails is tried again.
pub(super) fn keep_patient_time(store: &Arc<RedisStore>, sink: &Arc<Sink>) -> AbortOnDropHandle<()> {
    let (store, sink) = (Arc::clone(store), Arc::clone(sink));
    AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            store.due().await;
            if let Ok(ticked) = store.tick(ClaimId::random(), 256).await {
                fire(&store, &sink, ticked.claims).await;
            }
        }
    }))
}
