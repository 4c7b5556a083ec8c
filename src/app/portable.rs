//! Opening stores to move from one to the other.

use std::path::Path;
use std::sync::Arc;

use super::StartError;
use super::opening::{options, rules};
use crate::brands::Brands;
use crate::clock::Clock;
use crate::config::{Config, RedisUrl, StoreUrl};
use crate::secrets::{self, Secrets};
use crate::store::embedded::Embedded;
use crate::store::portable::Portable;
use crate::store::redis::RedisStore;

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
/// As [`open_store`](super::open_store), but that a store is opened although an interrupted move has left it shut; also if
/// there is no store to move out of.
pub async fn open_to_move(
    config: &Config,
    url: &StoreUrl,
    end: End,
    clock: &Clock,
) -> Result<Arc<dyn Portable>, StartError> {
    match url {
        StoreUrl::Embedded(directory) => embedded(config, &config.data.dir.join(directory), end, clock),
        StoreUrl::Redis(url) => remote(config, url, end, clock).await,
    }
}

/// An installation that was started before is held to the identity of the store, and one to move into gets it: people
/// are known by it, and would not be recognised in the other.
async fn remote(
    config: &Config,
    url: &RedisUrl,
    end: End,
    clock: &Clock,
) -> Result<Arc<dyn Portable>, StartError> {
    let identity = match Secrets::read(&config.data.dir) {
        Ok(secrets) => Some(secrets.identity),
        Err(secrets::Error::Missing { .. }) => None,
        Err(error) => return Err(StartError::Configuration(error.to_string())),
    };
    let rules = rules(config, &Brands::default());
    let (options, clock) = (options(config, identity.as_ref()), clock.clone());
    Ok(Arc::new(match end {
        End::From => RedisStore::open_to_move_out(url, options, rules, clock).await?,
        End::To => RedisStore::open_to_move_in(url, options, rules, clock).await?,
    }))
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
    let rules = rules(config, &Brands::default());
    Ok(Arc::new(Embedded::open_to_move(directory, config.store.cache_mib, rules, clock.clone())?))
}
