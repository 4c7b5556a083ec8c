//! The last few of something.

use super::Moment;

/// The last few different things, each with its moment.
#[derive(Debug)]
pub(super) struct Last<T, const N: usize>([(T, Moment); N]);

impl<T: Copy + Default, const N: usize> Default for Last<T, N> {
    fn default() -> Self {
        Self([(T::default(), 0); N])
    }
}

impl<T: Copy + PartialEq, const N: usize> Last<T, N> {
    /// This one now, in place of itself or of the oldest.
    pub(super) fn add(&mut self, one: T, now: Moment) {
        let known = self.0.iter().position(|(other, at)| *other == one && *at != 0);
        self.0[..=known.unwrap_or(N - 1)].rotate_right(1);
        self.0[0] = (one, now);
    }

    /// Those since a moment, the newest first.
    pub(super) fn since(&self, since: Moment) -> impl Iterator<Item = T> {
        self.0.iter().filter(move |(_, at)| *at != 0 && *at > since).map(|(one, _)| *one)
    }
}
