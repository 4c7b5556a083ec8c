//! Who is online: 22 bytes for each person, in memory only, forgotten when the window has passed.
//!
//! Nothing of it is written to disk. A restart forgets who was online, which costs a delay until the next signal;
//! that is the right price for data this personal.

use crate::model::{RecipientId, Source};

use super::shards::Shards;
use super::time::Millis;

/// One present person: who, and when and where last seen, packed so that a million fit in 50 MB.
#[derive(Debug, Clone, Copy)]
struct Present {
    who: [u8; 16],
    /// Milliseconds since 1970 times eight plus the source, little-endian: good until the year 3084.
    stamp: [u8; 6],
}

/// The present people, at most as many as [`Presence::new`] was told.
#[derive(Debug)]
pub(super) struct Presence {
    people: Shards<Present>,
    tally: Tally,
    window: Millis,
    most: usize,
    next_sweep: Millis,
}

impl Presence {
    /// How many sweeps go through the whole table once.
    const STEPS: usize = 16;

    /// Nobody, and never more than `most` people at a time, each for `window`.
    pub(super) fn new(window: Millis, most: usize) -> Self {
        let tally = Tally::new(window);
        Self { people: Shards::new(most), tally, window, most, next_sweep: Millis::MIN }
    }

    /// When and where this person was last seen, if that is within the window.
    pub(super) fn get(&self, who: RecipientId, now: Millis) -> Option<(Millis, Source)> {
        let (seen, source) = self.people.get(&who.0, |present| present.who == who.0)?.unpack();
        (now < seen.saturating_add(self.window)).then_some((seen, source))
    }

    /// Remembers that this person is here now, if there is room.
    pub(super) fn seen(&mut self, who: RecipientId, now: Millis, source: Source) {
        self.sweep_in_time(now);
        let fresh = Present::pack(who, now, source);
        if let Some(present) = self.people.get_mut(&who.0, |present| present.who == who.0) {
            self.tally.remove(present.unpack().0);
            *present = fresh;
        } else if self.has_room(now) {
            self.people.insert(&who.0, fresh, |present| present.who);
        } else {
            return;
        }
        self.tally.add(now);
    }

    /// Forgets this person; tells whether they were present.
    pub(super) fn away(&mut self, who: RecipientId, now: Millis) -> bool {
        let gone =
            self.people.remove(&who.0, |present| present.who == who.0).map(|present| present.unpack().0);
        if let Some(seen) = gone {
            self.tally.remove(seen);
        }
        gone.is_some_and(|seen| now < seen.saturating_add(self.window))
    }

    /// People present now; those of the window's last sixty-fourth may be counted a moment too long.
    pub(super) fn count(&self, now: Millis) -> u64 {
        self.tally.since(now.saturating_sub(self.window))
    }

    /// When [`sweep_in_time`](Self::sweep_in_time) has something to do, if ever.
    pub(super) fn next_sweep(&self) -> Option<Millis> {
        (self.people.len() > 0).then_some(self.next_sweep)
    }

    /// Drops people whose window has passed, a sixteenth of the table per sixteenth of the window.
    pub(super) fn sweep_in_time(&mut self, now: Millis) {
        if now >= self.next_sweep {
            self.sweep(self.people.pieces().div_ceil(Self::STEPS), now);
            let step = self.window / Self::STEPS.cast_signed() as Millis;
            self.next_sweep = now.saturating_add(step.max(1000));
        }
    }

    fn has_room(&mut self, now: Millis) -> bool {
        if self.people.len() >= self.most {
            self.sweep(1, now);
        }
        self.people.len() < self.most
    }

    fn sweep(&mut self, pieces: usize, now: Millis) {
        let since = now.saturating_sub(self.window);
        let tally = &mut self.tally;
        let keep = |present: &mut Present| {
            let seen = present.unpack().0;
            let here = seen > since;
            if !here {
                tally.remove(seen);
            }
            here
        };
        self.people.sweep(pieces, keep, |present| present.who);
    }
}

impl Present {
    fn pack(who: RecipientId, at: Millis, source: Source) -> Self {
        let code = Source::ALL.iter().position(|known| *known == source).unwrap_or_default();
        let bytes = ((at << 3) | code.cast_signed() as Millis).to_le_bytes();
        Self { who: who.0, stamp: [bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]] }
    }

    fn unpack(&self) -> (Millis, Source) {
        let mut bytes = [0; 8];
        bytes[..6].copy_from_slice(&self.stamp);
        let stamp = Millis::from_le_bytes(bytes);
        (stamp >> 3, Source::ALL[usize::from(bytes[0] & 7).min(Source::ALL.len() - 1)])
    }
}

/// How many people were last seen in which sixty-fourth of a window: counts who is online without looking at each.
#[derive(Debug)]
struct Tally {
    width: Millis,
    /// Which slice the newest entry of the ring stands for.
    newest: Millis,
    ring: [u64; Self::SLICES],
}

impl Tally {
    /// One window and a slice.
    const SLICES: usize = 65;

    fn new(window: Millis) -> Self {
        Self { width: (window / 64).max(1), newest: 0, ring: [0; Self::SLICES] }
    }

    fn place(&self, slice: Millis) -> Option<usize> {
        let oldest = self.newest - Self::SLICES.cast_signed() as Millis + 1;
        let place = slice.rem_euclid(Self::SLICES.cast_signed() as Millis);
        (oldest..=self.newest).contains(&slice).then_some(place.unsigned_abs().try_into().ok()?)
    }

    fn add(&mut self, at: Millis) {
        let slice = at / self.width;
        if slice - self.newest > Self::SLICES.cast_signed() as Millis {
            self.ring = [0; Self::SLICES];
            self.newest = slice;
        }
        while self.newest < slice {
            self.newest += 1;
            if let Some(place) = self.place(self.newest) {
                self.ring[place] = 0;
            }
        }
        if let Some(place) = self.place(slice) {
            self.ring[place] += 1;
        }
    }

    fn remove(&mut self, at: Millis) {
        if let Some(place) = self.place(at / self.width) {
            self.ring[place] = self.ring[place].saturating_sub(1);
        }
    }

    fn since(&self, after: Millis) -> u64 {
        let first = (after + 1) / self.width;
        (first..=self.newest).filter_map(|slice| self.place(slice)).map(|place| self.ring[place]).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(n: u8) -> RecipientId {
        RecipientId([n; 16])
    }

    #[test]
    fn a_person_is_online_for_exactly_the_window() {
        let mut presence = Presence::new(1000, 10);
        presence.seen(who(1), 5_000, Source::Portal);
        assert_eq!(presence.get(who(1), 5_999), Some((5_000, Source::Portal)));
        assert_eq!(presence.get(who(1), 6_000), None);
    }

    #[test]
    fn beyond_the_bound_nobody_is_remembered_until_somebody_leaves() {
        let mut presence = Presence::new(64_000, 2);
        for n in 1..=3 {
            presence.seen(who(n), 5_000, Source::Open);
        }
        assert_eq!((presence.get(who(3), 5_000), presence.count(5_000)), (None, 2));
        presence.seen(who(3), 80_000, Source::Open);
        assert_eq!((presence.get(who(3), 80_000).is_some(), presence.count(80_000)), (true, 1));
    }

    #[test]
    fn the_count_follows_arrivals_departures_and_time() {
        let mut presence = Presence::new(64_000, 10_000);
        for n in 0..100 {
            presence.seen(who(n), 1_000_000 + i64::from(n) * 100, Source::Open);
        }
        presence.seen(who(0), 1_020_000, Source::Click);
        assert!(presence.away(who(1), 1_020_000));
        assert_eq!(presence.count(1_020_000), 99);
        assert_eq!(presence.count(1_075_000), 1);
        assert_eq!(presence.count(1_090_000), 0);
    }
}
