//! Which store `store.url` names, and what it needs to know.

use std::sync::Arc;
use std::time::Duration;

use super::StartError;
use crate::brands::Brands;
use crate::clock::Clock;
use crate::config::{AtMost, Config, StoreUrl};
use crate::model::{Budget, Budgets};
use crate::store::embedded::Embedded;
use crate::store::redis::{Figures, Options, RedisStore};
use crate::store::{Rules, Store};
use crate::telemetry::Registry;
use crate::token::Identity;

/// Opens the store that `store.url` names, for the installation that knows people by `identity`; without one, as a guest.
pub async fn open_store(
    config: &Config,
    brands: &Brands,
    identity: Option<&Identity>,
    clock: &Clock,
    registry: &Registry,
) -> Result<Arc<dyn Store>, StartError> {
    let (rules, clock) = (rules(config, brands), clock.clone());
    let figures = Figures::new(registry);
    match config.store.address() {
        StoreUrl::Embedded(directory) => {
            let directory = config.data.dir.join(directory);
            Ok(Arc::new(Embedded::open(&directory, config.store.cache_mib, rules, clock)?))
        }
        StoreUrl::Redis(url) => {
            let store = RedisStore::open(&url, options(config, identity), rules, clock).await?;
            store.show(figures);
            Ok(Arc::new(store))
        }
    }
}

/// How a store in Redis is used.
pub(super) fn options(config: &Config, identity: Option<&Identity>) -> Options {
    Options {
        replicas: config.store.enqueue_wait,
        replicas_within: config.store.enqueue_wait_timeout,
        accept_losing_sends: config.store.accept_losing_sends,
        identity: identity.map(Identity::fingerprint),
    }
}

/// What the store needs to know of the configuration and the brands.
pub(super) fn rules(config: &Config, brands: &Brands) -> Rules {
    Rules {
        window: config.presence.window,
        min_gap: config.presence.min_gap,
        budgets: budgets(config, brands),
        recent: recent(config),
        landed_within: config.presence.landed_within,
        fire_threshold: percent(config.classify.fire_threshold),
        hint_ttl: config.classify.hint_ttl,
        echo: config.classify.echo,
        history: config.presence.history,
        best_hour: config.dispatch.best_hour,
        lease: config.dispatch.lease,
        claims_per_touch: config.dispatch.claims_per_touch,
        max_attempts: config.dispatch.retry.max_attempts,
        max_waiting: config.store.max_waiting,
        max_online: config.presence.max_online,
        keep_finished: config.store.keep_finished,
        keep_cases: config.store.keep_cases,
        max_mailboxes: config.watch.max_mailboxes,
        keep_events: config.events.keep,
        brands: brands.clone(),
    }
}

/// What one person gets at most, by the brands as they are now.
fn budgets(config: &Config, brands: &Brands) -> Budgets {
    let all = |budgets: &[AtMost]| budgets.iter().copied().map(Budget::from).collect();
    let known = brands.now();
    let brands = known.brands.iter().filter(|(_, brand)| !brand.budget.is_empty());
    Budgets {
        together: all(&config.budget.together),
        brands: brands.map(|(name, brand)| (name.clone(), all(&brand.budget))).collect(),
    }
}

/// How long a mail's age matters: until the last window has closed, and it cannot land in time any more.
fn recent(config: &Config) -> Duration {
    let classify = &config.classify;
    let windows =
        [classify.window_open, classify.window_click, classify.window_proxy, classify.window_probable];
    let others = [config.presence.scan_grace, config.presence.landed_within];
    windows.into_iter().chain(others).max().unwrap_or_default()
}

/// A share as whole percents.
fn percent(share: f32) -> u8 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be between 0 and 1"
    )]
    let percent = (share * 100.0).round() as u8;
    percent
}
