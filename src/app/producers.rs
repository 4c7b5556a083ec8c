//! Producers on Redis push to the same counter as those who call the API.

use std::sync::Arc;

use crate::api::{Carried, Counter, Problem, Taken};
use crate::watch::stream::{Accept, Verdict};

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
