//! Where signals end that the store never hears of: each counted by its verdict and why, and told to the statistics of its
//! letter's case, as somebody saw that letter all the same.

use super::counts::Counts;
use super::statistics::{Sight, Statistics};
use crate::model::{Signal, Source, Verdict};

/// What is told of signals.
#[derive(Debug)]
pub(super) struct Endings {
    pub(super) counts: Counts,
    pub(super) statistics: Statistics,
}

/// Why a signal was not acted on that waited for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// A newer one needed its room.
    Full,
    /// Its recipient left after it.
    Left,
    /// It waited too long.
    Late,
}

impl Endings {
    /// A signal that waited ends here.
    pub(super) fn end(&self, signal: &Signal, why: Ending) {
        match why {
            Ending::Full => self.counts.full(),
            Ending::Left => self.counts.left(),
            Ending::Late => self.counts.late(),
        }
        self.ended(signal.source, Sight::of(signal), &signal.judgement.settled());
    }

    /// A signal of this verdict ends here.
    pub(super) fn ended(&self, source: Source, sight: Option<Sight>, verdict: &Verdict) {
        self.counts.judged(source, verdict);
        self.statistics.tell(sight, verdict);
    }
}
