//! What operators say of flows, and what they are shown.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::flow::{InForce, Standing};
use crate::model::{FlowScope, FlowSetting, FlowState, Limits, Name, Rate};

/// A change of one flow.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FlowChange {
    /// What it shall do.
    pub(super) state: Wanted,
    /// While it runs: at most so many mails within any second; left out: the brand's own limit, or none.
    #[serde(default)]
    #[schema(value_type = Option<f64>, example = 20.0)]
    pub(super) rate_per_second: Option<Rate>,
    /// While it runs: at most so many mails within any 24 hours; left out: the brand's own limit, or none.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub(super) per_day: Option<u32>,
    /// When a pause ends by itself, or, while it runs, the limits said here: then what holds without them holds again (RFC 3339
    /// with zone).
    #[serde(default)]
    pub(super) until: Option<Timestamp>,
    /// Why, for the colleague who finds it.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 200)]
    pub(super) reason: Option<String>,
}

impl FlowChange {
    /// Whether there is anything in it that can end by itself.
    pub(super) fn ends(&self) -> bool {
        self.state == Wanted::Paused || self.rate_per_second.is_some() || self.per_day.is_some()
    }
}

/// What an operator wants of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Wanted {
    /// Mails go out; after a pause slowly at first.
    Running,
    /// Mails go out, slowly at first, also where the flow was running.
    Ramping,
    /// Mails wait.
    Paused,
}

/// One flow as it stands now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FlowView {
    /// The brand.
    pub(super) brand: String,
    /// One of its campaigns; none is the whole brand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) campaign: Option<String>,
    /// Running or paused.
    pub(super) state: FlowState,
    /// At most so many mails within any second, as an operator set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub(super) rate_per_second: Option<Rate>,
    /// At most so many mails within any 24 hours, as an operator set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) per_day: Option<u32>,
    /// While it begins again slowly: until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ramps_until: Option<Timestamp>,
    /// While it begins again slowly: at most so many mails a second now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub(super) rate_now: Option<Rate>,
    /// When a pause ends by itself, or, while it runs, the limits that were set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<Timestamp>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// When it was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<Timestamp>,
    /// Who set it: the id of a key, or `vigie` itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
    /// The limits that hold now, and who set each: an operator, a brake, the configuration.
    pub(super) in_force: InForce,
}

/// All flows.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FlowList {
    /// Every brand, every partner, every domain with a limit, and every campaign and domain that was ever set.
    pub(super) flows: Vec<FlowView>,
}

impl FlowView {
    pub(super) fn of(scope: &FlowScope, setting: FlowSetting, standing: &Standing, now: Timestamp) -> Self {
        let in_force = standing.in_force(scope, Some(&setting), now);
        let ramp = setting.ramp.filter(|_| !setting.paused(now)).filter(|ramp| ramp.rate(now).is_some());
        Self {
            rate_per_second: setting.rate_per_second,
            per_day: setting.per_day,
            rate_now: ramp.and(setting.limits(Limits::default(), now).rate),
            by: setting.by.clone(),
            brand: scope.brand.to_string(),
            campaign: scope.campaign.as_ref().map(Name::to_string),
            state: setting.state,
            ramps_until: ramp.map(|ramp| ramp.until),
            until: setting.until,
            reason: setting.reason,
            since: setting.since,
            in_force,
        }
    }
}
