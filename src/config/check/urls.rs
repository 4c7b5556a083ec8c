//! Where the store is. Its address may hold a password, so no sentence repeats it.

use super::{Problem, refuse_if};
use crate::config::{Config, StoreUrl};

/// How to log in is said once and as a whole, and only a Redis has users and replicas.
pub(super) fn store(config: &Config, problems: &mut Vec<Problem>) {
    let store = &config.store;
    let named = !store.user.is_empty() || !store.password.expose().is_empty();
    let StoreUrl::Redis(url) = &store.url else {
        refuse_if(named, problems, || {
            "`store.user` and `store.password` are for Redis, but `store.url` is \"embedded:DIR\"".to_owned()
        });
        refuse_if(store.enqueue_wait > 0, problems, || {
            "`store.enqueue_wait` counts replicas of Redis, but `store.url` is \"embedded:DIR\"".to_owned()
        });
        return;
    };
    let twice = named && (url.user.is_some() || url.password.is_some());
    refuse_if(twice, problems, || {
        "`store.url` and `store.user` or `store.password` both say who logs in: take it out of the URL"
            .to_owned()
    });
    let half = match store.address() {
        StoreUrl::Redis(whole) => whole.user.is_some() && whole.password.is_none(),
        StoreUrl::Embedded(_) => false,
    };
    refuse_if(half, problems, || {
        "`store.url` or `store.user` names a user without a password: set VIGIE__STORE__PASSWORD".to_owned()
    });
}
