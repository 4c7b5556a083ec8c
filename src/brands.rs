//! The brands as they are at this moment: one value for everybody who needs to know.
//!
//! Brands change while a gateway runs (`[brand_folders]`), so nobody keeps a copy of one: whoever answers a request,
//! claims a send or hands over a mail asks here, and sees all brands and the keys that sign for them as of one instant
//! ([`Known`]). Asking takes no lock and writes to no memory that others read (`arc-swap`): pixels ask, on every core.
//!
//! Only the composition root replaces what is known, in one step, after everything in it was tried.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::config::Brand;
use crate::model::{ConsentRule, Name};
use crate::token::KeyRing;

/// The brands of a gateway. Cheap to clone; all clones know the same.
#[derive(Debug, Clone, Default)]
pub struct Brands(Arc<ArcSwap<Known>>);

/// All brands at one instant.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Who writes.
    pub brands: BTreeMap<Name, Arc<Brand>>,
    /// Brands that exist and cannot be used: none of their versions was sound so far.
    pub refused: BTreeSet<Name>,
    /// What signs for them, and for partners.
    pub ring: Arc<KeyRing>,
}

impl Brands {
    /// These brands, and the ring that signs for them.
    pub fn new(brands: BTreeMap<Name, Brand>, ring: Arc<KeyRing>) -> Self {
        let brands = brands.into_iter().map(|(name, brand)| (name, Arc::new(brand))).collect();
        Self(Arc::new(ArcSwap::from_pointee(Known { brands, refused: BTreeSet::new(), ring })))
    }

    /// All brands now. Meant to be let go soon; whoever waits in between takes a [`snapshot`](Self::snapshot).
    pub fn now(&self) -> impl Deref<Target = Known> + use<> {
        Now(self.0.load())
    }

    /// All brands now, to keep.
    pub fn snapshot(&self) -> Arc<Known> {
        self.0.load_full()
    }

    /// How this brand's mails may be tracked now; of one that is not known, only with a recorded consent.
    pub fn consent(&self, brand: &Name) -> ConsentRule {
        self.now().brands.get(brand).map(|brand| brand.consent).unwrap_or_default()
    }

    /// From now on, for everybody, these.
    pub fn replace(&self, known: Known) {
        self.0.store(Arc::new(known));
    }
}

/// What was known when somebody asked.
struct Now(arc_swap::Guard<Arc<Known>>);

impl Deref for Now {
    type Target = Known;

    fn deref(&self) -> &Known {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brand(consent: &str) -> Brand {
        let text = format!(
            "from = \"a@acme.example\"\ntracking_url = \"https://t.acme.example\"\nlanguage = \"fr\"\nconsent = \"{consent}\""
        );
        toml::from_str(&text).expect("a brand")
    }

    #[test]
    fn everybody_sees_the_change_and_snapshots_do_not() {
        let acme: Name = "acme".parse().expect("a name");
        let brands = Brands::new(BTreeMap::from([(acme.clone(), brand("presumed"))]), Arc::default());
        let (other, before) = (brands.clone(), brands.snapshot());
        assert_eq!(other.consent(&acme), ConsentRule::Presumed);
        let mut known = Known::clone(&before);
        known.brands.insert(acme.clone(), Arc::new(brand("required")));
        brands.replace(known);
        assert_eq!(other.consent(&acme), ConsentRule::Required);
        assert_eq!(before.brands[&acme].consent, ConsentRule::Presumed);
        assert_eq!(other.consent(&"other".parse().expect("a name")), ConsentRule::Required);
    }
}
