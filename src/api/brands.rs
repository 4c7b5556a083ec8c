//! Which brands there are, and for which of them a key may act.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Access, Problem};
use crate::config::Brand;
use crate::model::Name;

/// The configured brands. Cheap to clone.
#[derive(Clone)]
pub(super) struct Brands(Arc<BTreeMap<Name, Brand>>);

impl Brands {
    pub(super) fn new(brands: &Arc<BTreeMap<Name, Brand>>) -> Self {
        Self(Arc::clone(brands))
    }

    /// The brand that a body names.
    ///
    /// # Errors
    /// 403 if the key may not act for it, whether it exists or not; 422 if it does not exist.
    pub(super) fn named(&self, access: &Access, brand: &Name) -> Result<&Brand, Problem> {
        if !access.covers(brand) {
            return Err(Problem::foreign_brand(brand.as_str()));
        }
        let unknown = || Problem::field("brand", format!("there is no brand {brand} in the configuration"));
        self.0.get(brand).ok_or_else(unknown)
    }

    /// The brand that a path names.
    ///
    /// # Errors
    /// 404 if it does not exist or the key may not act for it.
    pub(super) fn in_path(&self, access: &Access, brand: &str) -> Result<Name, Problem> {
        let name = brand.parse().ok().filter(|name| self.0.contains_key(name) && access.covers(name));
        name.ok_or_else(|| Problem::not_found("brand"))
    }

    /// The brands this key may act for.
    pub(super) fn of<'a>(&'a self, access: &'a Access) -> impl Iterator<Item = &'a Name> {
        self.0.keys().filter(|brand| access.covers(brand))
    }
}
