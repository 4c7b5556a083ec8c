//! Producers on Redis push to the same counter as those who call the API.

use std::sync::Arc;

use super::Listener;
use crate::api::{Carried, Counter, Doors, Problem, Taken};
use crate::config::{self, StoreUrl};
use crate::telemetry::Registry;
use crate::watch::stream::{Accept, Consumer, Metrics, Pace, Verdict};

/// Starts to listen to producers on Redis, where the store is one; describes the metrics in any case.
pub(super) fn listen(store: &config::Store, doors: &Doors, registry: &Registry) -> Option<Listener> {
    let metrics = Metrics::new(registry);
    let StoreUrl::Redis(url) = store.address() else { return None };
    if store.guest {
        return None;
    }
    let consumer = Consumer::new(&url, accept(Counter::new(doors)), metrics, Pace::default());
    Some(Listener::start(|stop| consumer.run(stop)))
}

/// The API's counter, as the stream's consumer knows it.
pub fn accept(counter: Counter) -> Accept {
    let counter = Arc::new(counter);
    Arc::new(move |pushed| {
        let counter = Arc::clone(&counter);
        let carried = pushed.into_iter().map(|send| Carried { json: send.json, name: send.name }).collect();
        Box::pin(async move { counter.take(carried).await.into_iter().map(verdict).collect() })
    })
}

fn verdict(answer: Result<Taken, Problem>) -> Verdict {
    match answer {
        Ok(Taken::New) => Verdict::Accepted,
        Ok(Taken::Same) => Verdict::Same,
        Err(problem) if problem.is_passing() => Verdict::Later,
        Err(problem) if problem.is_ours() => Verdict::Broken,
        Err(problem) => Verdict::Rejected(problem.to_json()),
    }
}
