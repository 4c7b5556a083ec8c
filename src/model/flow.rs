//! What an operator can pause, slow or speed up.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Limits, Name, Ramp, Rate, SendSpec};

/// The brand's name under which partners are flows: `partner/NAME` is one of them, `partner` alone all. No brand may have it.
pub const PARTNERS: &str = "partner";

/// The brand's name under which recipients' domains are flows: `domain/gmail.com`, or by a name of `[providers]`,
/// `domain/gmail`. No brand may have it.
pub const DOMAINS: &str = "domain";

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
    /// When the setting ends by itself: a pause is a running flow from then on, and the limits of a flow that runs are no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Why, for the colleague who finds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Who set it: the id of a key, or vigie itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// While it runs: at most so many mails within any second. Of a pause: also when it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_second: Option<Rate>,
    /// While it runs: at most so many mails within any 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day: Option<u32>,
    /// How it begins again after a pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp: Option<Ramp>,
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
    /// The flows that a send belongs to: its brand, its campaign, its recipient's domain and the domain's `provider`.
    pub fn of(spec: &SendSpec, provider: Option<&Name>) -> impl Iterator<Item = Self> {
        let campaign = spec.campaign.as_ref();
        let part = campaign.map(|name| Self { brand: spec.brand.clone(), campaign: Some(name.clone()) });
        let host = spec.to.domain().and_then(|host| host.parse().ok());
        let domains = [host, provider.cloned()].into_iter().flatten().map(|name| Self::domain(&name));
        [Some(Self { brand: spec.brand.clone(), campaign: None }), part].into_iter().flatten().chain(domains)
    }

    /// The mailboxes of a domain, or of a provider.
    pub fn domain(name: &Name) -> Self {
        let brand = DOMAINS.parse().expect("a literal that is a name");
        Self { brand, campaign: Some(name.clone()) }
    }

    /// Whether it is of a domain or a provider, which claims are not held back for.
    pub fn is_of_domains(&self) -> bool {
        self.brand.as_str() == DOMAINS
    }

    /// One partner.
    pub fn partner(name: &Name) -> Self {
        Self { campaign: Some(name.clone()), ..Self::partners() }
    }

    /// All partners.
    pub fn partners() -> Self {
        Self { brand: PARTNERS.parse().expect("a literal that is a name"), campaign: None }
    }
}

impl fmt::Display for FlowScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.campaign {
            Some(domain) if self.brand.as_str() == DOMAINS => write!(f, "domain {domain}"),
            Some(campaign) => write!(f, "campaign {campaign} of brand {}", self.brand),
            None => write!(f, "brand {}", self.brand),
        }
    }
}

impl FlowSetting {
    /// The limits at `now`, where `others` hold without an operator's word.
    pub fn limits(&self, others: Limits, now: Timestamp) -> Limits {
        let own = if self.has_ended(now) {
            Limits::default()
        } else {
            Limits { rate: self.rate_per_second, per_day: self.per_day }
        };
        let ramp = self.ramp.and_then(|ramp| ramp.rate(now));
        let slower = [own.rate.or(others.rate), ramp].into_iter().flatten().min();
        Limits { rate: slower, per_day: own.per_day.or(others.per_day) }
    }

    /// Whether its limits are over at `now`. Those of a pause are not: they begin to hold when it is over.
    fn has_ended(&self, now: Timestamp) -> bool {
        self.state == FlowState::Running && self.until.is_some_and(|until| until <= now)
    }

    /// Whether this setting pauses its flow at `now`.
    pub fn paused(&self, now: Timestamp) -> bool {
        self.state == FlowState::Paused && self.until.is_none_or(|until| now < until)
    }
}
