//! API keys: well formed, told apart, and for a brand that exists.

use std::collections::BTreeSet;

use super::{Problem, refuse_if};
use crate::config::{ApiKey, Config, Role};

/// Longest id, in bytes.
const LONGEST_ID: usize = 64;

/// Every key of `api.keys`.
pub(super) fn all(config: &Config, problems: &mut Vec<Problem>) {
    let (mut ids, mut hashes) = (BTreeSet::new(), BTreeSet::new());
    for key in &config.api.keys {
        let id = &key.id;
        shape(key, problems);
        brand(config, key, problems);
        refuse_if(!ids.insert(id), problems, || {
            format!("`api.keys` has the id {id:?} twice: logs could not tell the two keys apart")
        });
        refuse_if(!hashes.insert(&key.hash), problems, || {
            format!("`api.keys` has the key {id:?} twice: one of the two entries can be removed")
        });
    }
}

fn shape(key: &ApiKey, problems: &mut Vec<Problem>) {
    let id = &key.id;
    let plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    refuse_if(!plain || !matches!(id.len(), 1..=LONGEST_ID), problems, || {
        format!("`api.keys` has the id {id:?}, which must be 1 to {LONGEST_ID} letters, digits, '_' or '-'")
    });
    refuse_if(!is_hash(&key.hash), problems, || {
        format!(
            "`api.keys` has for {id:?} a hash that is not \"sha256:\" and 64 lower-case hexadecimal digits: take the \
             line that `vigie key new` prints"
        )
    });
}

fn is_hash(text: &str) -> bool {
    let hex = |digits: &str| digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    text.strip_prefix("sha256:").is_some_and(|digits| digits.len() == 64 && hex(digits))
}

fn brand(config: &Config, key: &ApiKey, problems: &mut Vec<Problem>) {
    let id = &key.id;
    match (key.role, &key.brand) {
        (Role::Producer, None) => problems.push(Problem(format!(
            "`api.keys` has the producer {id:?} without `brand`: say for whom it pushes"
        ))),
        (Role::Producer, Some(brand)) => {
            // A folder may come later.
            let unknown = !config.brands.contains_key(brand) && !config.brand_folders.are_used();
            refuse_if(unknown, problems, || {
                format!(
                    "`api.keys` has the producer {id:?} for the brand `{brand}`, which `brands` does not have"
                )
            });
        }
        (Role::Signals | Role::Operator, Some(_)) => problems.push(Problem(format!(
            "`api.keys` has {id:?} with a `brand`, which only producers have: remove it"
        ))),
        (Role::Signals | Role::Operator, None) => {}
    }
}
