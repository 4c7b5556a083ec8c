//! Some lines together on their way through the store.

use std::sync::Arc;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::{Duration, Instant};

use super::{PATIENCE, Shared};
use crate::api::Problem;
use crate::api::sends::Fate;
use crate::feeds::{Fault, Original};
use crate::model::SendSpec;

/// A line that was read.
pub(super) struct Line {
    /// Where it begins in the feed.
    pub(super) number: u64,
    /// What stands there.
    pub(super) original: Original,
    /// What is to become of it.
    pub(super) judged: Judged,
}

/// What was found out of a line without the store.
pub(super) enum Judged {
    /// A send, if the store has no objection.
    Send(Box<SendSpec>),
    /// The same as an earlier line.
    Duplicate,
    /// Refused.
    Refused(Fault),
}

/// A line that is dealt with.
pub(super) struct Done {
    pub(super) number: u64,
    pub(super) original: Original,
    pub(super) end: End,
}

/// What became of a line.
pub(super) enum End {
    Accepted,
    Same,
    Duplicate,
    Refused(Fault),
}

/// The store takes nothing, or an internal error; nothing of the batch counts as dealt with.
pub(super) type Stopped = Problem;

/// Deals with lines, in the order given.
pub(super) async fn deal(shared: Arc<Shared>, lines: Vec<Line>, dry_run: bool) -> Result<Vec<Done>, Stopped> {
    let mut sends = Vec::new();
    let mut places = Vec::with_capacity(lines.len());
    for line in lines {
        let end = match line.judged {
            Judged::Send(spec) => {
                sends.push(*spec);
                None
            }
            Judged::Duplicate => Some(End::Duplicate),
            Judged::Refused(fault) => Some(End::Refused(fault)),
        };
        places.push((line.number, line.original, end));
    }
    let fates = if dry_run { foresee(&shared, sends).await? } else { hand_in(&shared, sends).await? };
    let mut fates = fates.into_iter();
    let mut next = || fates.next().unwrap_or_else(|| Err(Problem::internal()));
    let done = places.into_iter().map(|(number, original, end)| {
        let end = end.unwrap_or_else(|| match next() {
            Ok(Fate::Accepted) => End::Accepted,
            Ok(Fate::Same) => End::Same,
            Err(problem) => End::Refused(fault(&problem)),
        });
        Done { number, original, end }
    });
    Ok(done.collect())
}

/// The problem of a send as a line's fault.
pub(super) fn fault(problem: &Problem) -> Fault {
    Fault::of(problem.at_fault().unwrap_or_default(), problem.detail())
}

type Fates = Vec<Result<Fate, Problem>>;

async fn foresee(shared: &Shared, sends: Vec<SendSpec>) -> Result<Fates, Stopped> {
    let mut fates = Vec::with_capacity(sends.len());
    for send in sends {
        match shared.counter.foresee(&send).await {
            Err(problem) if problem.is_ours() => return Err(problem),
            fate => fates.push(fate),
        }
    }
    Ok(fates)
}

/// Asks the store until it has taken or refused each send, or for too long.
async fn hand_in(shared: &Shared, sends: Vec<SendSpec>) -> Result<Fates, Stopped> {
    let mut fates: Vec<Option<Result<Fate, Problem>>> = vec![None; sends.len()];
    let mut left: Vec<(usize, SendSpec)> = sends.into_iter().enumerate().collect();
    let (since, mut pauses) = (Instant::now(), pauses());
    while !left.is_empty() {
        let asked = left.iter().map(|(_, send)| send.clone()).collect();
        let answers = shared.counter.accept_fed(asked).await;
        let mut again = Vec::new();
        let mut passing = None;
        for ((at, send), answer) in left.into_iter().zip(answers) {
            match answer {
                Err(problem) if problem.is_passing() => {
                    again.push((at, send));
                    passing = Some(problem);
                }
                Err(problem) if problem.is_ours() => return Err(problem),
                fate => fates[at] = Some(fate),
            }
        }
        left = again;
        if let Some(problem) = passing {
            if since.elapsed() >= PATIENCE {
                return Err(problem);
            }
            tokio::time::sleep(pauses.next().unwrap_or(PATIENCE)).await;
        }
    }
    Ok(fates.into_iter().map(|fate| fate.unwrap_or_else(|| Err(Problem::internal()))).collect())
}

fn pauses() -> impl Iterator<Item = Duration> {
    let pauses = ExponentialBuilder::default().with_min_delay(Duration::from_millis(50));
    pauses.with_max_delay(Duration::from_secs(2)).without_max_times().with_jitter().build()
}
