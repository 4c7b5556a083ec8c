//! What an operator can pause, slow or speed up.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Name;

/// The brand's name under which partners are flows: `partner/NAME` is one of them, `partner` alone all. No brand may have it.
pub const PARTNERS: &str = "partner";

/// A brand, or one campaign of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FlowScope {
    /// The brand.
    pub brand: Name,
    /// One of its campaigns; none means the whole brand.
    pub campaign: Option<Name>,
}

/// Whether sends of a flow may be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FlowState {
    /// Sends go out as their recipients come online.
    #[default]
    Running,
    /// Nothing is claimed; sends wait.
    Paused,
}

/// An operator's setting for one flow.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FlowSetting {
    /// Running or paused.
    pub state: FlowState,
    /// When the setting ends by itself and the flow runs again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Why, for the colleague who finds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// All settings, as one value that stores publish whenever it changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Flows {
    /// Settings by scope; a scope without one runs.
    pub settings: BTreeMap<FlowScope, FlowSetting>,
}

impl Flows {
    /// Whether sends of this brand and campaign may go out at `now`: neither the brand nor the campaign is paused.
    pub fn open(&self, brand: &Name, campaign: Option<&Name>, now: Timestamp) -> bool {
        self.pausing(brand, campaign, now).is_none()
    }

    /// The setting that keeps this brand and campaign paused at `now`, the brand's own first.
    pub fn pausing(
        &self,
        brand: &Name,
        campaign: Option<&Name>,
        now: Timestamp,
    ) -> Option<(&FlowScope, &FlowSetting)> {
        if self.settings.is_empty() {
            return None;
        }
        let whole = FlowScope { brand: brand.clone(), campaign: None };
        let part = campaign.map(|name| FlowScope { brand: brand.clone(), campaign: Some(name.clone()) });
        [Some(whole), part]
            .into_iter()
            .flatten()
            .filter_map(|scope| self.settings.get_key_value(&scope))
            .find(|(_, setting)| setting.paused(now))
    }
}

impl FlowScope {
    /// One partner.
    pub fn partner(name: &Name) -> Self {
        Self { campaign: Some(name.clone()), ..Self::partners() }
    }

    /// All partners.
    pub fn partners() -> Self {
        Self { brand: PARTNERS.parse().expect("a literal that is a name"), campaign: None }
    }
}

impl FlowSetting {
    /// Whether this setting pauses its flow at `now`.
    pub fn paused(&self, now: Timestamp) -> bool {
        self.state == FlowState::Paused && self.until.is_none_or(|until| now < until)
    }
}
