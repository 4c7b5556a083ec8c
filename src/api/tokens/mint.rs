//! From a request to a signed token: what the command line does too, for the brands that the key may speak for.

use std::sync::Arc;

use crate::api::brands::Brands;
use crate::api::{Access, Doors, Problem};
use crate::clock::Clock;
use crate::config::Role;
use crate::model::Grantee;
use crate::partners::Partners;
use crate::token::{Identity, Minted, Order};

/// What minting needs.
pub(super) struct Mint {
    brands: Brands,
    partners: Arc<Partners>,
    identity: Identity,
    clock: Clock,
}

impl Mint {
    pub(super) fn new(doors: &Doors) -> Self {
        Self {
            brands: Brands::new(&doors.brands),
            partners: Arc::clone(&doors.partners),
            identity: doors.identity.clone(),
            clock: doors.clock.clone(),
        }
    }

    /// Mints one token.
    ///
    /// # Errors
    /// 403 for another brand than the key's, 422 for the first field at fault.
    pub(super) fn mint(&self, access: &Access, order: &Order) -> Result<Minted, Problem> {
        if let Some(brand) = &order.brand {
            self.brands.named(access, brand)?;
        }
        let ring = &self.brands.known().ring;
        let minted = order.mint(&self.identity, ring, |owner| self.base(access, owner), self.clock.now());
        minted.map_err(|bad| Problem::field(bad.field, bad.what))
    }

    /// The public address of the edge for an owner; of a partner for operators alone.
    fn base(&self, access: &Access, owner: &Grantee) -> Option<String> {
        match owner {
            Grantee::Brand(brand) => Some(self.brands.named(access, brand).ok()?.tracking_url.clone()),
            Grantee::Partner(name) if access.role == Role::Operator => {
                Some(self.partners.named(name.as_str())?.tracking_url().to_owned())
            }
            Grantee::Partner(_) => None,
        }
    }
}
