//! Trying a brand before anybody relies on it: each by itself.

use std::sync::Arc;

use crate::config::{Brand, Config};
use crate::model::Name;
use crate::relay::{Relays, Route};
use crate::render::House;
use crate::token::KeyRing;

/// A brand to be tried: what its file says, or why that cannot be.
pub(super) struct Candidate {
    pub(super) name: Name,
    pub(super) read: Result<Brand, String>,
}

/// A brand that can be put into use.
pub(super) struct Sound {
    pub(super) name: Name,
    pub(super) brand: Arc<Brand>,
    pub(super) house: House,
    pub(super) way: Route,
}

/// What brands are tried with.
pub(super) struct Trial<'a> {
    pub(super) config: &'a Config,
    pub(super) ring: &'a KeyRing,
    pub(super) relays: &'a Relays,
}

impl Trial<'_> {
    /// Those that can be used, and why the others cannot.
    pub(super) fn of(&self, candidates: Vec<Candidate>) -> (Vec<Sound>, Vec<(Name, String)>) {
        let (mut sound, mut refused): (Vec<Sound>, _) = (Vec::new(), Vec::new());
        for Candidate { name, read } in candidates {
            match read.and_then(|brand| self.one(&name, brand, &sound)) {
                Ok(brand) => sound.push(brand),
                Err(why) => refused.push((name, why)),
            }
        }
        (sound, refused)
    }

    fn one(&self, name: &Name, brand: Brand, others: &[Sound]) -> Result<Sound, String> {
        let house = House::new(name, &brand, self.ring).map_err(|error| error.to_string())?;
        let settings = brand.relay(&self.config.relay);
        let way = self.relays.find(&settings, others.iter().map(|other| &other.way));
        let way = way.map_err(|error| format!("its relay: {error}"))?;
        Ok(Sound { name: name.clone(), brand: Arc::new(brand), house, way })
    }
}
