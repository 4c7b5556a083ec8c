//! A table of fixed size that forgets: the newest of those that meet in a slot stays.
//!
//! Nothing is allocated after the start, nobody waits but for the moment in which another thread writes the same slot, and
//! a look costs one line of the cache. What meets by chance is forgotten early, which costs a modifier, never a verdict
//! on somebody else: a slot knows the whole hash of whom it is about.

use std::sync::{Mutex, PoisonError};

/// One slot: about whom, and what.
#[derive(Debug, Default)]
struct Slot<V> {
    about: u64,
    value: V,
}

/// See the [module doc](self).
#[derive(Debug)]
pub(super) struct Table<V> {
    slots: Box<[Mutex<Slot<V>>]>,
}

impl<V: Default> Table<V> {
    /// Room for about so many; the next power of two, at least one.
    pub(super) fn new(room: u64) -> Self {
        let room = usize::try_from(room.clamp(1, 1 << 24).next_power_of_two()).unwrap_or(1);
        Self { slots: (0..room).map(|_| Mutex::default()).collect() }
    }

    /// What is known about this hash, to read and to change; nothing, if another has taken the slot.
    pub(super) fn with<T>(&self, about: u64, change: impl FnOnce(&mut V) -> T) -> T {
        let place = usize::try_from(about & (self.slots.len() as u64 - 1)).unwrap_or_default();
        let mut slot = self.slots[place].lock().unwrap_or_else(PoisonError::into_inner);
        if slot.about != about {
            *slot = Slot { about, value: V::default() };
        }
        change(&mut slot.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_those_who_meet_stays() {
        let table = Table::<u64>::new(4);
        for about in [1, 2, 5] {
            table.with(about, |count| *count += about);
        }
        assert_eq!(table.with(2, |count| *count), 2);
        assert_eq!(table.with(5, |count| *count), 5);
        assert_eq!(table.with(1, |count| *count), 0, "1 and 5 meet");
    }
}
