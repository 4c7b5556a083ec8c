//! Opening stores to move from one to the other.

use std::path::Path;
use std::sync::Arc;

use super::StartError;
use super::opening::rules;
use crate::clock::Clock;
use crate::config::{Config, StoreUrl};
use crate::store::embedded::Embedded;
use crate::store::portable::Portable;

/// Which end of a move a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Moved out of: it must be there.
    From,
    /// Moved into: made, if it is not there.
    To,
}

/// Opens the store at `url` to move out of or into it, with the rules of the configuration.
///
/// # Errors
/// As [`open_store`](super::open_store), but that a store is opened although an interrupted move has left it shut.
pub fn open_to_move(
    config: &Config,
    url: &StoreUrl,
    end: End,
    clock: &Clock,
) -> Result<Arc<dyn Portable>, StartError> {
    match url {
        StoreUrl::Embedded(directory) => embedded(config, &config.data.dir.join(directory), end, clock),
        StoreUrl::Redis(_) => {
            let sentence = "this build moves between embedded stores (`embedded:DIR`) only";
            Err(StartError::Configuration(sentence.into()))
        }
    }
}

fn embedded(
    config: &Config,
    directory: &Path,
    end: End,
    clock: &Clock,
) -> Result<Arc<dyn Portable>, StartError> {
    if end == End::From && !directory.exists() {
        return Err(StartError::Unavailable(format!("there is no store in {}", directory.display())));
    }
    Ok(Arc::new(Embedded::open_to_move(directory, config.store.cache_mib, rules(config), clock.clone())?))
}
