//! Limits by configuration: what holds where no operator has set others, and which limits are in force.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Judgement, Providers, Rule, effective};
use crate::brands::Brands;
use crate::config;
use crate::model::{FlowScope, FlowSetting, FlowState, Flows, Limits, Name, Rate, SendSpec};

/// The limits of brands, with their warm-ups, and of recipients' domains. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// Asked each time: brands change.
    brands: Brands,
    domains: Arc<BTreeMap<Name, Limits>>,
    providers: Arc<Providers>,
}

/// Who set a limit that is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SetBy {
    /// The configuration: a brand's `limits`, `[limits.domains]`.
    Configuration,
    /// The warm-up of a new sender domain.
    Warmup,
    /// An operator.
    Operator,
    /// A brake.
    Vigie,
    /// The flow begins again, slowly at first.
    Ramp,
}

/// The limits of a flow at one instant, and where they come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct InForce {
    /// At most so many mails within any second.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub rate_per_second: Option<Rate>,
    /// Who says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_by: Option<SetBy>,
    /// At most so many mails within any 24 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_day: Option<u32>,
    /// Who says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_day_by: Option<SetBy>,
    /// When what an operator set of these ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// The name under which vigie itself sets flows.
pub const VIGIE: &str = "vigie";

impl Standing {
    /// The limits of these brands, as they are at each moment, and of these domains.
    pub fn new(brands: Brands, limits: &config::Limits, providers: &BTreeMap<Name, Vec<String>>) -> Self {
        let domains = limits.domains.iter().map(|(name, limits)| (name.clone(), Limits::from(*limits)));
        Self { brands, domains: Arc::new(domains.collect()), providers: Arc::new(Providers::new(providers)) }
    }

    /// A flow's limits by configuration at `now`.
    pub fn limits(&self, scope: &FlowScope, now: Timestamp) -> Limits {
        match &scope.campaign {
            None => self.of_brand(&scope.brand, now).0,
            Some(domain) if scope.is_of_domains() => self.domains.get(domain).copied().unwrap_or_default(),
            Some(_) => Limits::default(),
        }
    }

    /// Whether nothing of what limits this brand's mails is configured.
    pub(super) fn is_silent(&self, brand: &Name) -> bool {
        let known = self.brands.now();
        let of_brand = known.brands.get(brand);
        self.domains.is_empty()
            && of_brand.is_none_or(|brand| brand.limits.is_none() && brand.warmup.is_none())
    }

    /// Who keeps mailboxes of this domain, if we know.
    pub fn provider(&self, domain: &str) -> Option<Name> {
        self.providers.of(domain)
    }

    /// The domains and providers that have limits.
    pub fn domains(&self) -> impl Iterator<Item = FlowScope> {
        self.domains.keys().map(FlowScope::domain)
    }

    /// The limits in force at `now` in a flow with this setting.
    pub fn in_force(&self, scope: &FlowScope, setting: Option<&FlowSetting>, now: Timestamp) -> InForce {
        let by_configuration = self.limits(scope, now);
        let warms_up = scope.campaign.is_none() && self.of_brand(&scope.brand, now).1;
        let setting = setting.map(|setting| effective(setting, now)).unwrap_or_default();
        let limits = setting.limits(by_configuration, now);
        let theirs = if setting.by.as_deref() == Some(VIGIE) { SetBy::Vigie } else { SetBy::Operator };
        let ramps =
            setting.ramp.and_then(|ramp| ramp.rate(now)).is_some_and(|rate| limits.rate == Some(rate));
        let rate_by = match setting.rate_per_second {
            _ if ramps && theirs == SetBy::Operator => SetBy::Ramp,
            _ if ramps => SetBy::Vigie,
            Some(_) => theirs,
            None => SetBy::Configuration,
        };
        let per_day_by = match setting.per_day {
            Some(_) => theirs,
            None if warms_up => SetBy::Warmup,
            None => SetBy::Configuration,
        };
        let (rate_by, per_day_by) = (limits.rate.map(|_| rate_by), limits.per_day.map(|_| per_day_by));
        let is_theirs = [rate_by, per_day_by].contains(&Some(SetBy::Operator));
        // That of a pause ends the pause; its limits hold from then on.
        let ends = is_theirs && setting.state == FlowState::Running;
        InForce {
            rate_per_second: limits.rate,
            rate_by,
            per_day: limits.per_day,
            per_day_by,
            until: setting.until.filter(|_| ends),
        }
    }

    /// What limits the flows of one send, in words; whether one is used up only the store knows, and says so in the send's
    /// history.
    pub(super) fn rule(&self, spec: &SendSpec, flows: &Flows, now: Timestamp) -> Rule {
        let provider = spec.to.domain().and_then(|host| self.providers.of(&host));
        let words = FlowScope::of(spec, provider.as_ref()).filter_map(|scope| {
            let limits = self.in_force(&scope, flows.settings.get(&scope), now);
            (limits != InForce::default()).then(|| format!("{scope}: {limits}"))
        });
        let words: Vec<_> = words.collect();
        let value = if words.is_empty() { "none".to_owned() } else { words.join("; ") };
        Rule { name: "limits", verdict: Judgement::Pass, value }
    }

    /// A brand's limits, and whether its warm-up is the smaller.
    fn of_brand(&self, brand: &Name, now: Timestamp) -> (Limits, bool) {
        let known = self.brands.now();
        let Some(brand) = known.brands.get(brand) else { return (Limits::default(), false) };
        let limits = brand.limits.map(Limits::from).unwrap_or_default();
        let warmup = brand.warmup.and_then(|warmup| warmup.per_day(now));
        let per_day = [limits.per_day, warmup].into_iter().flatten().min();
        (Limits { per_day, ..limits }, warmup.is_some() && per_day == warmup)
    }
}

impl InForce {
    /// When what this one set ends, in words.
    fn ends(&self, by: SetBy) -> String {
        let until = self.until.filter(|_| by == SetBy::Operator);
        until.map_or_else(String::new, |until| format!(" until {until}"))
    }
}

impl fmt::Display for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(rate), Some(by)) = (self.rate_per_second, self.rate_by) {
            write!(f, "at most {} a second ({by}{})", rate.as_per_second(), self.ends(by))?;
            f.write_str(if self.per_day.is_some() { ", " } else { "" })?;
        }
        if let (Some(most), Some(by)) = (self.per_day, self.per_day_by) {
            write!(f, "at most {most} within 24 hours ({by}{})", self.ends(by))?;
        }
        Ok(())
    }
}

impl fmt::Display for SetBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configuration => "by configuration",
            Self::Warmup => "warm-up",
            Self::Operator => "set by an operator",
            Self::Vigie => "set by a brake",
            Self::Ramp => "begins again slowly",
        })
    }
}

#[cfg(test)]
mod tests;
