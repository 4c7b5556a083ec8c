//! A hash table in many small pieces, so that growing it never copies (and never needs memory for) the whole.
//!
//! Its keys are the first bytes of SHA-256 and HMAC values: evenly spread already, so they are their own hash.

use hashbrown::HashTable;

/// Entries of type `T`, found by a 16-byte key that the caller's closures read out of an entry.
#[derive(Debug)]
pub(super) struct Shards<T> {
    shards: Box<[HashTable<T>]>,
    /// Where the next [`sweep`](Self::sweep) begins.
    hand: usize,
}

impl<T> Shards<T> {
    /// At most this many pieces: for a million entries about four thousand in each.
    const MOST: usize = 256;

    /// An empty table that will hold about `expected` entries. Allocates nothing yet.
    pub(super) fn new(expected: usize) -> Self {
        let count = (expected / 4096).clamp(1, Self::MOST).next_power_of_two();
        Self { shards: (0..count).map(|_| HashTable::new()).collect(), hand: 0 }
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(HashTable::len).sum()
    }

    /// How many pieces there are.
    pub(super) fn pieces(&self) -> usize {
        self.shards.len()
    }

    fn shard(&self, key: &[u8; 16]) -> usize {
        usize::from(key[15]) % self.shards.len()
    }

    /// The entry under `key` for which `same` holds.
    pub(super) fn get(&self, key: &[u8; 16], same: impl FnMut(&T) -> bool) -> Option<&T> {
        self.shards[self.shard(key)].find(hash(key), same)
    }

    /// The same, to be changed; the key must stay.
    pub(super) fn get_mut(&mut self, key: &[u8; 16], same: impl FnMut(&T) -> bool) -> Option<&mut T> {
        let shard = self.shard(key);
        self.shards[shard].find_mut(hash(key), same)
    }

    /// Adds an entry under a key that is not in the table; `key_of` reads the key of any entry.
    pub(super) fn insert(&mut self, key: &[u8; 16], entry: T, key_of: impl Fn(&T) -> [u8; 16]) {
        let shard = self.shard(key);
        self.shards[shard].insert_unique(hash(key), entry, |other| hash(&key_of(other)));
    }

    /// Takes out the entry under `key` for which `same` holds.
    pub(super) fn remove(&mut self, key: &[u8; 16], same: impl FnMut(&T) -> bool) -> Option<T> {
        let shard = self.shard(key);
        self.shards[shard].find_entry(hash(key), same).ok().map(|found| found.remove().0)
    }

    /// Keeps what `keep` wants, in the next `pieces` pieces only, round and round.
    pub(super) fn sweep(
        &mut self,
        pieces: usize,
        mut keep: impl FnMut(&mut T) -> bool,
        key_of: impl Fn(&T) -> [u8; 16],
    ) {
        for _ in 0..pieces.min(self.shards.len()) {
            let shard = &mut self.shards[self.hand];
            shard.retain(&mut keep);
            if shard.capacity() > 64 && shard.len() < shard.capacity() / 4 {
                shard.shrink_to_fit(|entry| hash(&key_of(entry)));
            }
            self.hand = (self.hand + 1) % self.shards.len();
        }
    }
}

fn hash(key: &[u8; 16]) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&key[..8]);
    u64::from_le_bytes(first)
}
