//! Which lines of a feed were the same line.

use std::collections::HashMap;

use crate::model::SendSpec;

/// Lines remembered: 28 MB at the most. A line that repeats one further back counts as accepted before.
const MOST: usize = 1_835_008;

/// The sends that a feed has had so far, by the beginnings of their ids and of their digests.
#[derive(Default)]
pub(super) struct Seen(HashMap<[u32; 2], u32>);

/// What a send is to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Met {
    /// The first of its id.
    First,
    /// An earlier line said exactly this.
    Again,
    /// An earlier line said something else under the same id.
    Otherwise,
}

impl Seen {
    pub(super) fn meet(&mut self, spec: &SendSpec) -> Met {
        let word = |at: usize| {
            let mut bytes = [0; 4];
            bytes.copy_from_slice(&spec.id.0[at..at + 4]);
            u32::from_be_bytes(bytes)
        };
        let digest =
            spec.digest.get(..8).and_then(|hex| u32::from_str_radix(hex, 16).ok()).unwrap_or_default();
        let id = [word(0), word(4)];
        match self.0.get(&id) {
            Some(before) if *before == digest => Met::Again,
            Some(_) => Met::Otherwise,
            None => {
                if self.0.len() < MOST {
                    self.0.insert(id, digest);
                }
                Met::First
            }
        }
    }
}
