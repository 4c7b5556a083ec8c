//! The line in which one shard's reports wait: bounded, the oldest first while it keeps up, the newest first while it is
//! behind.
//!
//! A line that is always served in order serves everybody late once more people come than the store takes, and goes on
//! to do so until all that piled up is worked off. Served from its end, whoever comes now has their mail at once, and
//! the others are no worse off ("adaptive LIFO": Maurer, *Fail at Scale*, ACM Queue 13(8), 2015). For the same reason
//! whoever came first gives way where the line is full.
//!
//! Departures overtake nobody and nobody overtakes them, or somebody would be taken for present who left: in order they
//! have their turn, and while it is the newest's they go first, and what their recipient showed before is void.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::Report;
use super::counts::Counts;
use crate::model::{Leaving, RecipientId, Signal};

/// A line whose oldest signal has waited longer is behind. Well above what a busy moment makes of it, and below what
/// somebody who opens their mailbox would notice.
const BEHIND: Duration = Duration::from_millis(100);

/// Most departures that are remembered for what is older and still waits; beyond, the line is served in order.
const MOST_LEFT: usize = 1024;

/// The entrance. The line is closed when it is dropped.
#[derive(Debug)]
pub(super) struct Inlet(Arc<Line>);

/// The giving side of one shard. All reports of one recipient leave by the same outlet.
#[derive(Debug)]
pub struct Outlet {
    line: Arc<Line>,
    counts: Arc<Counts>,
}

/// Why a report was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Full,
    Closed,
}

#[derive(Debug)]
struct Line {
    waiting: Mutex<Waiting>,
    /// Rung when something waits that did not before, and when the line closes.
    bell: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// By their turns.
    seen: VecDeque<(u64, Signal)>,
    /// By their turns.
    gone: VecDeque<(u64, RecipientId, Leaving)>,
    /// Whose departure overtook what they showed before this turn.
    left: HashMap<RecipientId, u64, foldhash::fast::RandomState>,
    turn: u64,
    /// Most signals, and most departures.
    depth: usize,
    closed: bool,
}

/// What has its turn.
enum Turn {
    Due(Report),
    /// Its recipient left after it.
    Void(Signal),
}

/// A line with room for `depth` signals and as many departures.
pub(super) fn line(depth: usize, counts: Arc<Counts>) -> (Inlet, Outlet) {
    let waiting = Mutex::new(Waiting { depth, ..Waiting::default() });
    let line = Arc::new(Line { waiting, bell: Notify::new() });
    (Inlet(Arc::clone(&line)), Outlet { line, counts })
}

impl Inlet {
    /// Takes a report; never waits. Gives back the signal that had to make room for it.
    pub(super) fn offer(&self, report: Report) -> Result<Option<Signal>, Refused> {
        let mut waiting = self.0.waiting();
        if waiting.closed {
            return Err(Refused::Closed);
        }
        let idle = waiting.is_empty();
        let displaced = waiting.add(report)?;
        drop(waiting);
        if idle {
            self.0.bell.notify_one();
        }
        Ok(displaced)
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Outlet {
    /// The next report; none once the outlet is closed (or the intake gone) and what was queued is drained.
    pub async fn recv(&mut self) -> Option<Report> {
        loop {
            if let Some(report) = self.try_recv() {
                return Some(report);
            }
            if self.line.waiting().closed {
                return None;
            }
            // Whatever came since has left the bell rung.
            self.line.bell.notified().await;
        }
    }

    /// The next report, if one waits already.
    pub fn try_recv(&mut self) -> Option<Report> {
        loop {
            let turn = self.line.waiting().next();
            match turn? {
                Turn::Due(report) => return Some(report),
                Turn::Void(signal) => self.counts.left(&signal),
            }
        }
    }

    /// Takes no more signals: what is queued can still be received, then [`recv`](Self::recv) gives none.
    pub fn close(&mut self) {
        self.line.close();
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.line.close();
    }
}

impl Line {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.waiting().closed = true;
        self.bell.notify_one();
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.seen.is_empty() && self.gone.is_empty()
    }

    fn add(&mut self, report: Report) -> Result<Option<Signal>, Refused> {
        self.turn += 1;
        match report {
            Report::Gone(..) if self.gone.len() == self.depth => Err(Refused::Full),
            Report::Gone(who, leaving) => {
                self.gone.push_back((self.turn, who, leaving));
                Ok(None)
            }
            Report::Seen(signal) => {
                let oldest = if self.seen.len() == self.depth { self.seen.pop_front() } else { None };
                self.seen.push_back((self.turn, signal));
                Ok(oldest.map(|(_, signal)| signal))
            }
        }
    }

    fn next(&mut self) -> Option<Turn> {
        let newest_first = self.behind() && self.left.len() < MOST_LEFT;
        if self.departure_is_next(newest_first) {
            let (turn, who, leaving) = self.gone.pop_front()?;
            if newest_first {
                self.left.insert(who, turn);
            }
            return Some(Turn::Due(Report::Gone(who, leaving)));
        }
        let (turn, signal) = if newest_first { self.seen.pop_back() } else { self.seen.pop_front() }?;
        let void = self.left.get(&signal.recipient).is_some_and(|left| turn < *left);
        if self.seen.is_empty() {
            self.rest();
        }
        Some(if void { Turn::Void(signal) } else { Turn::Due(Report::Seen(signal)) })
    }

    fn behind(&self) -> bool {
        self.seen.front().is_some_and(|(_, oldest)| oldest.received.elapsed() > BEHIND)
    }

    fn departure_is_next(&self, newest_first: bool) -> bool {
        match (self.gone.front(), self.seen.front()) {
            (Some((gone, ..)), Some((seen, _))) => newest_first || gone < seen,
            (gone, _) => gone.is_some(),
        }
    }

    /// No signal waits: nothing is void any more, and the room of a long line is given back.
    fn rest(&mut self) {
        self.left.clear();
        if self.seen.capacity() > ROOMY {
            self.seen = VecDeque::new();
        }
    }
}

/// A line of this length is nothing special.
const ROOMY: usize = 4096;

#[cfg(test)]
mod tests;
