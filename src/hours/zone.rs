//! Time zones by their IANA names.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::tz::TimeZone;
use serde::Deserialize;

/// A time zone that exists. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Zone(TimeZone);

/// A text that is no time zone's name; to be read after the name of its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an IANA time zone such as \"Europe/Paris\"")]
pub struct BadZone;

impl Zone {
    /// The zone of this name, however its letters are written.
    ///
    /// # Errors
    /// If there is none.
    pub fn named(name: &str) -> Result<Self, BadZone> {
        let zone = TimeZone::get(name).map_err(|_| BadZone)?;
        if zone.is_unknown() { Err(BadZone) } else { Ok(Self(zone)) }
    }

    /// Its name, written as it should be.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// Its clock.
    pub fn clock(&self) -> &TimeZone {
        &self.0
    }
}

impl TryFrom<String> for Zone {
    type Error = BadZone;

    fn try_from(name: String) -> Result<Self, BadZone> {
        Self::named(&name)
    }
}

/// Zones that were asked for before, so that a mail on its way waits for no disk. Asking takes no lock. There are no more
/// than a few hundred zones; what the system's database says is asked for once, until the restart.
#[derive(Debug, Clone, Default)]
pub struct Zones(Arc<ArcSwap<HashMap<String, Zone>>>);

impl Zones {
    /// More names than there are zones; beyond it nothing is remembered.
    const MOST: usize = 1024;

    /// The zone of this name, if there is one.
    pub fn get(&self, name: &str) -> Option<Zone> {
        if let Some(zone) = self.0.load().get(name) {
            return Some(zone.clone());
        }
        let zone = Zone::named(name).ok()?;
        self.0.rcu(|known| {
            let mut known = HashMap::clone(known);
            if known.len() < Self::MOST {
                known.insert(name.to_owned(), zone.clone());
            }
            known
        });
        Some(zone)
    }
}
