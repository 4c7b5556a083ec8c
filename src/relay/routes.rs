//! Which relay takes which brand's mail.
//!
//! Brands with the same settings share one pool, and with it `connections`: what limits a server's load is where the mail
//! goes, not who wrote it. A pool that no brand uses any more takes leave on its idle connections; a session that is under
//! way keeps its own to the end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::metrics::Register;
use super::{Relay, RelayError};
use crate::config;
use crate::model::Name;
use crate::telemetry::Registry;

/// The relays of all brands. Cheap to clone; all clones know the same.
#[derive(Clone)]
pub struct Relays(Arc<Shared>);

struct Shared {
    data_dir: PathBuf,
    register: Register,
    routes: ArcSwap<Routes>,
}

#[derive(Clone)]
struct Routes {
    /// `[relay]`, for every brand without one of its own.
    general: Route,
    own: BTreeMap<Name, Route>,
}

/// A relay and what it was opened with.
#[derive(Clone)]
pub struct Route {
    settings: Arc<config::Relay>,
    relay: Relay,
}

impl Relays {
    /// Everybody's relay.
    ///
    /// # Errors
    /// As [`Relay::new`].
    pub fn new(settings: &config::Relay, data_dir: &Path, registry: &Registry) -> Result<Self, RelayError> {
        let register = Register::new(registry);
        let general = Route {
            relay: Relay::open(settings, data_dir, &register)?,
            settings: Arc::new(settings.clone()),
        };
        let routes = ArcSwap::from_pointee(Routes { general, own: BTreeMap::new() });
        Ok(Self(Arc::new(Shared { data_dir: data_dir.to_owned(), register, routes })))
    }

    /// The relay that takes this brand's mail now.
    pub fn of(&self, brand: &Name) -> Relay {
        let routes = self.0.routes.load();
        routes.own.get(brand).unwrap_or(&routes.general).relay.clone()
    }

    /// A way to the relay of these settings, for [`assign`](Self::assign): one there is, or a new one, of which nothing is
    /// used yet. `planned` are ways found a moment ago that are not assigned yet.
    ///
    /// # Errors
    /// As [`Relay::new`].
    pub fn find<'a>(
        &self,
        settings: &config::Relay,
        planned: impl IntoIterator<Item = &'a Route>,
    ) -> Result<Route, RelayError> {
        let routes = self.0.routes.load();
        let known = routes.all().find(|route| *route.settings == *settings);
        let known = known.or_else(|| planned.into_iter().find(|route| *route.settings == *settings));
        known.map_or_else(|| self.open(settings), |route| Ok(route.clone()))
    }

    fn open(&self, settings: &config::Relay) -> Result<Route, RelayError> {
        let relay = Relay::open(settings, &self.0.data_dir, &self.0.register)?;
        Ok(Route { settings: Arc::new(settings.clone()), relay })
    }

    /// From now on these brands' mails go these ways, and the others' as before. One caller at a time, in a runtime: relays
    /// that nobody uses any more are closed in the background.
    pub fn assign(&self, ways: impl IntoIterator<Item = (Name, Route)>) {
        let old = self.0.routes.load_full();
        let mut fresh = Routes::clone(&old);
        fresh.own.extend(ways);
        let left: Vec<_> =
            old.all().filter(|route| !fresh.uses(route)).map(|route| route.relay.clone()).collect();
        self.0.routes.store(Arc::new(fresh));
        for relay in left {
            tokio::spawn(async move { relay.close().await });
        }
    }

    /// Takes leave on all idle connections; connections still in use are closed by their sessions.
    pub async fn close(&self) {
        for route in self.0.routes.load_full().all() {
            route.relay.close().await;
        }
    }
}

impl Routes {
    fn all(&self) -> impl Iterator<Item = &Route> {
        std::iter::once(&self.general).chain(self.own.values())
    }

    fn uses(&self, route: &Route) -> bool {
        self.all().any(|used| Arc::ptr_eq(&used.relay.0, &route.relay.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn name(text: &str) -> Name {
        text.parse().expect("a name")
    }

    fn same(a: &Relay, b: &Relay) -> bool {
        Arc::ptr_eq(&a.0, &b.0)
    }

    #[tokio::test]
    async fn the_same_settings_are_one_relay_and_others_another() {
        let data = tempfile::tempdir().expect("a directory");
        let general = Config::load(&[], []).expect("the default file").relay;
        let relays = Relays::new(&general, data.path(), &Registry::new()).expect("good settings");
        let own = config::Relay { url: "smtp://own.example?tls=none".into(), ..general.clone() };
        let first = relays.find(&own, []).expect("good settings");
        let second = relays.find(&own, [&first]).expect("good settings");
        let usual = relays.find(&general, [&first]).expect("good settings");
        relays.assign([(name("a"), first), (name("b"), second), (name("c"), usual)]);
        assert!(same(&relays.of(&name("a")), &relays.of(&name("b"))));
        assert!(same(&relays.of(&name("c")), &relays.of(&name("unknown"))));
        assert!(!same(&relays.of(&name("a")), &relays.of(&name("c"))));

        let before = relays.of(&name("b"));
        let usual = relays.find(&general, []).expect("good settings");
        relays.assign([(name("a"), usual)]);
        assert!(same(&relays.of(&name("a")), &relays.of(&name("c"))));
        assert!(same(&relays.of(&name("b")), &before), "another brand's way is as it was");
        let wrong = config::Relay { url: "smtp://h?tls=maybe".into(), ..own };
        assert!(relays.find(&wrong, []).is_err());
    }
}
