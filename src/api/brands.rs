//! Which brands there are, and for which of them a key may act.

use std::sync::Arc;

use super::{Access, Problem};
use crate::brands::{self, Known};
use crate::config::Brand;
use crate::model::Name;

/// The brands as they are at each request. Cheap to clone.
#[derive(Clone)]
pub(super) struct Brands(brands::Brands);

impl Brands {
    pub(super) fn new(brands: &brands::Brands) -> Self {
        Self(brands.clone())
    }

    /// All that is known of brands at this moment.
    pub(super) fn known(&self) -> Arc<Known> {
        self.0.snapshot()
    }

    /// The brand that a body names.
    ///
    /// # Errors
    /// 403 if the key may not act for it, whether it exists or not; 422 if it does not exist; 503 if it does and its folder
    /// is not usable.
    pub(super) fn named(&self, access: &Access, brand: &Name) -> Result<Arc<Brand>, Problem> {
        if !access.covers(brand) {
            return Err(Problem::foreign_brand(brand.as_str()));
        }
        let known = self.0.now();
        match known.brands.get(brand) {
            Some(brand) => Ok(Arc::clone(brand)),
            None if known.refused.contains(brand) => Err(Problem::broken_brand(brand.as_str())),
            None => Err(Problem::field("brand", format!("there is no brand {brand} in the configuration"))),
        }
    }

    /// The brand that a path names.
    ///
    /// # Errors
    /// 404 if it does not exist or the key may not act for it.
    pub(super) fn in_path(&self, access: &Access, brand: &str) -> Result<Name, Problem> {
        let known = self.0.now();
        let name = brand.parse().ok().filter(|name| known.brands.contains_key(name) && access.covers(name));
        name.ok_or_else(|| Problem::not_found("brand"))
    }

    /// The brands this key may act for.
    pub(super) fn of(&self, access: &Access) -> Vec<Name> {
        self.0.now().brands.keys().filter(|brand| access.covers(brand)).cloned().collect()
    }
}
