//! Keeps a running gateway's brands in step with their folders.
//!
//! One reading, step by step:
//!
//! 1. The folders are listed, and those of which another version lies there than was judged last are read (all of them,
//!    and the templates of brands with tables, if somebody asked by SIGHUP).
//! 2. What a new brand needs of keys is made, if it is to be made here (`brand_folders.make_keys`).
//! 3. Each brand is **tried** by itself: its settings, its templates, its relay. What is broken is refused, with one line
//!    in the log, and its last sound version stays.
//! 4. What is sound is put into use: letters first, then the ways to relays, then who is asked for at the doors, so that
//!    nobody is let in for whom no letter could be written. Each of these steps is one swap of a pointer; attempts that
//!    are under way keep what they began with.
//!
//! At the start the same is done with all folders, so that a brand which is broken then keeps no other brand's mail from
//! going out; only its own sends wait.
//!
//! A brand whose folder is gone stays as it was until the restart: sends of it may wait, letters of it are being opened,
//! and most folders that vanish were not meant to.

mod metrics;
mod outside;
mod seen;
mod trial;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio_util::sync::CancellationToken;

use self::metrics::Metrics;
pub(super) use self::outside::Outside;
use self::seen::Seen;
use self::trial::{Candidate, Sound, Trial};
use super::StartError;
use crate::brands::{Brands, Known};
use crate::config::{AtMost, Config, Found, Invalid};
use crate::model::{Grantee, Name};
use crate::relay::{Relays, Route};
use crate::render::Renderer;
use crate::secrets;
use crate::telemetry::Registry;
use crate::token::{Identity, KeyRing};

/// Reads brands again, and puts them into use.
pub(super) struct Keeper {
    config: Config,
    identity: Identity,
    brands: Brands,
    renderer: Arc<Renderer>,
    relays: Relays,
    metrics: Metrics,
    /// The budgets that brands started with: the store counts by them until the restart.
    budgets: OnceLock<BTreeMap<Name, Vec<AtMost>>>,
    /// Who is told what happens, from when on somebody is.
    outside: OnceLock<Outside>,
    /// Held through a whole reading: there is one at a time.
    seen: Mutex<Seen>,
}

/// What brands are used by.
pub(super) struct Parts {
    /// Who is asked for at the doors.
    pub(super) brands: Brands,
    /// Letters.
    pub(super) renderer: Arc<Renderer>,
    /// Ways to relays.
    pub(super) relays: Relays,
    /// The installation's, which no reading of its secrets may change.
    pub(super) identity: Identity,
}

impl Keeper {
    /// A keeper of these parts, which know the brands with tables already.
    pub(super) fn new(config: Config, parts: Parts, registry: &Registry) -> Self {
        let Parts { brands, renderer, relays, identity } = parts;
        let metrics = Metrics::new(registry);
        for name in brands.now().brands.keys() {
            metrics.stale(name, false);
        }
        let (budgets, outside, seen) = (OnceLock::new(), OnceLock::new(), Mutex::default());
        Self { config, identity, brands, renderer, relays, metrics, budgets, outside, seen }
    }

    /// Puts the brands that have tables on the ways to their relays, and reads all folders.
    ///
    /// # Errors
    /// A brand with a table has a relay that cannot be: the configuration is wrong.
    pub(super) fn begin(&self) -> Result<(), StartError> {
        let mut ways: Vec<(Name, Route)> = Vec::new();
        for (name, brand) in &self.config.brands {
            let way = self.relays.find(&brand.relay(&self.config.relay), ways.iter().map(|(_, way)| way));
            let wrong = |error| StartError::Configuration(format!("`brands.{name}.relay`: {error}"));
            ways.push((name.clone(), way.map_err(wrong)?));
        }
        self.relays.assign(ways);
        self.read(false);
        let known = self.brands.now();
        let budgets = known.brands.iter().map(|(name, brand)| (name.clone(), brand.budget.clone()));
        // It is the first and only time.
        let _ = self.budgets.set(budgets.collect());
        Ok(())
    }

    /// Reads what has changed; with `all` also what has not. Says whether everything that was read is in use now; the log
    /// says the rest. Blocks on the disk; needs a runtime around it.
    pub(super) fn read(&self, all: bool) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match self.config.folders() {
            Ok(found) => self.judge(found, all, &mut seen),
            Err(error) => self.cannot_look(&error, all, &mut seen),
        }
    }

    /// Follows the folders until told to stop: reads them when something has changed, and stayed so for a moment.
    pub(super) async fn follow(self: Arc<Self>, stop: CancellationToken) {
        let (folders, mut last) = (&self.config.brand_folders, None);
        if !folders.are_used() || folders.check_every.is_zero() {
            return;
        }
        while stop.run_until_cancelled(tokio::time::sleep(folders.check_every)).await.is_some() {
            let this = Arc::clone(&self);
            let looked = tokio::task::spawn_blocking(move || this.look(last.as_ref())).await;
            last = looked.unwrap_or_else(|error| {
                tracing::error!(%error, "a look at the brands' folders ended abnormally");
                None
            });
        }
    }

    /// One look: reads if what is there was there the last time, and is not what was read.
    fn look(&self, last: Option<&Found>) -> Option<Found> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match self.config.folders() {
            Ok(found) => {
                let settled = last == Some(&found);
                if settled && (found != seen.found || seen.unreadable) {
                    self.judge(found.clone(), false, &mut seen);
                }
                Some(found)
            }
            Err(error) => {
                self.cannot_look(&error, false, &mut seen);
                None
            }
        }
    }

    fn cannot_look(&self, error: &Invalid, all: bool, seen: &mut Seen) -> bool {
        if all || !seen.unreadable {
            self.metrics.refused();
            tracing::error!(%error, "brands are not read again; all stay as they are");
        }
        seen.unreadable = true;
        false
    }

    fn judge(&self, found: Found, all: bool, seen: &mut Seen) -> bool {
        let candidates = self.candidates(&found, all, seen);
        let ring = self.ring(&candidates);
        let trial = Trial { config: &self.config, ring: &ring, relays: &self.relays };
        let (sound, refused) = trial.of(candidates);
        for invalid in found.refused().filter(|_| all || found.misnamed != seen.found.misnamed) {
            self.metrics.refused();
            tracing::error!(error = %invalid, "a folder that is no brand's");
        }
        let well = refused.is_empty() && found.misnamed.is_empty();
        let loaded: Vec<_> = sound.iter().map(|sound| sound.name.clone()).collect();
        let known = self.known(&ring, &sound, refused.iter().map(|(name, _)| name.clone()), &found);
        let before = self.brands.snapshot();
        self.put_into_use(sound, known);
        self.tell(&loaded, &refused);
        self.tell_outside(&loaded, &before, &found, seen);
        self.tell_gone(&found, seen);
        *seen = Seen { found, unreadable: false, gone: std::mem::take(&mut seen.gone) };
        well
    }

    /// What is to be tried: folders of another version than the last, or all and the brands with tables.
    fn candidates(&self, found: &Found, all: bool, seen: &Seen) -> Vec<Candidate> {
        let tables = self.config.brands.iter().filter(|(name, _)| all && !found.brands.contains_key(name));
        let tables = tables.map(|(name, brand)| Candidate { name: name.clone(), read: Ok(brand.clone()) });
        let changed =
            found.brands.iter().filter(|(name, folder)| all || seen.found.brands.get(name) != Some(folder));
        let read = |name: &Name, folder: &Path| {
            self.config.read_folder(name, folder).map_err(|error| error.to_string())
        };
        let folders =
            changed.map(|(name, folder)| Candidate { name: name.clone(), read: read(name, &folder.path) });
        tables.chain(folders).collect()
    }

    /// The ring with these brands' keys. If it cannot be read or extended, the old one: brands that it has no keys of are
    /// refused for that.
    fn ring(&self, candidates: &[Candidate]) -> Arc<KeyRing> {
        let old = || Arc::clone(&self.brands.now().ring);
        let owners: Vec<_> = candidates.iter().filter(|candidate| candidate.read.is_ok()).collect();
        let owners: Vec<_> = owners.iter().map(|candidate| Grantee::Brand(candidate.name.clone())).collect();
        if owners.is_empty() {
            return old();
        }
        let may_make = self.config.brand_folders.make_keys;
        match secrets::again(&self.config.data.dir, &owners, may_make, &self.identity) {
            Ok((ring, files)) => {
                for file in files {
                    tracing::warn!(file = %file.display(), "made keys of new brands: keep a backup, and copy it to all gateways");
                }
                Arc::new(ring)
            }
            Err(error) => {
                tracing::error!(%error, "the keys are not read again; the old ones stay in use");
                old()
            }
        }
    }

    /// What will be known once `sound` is in use.
    fn known(
        &self,
        ring: &Arc<KeyRing>,
        sound: &[Sound],
        refused: impl Iterator<Item = Name>,
        found: &Found,
    ) -> Known {
        let mut known = Known { ring: Arc::clone(ring), ..Known::clone(&self.brands.now()) };
        known.brands.extend(sound.iter().map(|sound| (sound.name.clone(), Arc::clone(&sound.brand))));
        known.refused.extend(refused);
        let without_folder: Vec<_> =
            known.refused.iter().filter(|name| !found.brands.contains_key(name)).cloned().collect();
        for name in without_folder.iter().filter(|name| !known.brands.contains_key(name)) {
            self.metrics.forget(name);
        }
        known.refused.retain(|name| found.brands.contains_key(name) && !known.brands.contains_key(name));
        known
    }

    fn put_into_use(&self, sound: Vec<Sound>, known: Known) {
        let (houses, ways): (Vec<_>, Vec<_>) =
            sound.into_iter().map(|sound| (sound.house, (sound.name, sound.way))).unzip();
        self.renderer.replace(houses, Arc::clone(&known.ring));
        self.relays.assign(ways);
        self.brands.replace(known);
        if let Some(outside) = self.outside.get() {
            outside.follow(&self.brands.now());
        }
    }

    /// From now on it is heard outside what becomes of brands.
    pub(super) fn have_followed(&self, outside: Outside) {
        // It is the first and only time.
        self.outside.get_or_init(|| outside).follow(&self.brands.now());
    }

    /// Tells outside of brands that are in use now as they were not before: another version of a folder, or a first sound one.
    fn tell_outside(&self, loaded: &[Name], before: &Known, found: &Found, seen: &Seen) {
        let Some(outside) = self.outside.get() else { return };
        let is_news = |name: &&Name| {
            let same = found.brands.get(*name) == seen.found.brands.get(*name);
            !same || !before.brands.contains_key(*name)
        };
        loaded.iter().filter(is_news).for_each(|name| outside.reloaded(name));
    }

    fn tell(&self, loaded: &[Name], refused: &[(Name, String)]) {
        for name in loaded {
            self.tell_of_budget(name);
            self.metrics.loaded(name);
            tracing::info!(brand = %name, "the brand is in use as it is on the disk");
        }
        for (name, error) in refused {
            self.metrics.refused();
            self.metrics.stale(name, true);
            let stays = self.brands.now().brands.contains_key(name);
            let then = if stays { "its last sound version stays in use" } else { "it cannot be used yet" };
            tracing::error!(brand = %name, error, "a brand is refused; {then}");
        }
    }

    /// A budget that does not hold yet must not be taken for one that does.
    fn tell_of_budget(&self, name: &Name) {
        let (Some(budgets), known) = (self.budgets.get(), self.brands.now()) else { return };
        let old = budgets.get(name).map(Vec::as_slice).unwrap_or_default();
        if known.brands.get(name).is_some_and(|brand| brand.budget != old) {
            tracing::warn!(brand = %name, "the brand's budget is another one: it holds from the restart on");
        }
    }

    /// Brands that had a folder in use and have none any more.
    fn tell_gone(&self, found: &Found, seen: &mut Seen) {
        seen.gone.retain(|name| !found.brands.contains_key(name));
        let known = self.brands.now();
        let gone = seen.found.brands.keys().filter(|name| !found.brands.contains_key(name));
        for name in gone.filter(|name| known.brands.contains_key(name)) {
            if seen.gone.insert(name.clone()) {
                self.metrics.stale(name, true);
                tracing::warn!(brand = %name, "the brand's folder is gone; the brand stays in use until the restart");
            }
        }
    }
}
