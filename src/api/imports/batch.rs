//! Some lines together on their way through the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::{Duration, Instant};

use super::{PATIENCE, Shared};
use crate::api::Problem;
use crate::api::sends::{Counter, Fate, Fed};
use crate::feeds::{Fault, Original};
use crate::model::{CaseSpec, SendSpec};

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
    /// A send, a case or both, if the store has no objection.
    Fed(Box<Fed>),
    /// The letter of an earlier line, and what this line says of its case, if that is something else.
    Again(Option<Box<CaseSpec>>),
    /// Refused.
    Refused(Fault),
}

/// A line that is dealt with.
pub(super) struct Done {
    pub(super) number: u64,
    pub(super) original: Original,
    pub(super) end: End,
}

/// Where a line stands before the store is asked.
enum Place {
    /// It is dealt with.
    Ended(End),
    /// The store is asked; what it is if that changes nothing.
    Asked(End),
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
    let mut fed = Vec::new();
    let mut places = Vec::with_capacity(lines.len());
    for line in lines {
        let place = match line.judged {
            Judged::Fed(line) => {
                fed.push(*line);
                Place::Asked(End::Same)
            }
            Judged::Again(Some(case)) => {
                fed.push(Fed { case: Some(*case), send: None });
                Place::Asked(End::Duplicate)
            }
            Judged::Again(None) => Place::Ended(End::Duplicate),
            Judged::Refused(fault) => Place::Ended(End::Refused(fault)),
        };
        places.push((line.number, line.original, place));
    }
    let fates = if dry_run { foresee(&shared, fed).await? } else { hand_in(&shared, fed).await? };
    let mut fates = fates.into_iter();
    let mut next = || fates.next().unwrap_or_else(|| Err(Problem::internal()));
    let done = places.into_iter().map(|(number, original, place)| {
        let end = match place {
            Place::Ended(end) => end,
            Place::Asked(same) => match next() {
                Ok(Fate::Accepted) => End::Accepted,
                Ok(Fate::Same) => same,
                Err(problem) => End::Refused(fault(&problem)),
            },
        };
        Done { number, original, end }
    });
    Ok(done.collect())
}

/// The problem of a send as a line's fault.
pub(super) fn fault(problem: &Problem) -> Fault {
    Fault::of(problem.at_fault().unwrap_or_default(), problem.detail())
}

type Fates = Vec<Result<Fate, Problem>>;

async fn foresee(shared: &Shared, lines: Vec<Fed>) -> Result<Fates, Stopped> {
    let mut fates = Vec::with_capacity(lines.len());
    for line in lines {
        match foresee_line(shared, &line).await {
            Err(problem) if problem.is_ours() => return Err(problem),
            fate => fates.push(fate),
        }
    }
    Ok(fates)
}

async fn foresee_line(shared: &Shared, line: &Fed) -> Result<Fate, Problem> {
    let case = match &line.case {
        Some(case) => shared.counter.foresee_case(case).await?,
        None => Fate::Same,
    };
    let send = match &line.send {
        Some(send) => shared.counter.foresee(send, line.case.as_ref()).await?,
        None => Fate::Same,
    };
    Ok(case.and(send))
}

/// First all cases, then the sends of those lines whose case was taken.
async fn hand_in(shared: &Shared, lines: Vec<Fed>) -> Result<Fates, Stopped> {
    let (mut cases, mut sends) = (Vec::new(), Vec::new());
    for (at, line) in lines.into_iter().enumerate() {
        cases.extend(line.case.map(|case| (at, case)));
        sends.push((at, line.send));
    }
    let mut put: BTreeMap<_, _> = insist(shared, cases).await?.into_iter().collect();
    let wanted = |(at, send): &(usize, Option<SendSpec>)| Some((*at, send.clone()?));
    let fits = |(at, _): &&(usize, _)| !matches!(put.get(at), Some(Err(_)));
    let asked = sends.iter().filter(fits).filter_map(wanted).collect();
    let mut accepted: BTreeMap<_, _> = insist(shared, asked).await?.into_iter().collect();
    let mut fate = |at: usize| {
        let case = put.remove(&at).unwrap_or(Ok(Fate::Same))?;
        Ok(case.and(accepted.remove(&at).unwrap_or(Ok(Fate::Same))?))
    };
    Ok((0..sends.len()).map(&mut fate).collect())
}

/// What the counter takes.
trait Item: Clone + Send {
    /// What it answers.
    type Answer: Send;
    fn hand_in(counter: &Counter, items: Vec<Self>) -> impl Future<Output = Answers<Self>> + Send;
}

/// In the order given.
type Answers<T> = Vec<Result<<T as Item>::Answer, Problem>>;

impl Item for CaseSpec {
    type Answer = Fate;
    fn hand_in(counter: &Counter, items: Vec<Self>) -> impl Future<Output = Answers<Self>> + Send {
        counter.put_cases(items)
    }
}

impl Item for SendSpec {
    type Answer = Fate;
    fn hand_in(counter: &Counter, items: Vec<Self>) -> impl Future<Output = Answers<Self>> + Send {
        counter.accept_fed(items)
    }
}

/// Asks the store until it has taken or refused each of these, or for too long.
async fn insist<T: Item>(
    shared: &Shared,
    items: Vec<(usize, T)>,
) -> Result<Vec<(usize, Result<T::Answer, Problem>)>, Stopped> {
    let mut answers = Vec::with_capacity(items.len());
    let mut left = items;
    let (since, mut pauses) = (Instant::now(), pauses());
    while !left.is_empty() {
        let asked = left.iter().map(|(_, item)| item.clone()).collect();
        let mut again = Vec::new();
        let mut passing = None;
        for ((at, item), answer) in left.into_iter().zip(T::hand_in(&shared.counter, asked).await) {
            match answer {
                Err(problem) if problem.is_passing() => {
                    again.push((at, item));
                    passing = Some(problem);
                }
                Err(problem) if problem.is_ours() => return Err(problem),
                answer => answers.push((at, answer)),
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
    Ok(answers)
}

fn pauses() -> impl Iterator<Item = Duration> {
    let pauses = ExponentialBuilder::default().with_min_delay(Duration::from_millis(50));
    pauses.with_max_delay(Duration::from_secs(2)).without_max_times().with_jitter().build()
}
