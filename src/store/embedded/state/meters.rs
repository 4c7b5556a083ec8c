//! Tokens of limited flows: taken directly before a hand-over, or the send waits its turn.
//!
//! A rate is kept by the generic cell rate algorithm: `due` is when the bucket is empty again; a token is there as long as
//! that is less than a burst away. A day is kept in slices: whatever lies in one that touches the last 24 hours counts.
//!
//! Who finds none is told when to ask again: soon, also where the next token is a day away or a pause has no end, because an
//! operator may raise the limit or resume the flow at any moment, and nothing but asking finds out; and each at a turn of its
//! own, so that they do not come back together.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::model::{FlowScope, Flows, Limits, Pass, SendId, Toll};

use super::super::records::Change;
use super::super::time::{Millis, NEVER, millis, timestamp};

/// The width of a day's slices.
const SLICE: Millis = 15 * 60 * 1000;

/// Slices of 24 hours.
const SLICES: i64 = 96;

/// Those who wait for a slow flow ask again so often, all together: one in so many microseconds.
const ASKING: i64 = 10_000;

/// Turns are spread over no more than this, in microseconds.
const LONGEST: i64 = 3_600_000_000;

/// Nobody waits longer for a token than this for each of those who wait, before asking again at the next turn: so the few ask
/// twenty times a second together.
const PATIENCE: Millis = 50;

/// ... but this at least,
const SHORTEST_PATIENCE: Millis = 1000;

/// ... and at most this, however many wait.
const LONGEST_PATIENCE: Millis = 60_000;

/// All limited flows.
#[derive(Debug, Default)]
pub(super) struct Meters {
    meters: HashMap<FlowScope, Meter>,
    /// Rates count from here as if each flow had just used its burst: what went before a restart is not known.
    since: Millis,
}

/// One flow's tokens.
#[derive(Debug, Clone, Default)]
struct Meter {
    /// When the last token was taken, in microseconds.
    last: i64,
    /// When all tokens are there again, in microseconds.
    due: i64,
    /// Tokens by slice, the oldest first.
    day: BTreeMap<i64, u32>,
    /// Who was told to come back, and when.
    waiting: HashMap<SendId, Millis>,
    turns: BTreeSet<(Millis, SendId)>,
    told: u64,
}

impl Meters {
    /// Nothing is known of what was taken before `since`, but days.
    pub(super) fn new(since: Millis) -> Self {
        Self { meters: HashMap::new(), since }
    }

    /// What was taken in a slice before.
    pub(super) fn load(&mut self, scope: &FlowScope, slice: i64, taken: u32) {
        self.meter(scope).day.insert(slice, taken);
    }

    /// Takes a token of each flow that is limited, or of none.
    pub(super) fn take(
        &mut self,
        send: SendId,
        tolls: &[Toll],
        flows: &Flows,
        now: Millis,
        changes: &mut Vec<Change>,
    ) -> Pass {
        let at = timestamp(now);
        let mut limited = Vec::with_capacity(tolls.len());
        for Toll { scope, limits } in tolls {
            let setting = flows.settings.get(scope);
            if let Some(pause) = setting.filter(|setting| setting.paused(at)) {
                let over = pause.until.map_or(NEVER, millis);
                let until = self.meter(scope).wait(send, over, ASKING, now);
                return Pass::Paused(scope.clone(), timestamp(until));
            }
            let limits = setting.map_or(*limits, |setting| setting.limits(*limits, at));
            if !limits.is_empty() {
                limited.push((scope, limits));
            }
        }
        let mut free = Vec::with_capacity(limited.len());
        for (scope, limits) in &limited {
            let meter = self.meter(scope);
            let moved = meter.mend(now).into_iter();
            changes.extend(moved.map(|(slice, taken)| Change::Taken((*scope).clone(), slice, taken)));
            free.push(meter.free_at(limits, now));
        }
        let last = free.iter().enumerate().max_by_key(|(_, free)| **free).filter(|(_, free)| **free > now);
        if let Some((at, free)) = last {
            let (scope, limits) = limited[at];
            let until = self.meter(scope).wait(send, *free, interval(&limits), now);
            return Pass::Wait(scope.clone(), timestamp(until));
        }
        for (scope, limits) in limited {
            let (gone, slice, taken) = self.meter(scope).take(send, &limits, now);
            changes.extend(gone.into_iter().map(|slice| Change::Taken(scope.clone(), slice, 0)));
            changes.push(Change::Taken(scope.clone(), slice, taken));
        }
        Pass::Go
    }

    fn meter(&mut self, scope: &FlowScope) -> &mut Meter {
        if !self.meters.contains_key(scope) {
            let last = self.since.saturating_mul(1000);
            self.meters.insert(scope.clone(), Meter { last, due: i64::MAX, ..Meter::default() });
        }
        self.meters.get_mut(scope).expect("it was put there")
    }
}

impl Meter {
    /// A clock that was set back: what was taken later than now was taken now, for all that is known. So a flow waits no
    /// longer than after any other token, and not until the clock has come as far again. Gives the slices that changed.
    fn mend(&mut self, now: Millis) -> Vec<(i64, u32)> {
        self.last = self.last.min(now.saturating_mul(1000));
        let slice = now.div_euclid(SLICE);
        let ahead = self.day.split_off(&(slice + 1));
        if ahead.is_empty() {
            return Vec::new();
        }
        let taken = self.day.entry(slice).or_default();
        *taken = ahead.values().fold(*taken, |sum, taken| sum.saturating_add(*taken));
        std::iter::once((slice, *taken)).chain(ahead.into_keys().map(|gone| (gone, 0))).collect()
    }

    /// When a token is there.
    fn free_at(&mut self, limits: &Limits, now: Millis) -> Millis {
        let rate = limits.rate.map_or(now, |rate| {
            let (burst, interval) = rate.burst_and_interval();
            // A flow that was slower before need not wait for what it could not have used up at this rate.
            self.due = self.due.min(self.last.saturating_add(burst * interval));
            ceil_millis(self.due - (burst - 1) * interval)
        });
        rate.max(limits.per_day.map_or(now, |most| self.day_free_at(most, now)))
    }

    /// When one more fits into 24 hours.
    fn day_free_at(&self, most: u32, now: Millis) -> Millis {
        let oldest = now.div_euclid(SLICE) - SLICES;
        let mut left: u64 = self.day.range(oldest..).map(|(_, taken)| u64::from(*taken)).sum();
        for (slice, taken) in self.day.range(oldest..) {
            if left < u64::from(most) {
                break;
            }
            left -= u64::from(*taken);
            if left < u64::from(most) {
                return (slice + SLICES + 1) * SLICE;
            }
        }
        now
    }

    /// Takes a token that is there; gives the slices that are over, and what was taken in this one.
    fn take(&mut self, send: SendId, limits: &Limits, now: Millis) -> (Vec<i64>, i64, u32) {
        if let Some(rate) = limits.rate {
            let (_, interval) = rate.burst_and_interval();
            self.last = now * 1000;
            self.due = self.due.max(self.last) + interval;
        }
        if let Some(turn) = self.waiting.remove(&send) {
            self.turns.remove(&(turn, send));
        }
        let slice = now.div_euclid(SLICE);
        let later = self.day.split_off(&(slice - SLICES));
        let gone = std::mem::replace(&mut self.day, later).into_keys().collect();
        let taken = self.day.entry(slice).or_default();
        *taken = taken.saturating_add(1);
        (gone, slice, *taken)
    }

    /// When this send shall ask again: when there may be a token, but soon, as what holds it may be changed. From then on as
    /// many as wait are spread over the time they take, or, of slow flows, over as long as makes them ask a hundred times a
    /// second together.
    fn wait(&mut self, send: SendId, free: Millis, interval: i64, now: Millis) -> Millis {
        while self.turns.first().is_some_and(|(turn, _)| *turn <= now) {
            if let Some((_, gone)) = self.turns.pop_first() {
                self.waiting.remove(&gone);
            }
        }
        if let Some(turn) = self.waiting.remove(&send) {
            self.turns.remove(&(turn, send));
        }
        self.told += 1;
        let (waiting, told) = (i64::try_from(self.waiting.len()).unwrap_or(i64::MAX) + 1, self.told);
        let patience = waiting.saturating_mul(PATIENCE).clamp(SHORTEST_PATIENCE, LONGEST_PATIENCE);
        let until = free.min(now + patience) + turn_after(waiting, told, interval);
        self.waiting.insert(send, until);
        self.turns.insert((until, send));
        until
    }
}

/// How far apart a flow's mails are in the long run, in microseconds.
fn interval(limits: &Limits) -> i64 {
    const DAY: i64 = 86_400_000_000;
    let rate = limits.rate.map_or(0, |rate| rate.burst_and_interval().1);
    rate.max(limits.per_day.map_or(0, |most| DAY / i64::from(most.max(1))))
}

/// How long after that one of so many waits, in milliseconds; `told` spreads them.
fn turn_after(waiting: i64, told: u64, interval: i64) -> Millis {
    let span = waiting.saturating_mul(interval.min(ASKING)).max(interval.min(1_000_000)).min(LONGEST);
    // The golden ratio spreads evenly, whatever number there are.
    let place = i64::try_from(told % 65536 * 40503 % 65536).unwrap_or_default();
    span * place / 65_536_000
}

fn ceil_millis(micros: i64) -> Millis {
    micros.div_euclid(1000) + i64::from(micros.rem_euclid(1000) != 0)
}
