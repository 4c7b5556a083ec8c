//! The line in which one shard's reports wait: bounded, the oldest first while it keeps up, the newest first while it is
//! behind.
//!
//! A line that is always served in order serves everybody late once more people come than the store takes, and goes on
//! to do so until all that piled up is worked off. Served from its end, whoever comes now has their mail at once
//! ("adaptive LIFO": Maurer, *Fail at Scale*, ACM Queue 13(8), 2015). The others wait the longer for it, so whoever came
//! first gives way where the line is full, and whoever has waited too long to be still there is not seen at all.
//!
//! Departures overtake nobody and nobody overtakes them, or somebody would be taken for present who left: in order they
//! have their turn, and while it is the newest's they go first, and what they [end](Departure::ends) of what their
//! recipient showed before is void.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::Report;
use super::endings::{Ending, Endings};
use crate::model::{Leaving, RecipientId, Signal};

/// A line whose oldest signal has waited longer is behind. Well above what a busy moment makes of it, and below what
/// somebody who opens their mailbox would notice.
const BEHIND: Duration = Duration::from_millis(100);

/// A signal that has waited longer is no presence any more: mail servers' reports are not taken for it either when they are
/// older (`signals`), and the store would write down that somebody was seen now.
const STALE: Duration = Duration::from_secs(10);

/// Most people whose departures are remembered for what is older and still waits; beyond, the line is served in order until it has gone.
const MOST_LEFT: usize = 1024;

/// The entrance. The line is closed when it is dropped.
#[derive(Debug)]
pub(super) struct Inlet(Arc<Line>);

/// The giving side of one shard. All reports of one recipient leave by the same outlet.
#[derive(Debug)]
pub struct Outlet {
    line: Arc<Line>,
    endings: Arc<Endings>,
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
    gone: VecDeque<(RecipientId, Departure)>,
    /// Who left before their older signals had their turn.
    left: HashMap<RecipientId, Left, foldhash::fast::RandomState>,
    turn: u64,
    /// Most signals, and most departures.
    depth: usize,
    closed: bool,
}

/// Word that somebody is not there any more.
#[derive(Debug, Clone, Copy)]
struct Departure {
    turn: u64,
    at: Instant,
    leaving: Leaving,
}

/// The last departure of each kind of one person.
#[derive(Debug, Default)]
struct Left {
    left: Option<Departure>,
    unmasked: Option<Departure>,
}

/// What has its turn.
enum Turn {
    Due(Report),
    Over(Signal, Ending),
}

/// A line with room for `depth` signals and as many departures.
pub(super) fn line(depth: usize, endings: Arc<Endings>) -> (Inlet, Outlet) {
    let waiting = Mutex::new(Waiting { depth, ..Waiting::default() });
    let line = Arc::new(Line { waiting, bell: Notify::new() });
    (Inlet(Arc::clone(&line)), Outlet { line, endings })
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
            // Before it is looked into: what came before the end is still drained.
            let closed = self.line.waiting().closed;
            if let Some(report) = self.try_recv() {
                return Some(report);
            }
            if closed {
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
                Turn::Over(signal, why) => self.endings.end(&signal, why),
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
                self.gone.push_back((who, Departure { turn: self.turn, at: Instant::now(), leaving }));
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
        let waited = self.seen.front().map(|(_, oldest)| oldest.received.elapsed()).unwrap_or_default();
        if waited > STALE {
            let (_, signal) = self.seen.pop_front()?;
            self.rest();
            return Some(Turn::Over(signal, Ending::Late));
        }
        let newest_first = waited > BEHIND && self.remembers_departures();
        if self.departure_is_next(newest_first) {
            let (who, departure) = self.gone.pop_front()?;
            if newest_first {
                self.left.entry(who).or_default().note(departure);
            }
            return Some(Turn::Due(Report::Gone(who, departure.leaving)));
        }
        let (turn, signal) = if newest_first { self.seen.pop_back() } else { self.seen.pop_front() }?;
        let over = self.left.get(&signal.recipient).is_some_and(|left| left.ends(turn, &signal));
        self.rest();
        Some(if over { Turn::Over(signal, Ending::Left) } else { Turn::Due(Report::Seen(signal)) })
    }

    /// Whether one more departure can be remembered. Those that nothing older waits for are forgotten first.
    fn remembers_departures(&mut self) -> bool {
        if self.left.len() >= MOST_LEFT {
            let oldest = self.seen.front().map_or(u64::MAX, |(turn, _)| *turn);
            self.left.retain(|_, left| left.last() > oldest);
        }
        self.left.len() < MOST_LEFT
    }

    fn departure_is_next(&self, newest_first: bool) -> bool {
        match (self.gone.front(), self.seen.front()) {
            (Some((_, gone)), Some((seen, _))) => newest_first || gone.turn < *seen,
            (gone, _) => gone.is_some(),
        }
    }

    /// If no signal waits, nothing is void any more, and the room of a long line is given back.
    fn rest(&mut self) {
        if !self.seen.is_empty() {
            return;
        }
        self.left.clear();
        if self.seen.capacity() > ROOMY {
            self.seen = VecDeque::new();
        }
    }
}

impl Left {
    fn note(&mut self, departure: Departure) {
        match departure.leaving {
            Leaving::Left => self.left = Some(departure),
            Leaving::Unmasked(_) => self.unmasked = Some(departure),
        }
    }

    fn both(&self) -> impl Iterator<Item = &Departure> {
        self.left.iter().chain(&self.unmasked)
    }

    fn last(&self) -> u64 {
        self.both().map(|departure| departure.turn).max().unwrap_or_default()
    }

    fn ends(&self, turn: u64, signal: &Signal) -> bool {
        self.both().any(|departure| turn < departure.turn && departure.ends(signal))
    }
}

impl Departure {
    /// Whether this departure ends the presence that an older signal of the same person would have been; the store goes by
    /// the same rule.
    fn ends(&self, signal: &Signal) -> bool {
        match self.leaving {
            Leaving::Left => true,
            Leaving::Unmasked(within) => {
                signal.source.is_fetched() && self.at.saturating_duration_since(signal.received) <= within
            }
        }
    }
}

/// A line of this length is nothing special.
const ROOMY: usize = 4096;

#[cfg(test)]
mod tests;
