//! What an import is to do.

use std::sync::Arc;

use super::Shared;
use super::ends::Unreadable;
use crate::api::Access;
use crate::api::sends::Order;
use crate::config::{FeedFormat, Role};
use crate::feeds::{Mapping, Wanted};
use crate::model::Name;

/// A feed that was brought from elsewhere than the API.
#[derive(Debug, Clone)]
pub struct Brought {
    /// Who writes.
    pub brand: Name,
    /// The campaign of lines that name none.
    pub campaign: Option<Name>,
    /// The template of lines that name none.
    pub template: Option<Name>,
    /// The name of its mapping.
    pub mapping: Option<Name>,
    /// What its name says of how it is written.
    pub format: Option<FeedFormat>,
}

impl Brought {
    pub(super) fn job(self, shared: &Shared, access: Access) -> Result<Job, Unreadable> {
        let mapping = match &self.mapping {
            None => Arc::default(),
            Some(name) => shared
                .imports
                .mapping(name)
                .ok_or_else(|| Unreadable(format!("there is no mapping {name} in the configuration")))?,
        };
        debug_assert_eq!(access.role, Role::Operator, "folders are the operator's");
        let wanted = mapping.wanted().in_format(self.format);
        let order = Order { brand: self.brand, campaign: self.campaign, template: self.template };
        Ok(Job { access, order, mapping, wanted, dry_run: false, skip: 0, listed: u64::MAX })
    }
}

/// What an import is to do.
pub(super) struct Job {
    pub(super) access: Access,
    pub(super) order: Order,
    pub(super) mapping: Arc<Mapping>,
    pub(super) wanted: Wanted,
    pub(super) dry_run: bool,
    /// Records at the beginning that are not looked at.
    pub(super) skip: u64,
    /// Refused lines that the sink wants to hear of.
    pub(super) listed: u64,
}
