//! Which lines of a feed were the same line.

use std::collections::HashMap;

use crate::model::{CaseSpec, SendId, SendSpec};

/// Letters remembered, and cases: 28 MB at the most, each. A line that repeats one further back counts as accepted before.
const MOST: usize = 1_835_008;

/// What a feed has said so far, by the beginnings of ids and of digests.
#[derive(Default)]
pub(super) struct Seen {
    sends: HashMap<[u32; 2], u32>,
    /// What was said last of each.
    cases: HashMap<[u32; 2], u32>,
}

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
        let digest =
            spec.digest.get(..8).and_then(|hex| u32::from_str_radix(hex, 16).ok()).unwrap_or_default();
        let id = beginning(spec.id);
        match self.sends.get(&id) {
            Some(before) if *before == digest => Met::Again,
            Some(_) => Met::Otherwise,
            None => {
                if self.sends.len() < MOST {
                    self.sends.insert(id, digest);
                }
                Met::First
            }
        }
    }

    /// Whether this is not what the last line of this case said.
    pub(super) fn hear(&mut self, case: &CaseSpec) -> bool {
        let [a, b, c, d, ..] = case.digest();
        let (id, digest) = (beginning(case.id().0), u32::from_be_bytes([a, b, c, d]));
        if let Some(last) = self.cases.get_mut(&id) {
            return std::mem::replace(last, digest) != digest;
        }
        if self.cases.len() < MOST {
            self.cases.insert(id, digest);
        }
        true
    }
}

fn beginning(id: SendId) -> [u32; 2] {
    let word = |at: usize| {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&id.0[at..at + 4]);
        u32::from_be_bytes(bytes)
    };
    [word(0), word(4)]
}
