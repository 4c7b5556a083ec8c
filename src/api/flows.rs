//! `/v1/flows`: what operators pause and resume. Partners are flows, too: `partner/NAME`, and `partner` is all of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::brands::Brands;
use super::{Access, Doors, Problem, body};
use crate::clock::Clock;
use crate::flow::{Gate, effective};
use crate::model::{FlowScope, FlowSetting, FlowState, Name, PARTNERS};
use crate::partners::Partners;
use crate::store::Store;

pub(super) fn router(doors: &Doors) -> OpenApiRouter {
    let desk = Desk {
        store: Arc::clone(&doors.store),
        brands: Brands::new(&doors.brands),
        partners: Arc::clone(&doors.partners),
        gate: doors.gate.clone(),
        clock: doors.clock.clone(),
    };
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(set_brand))
        .routes(routes!(set_campaign))
        .with_state(desk)
}

/// Where operators sit.
#[derive(Clone)]
struct Desk {
    store: Arc<dyn Store>,
    brands: Brands,
    partners: Arc<Partners>,
    gate: Gate,
    clock: Clock,
}

/// A change of one flow.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FlowChange {
    /// Running or paused.
    state: FlowState,
    /// When a pause ends by itself (RFC 3339 with zone).
    #[serde(default)]
    until: Option<Timestamp>,
    /// Why, for the colleague who finds it.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
}

/// One flow as it stands now.
#[derive(Debug, Serialize, ToSchema)]
struct FlowView {
    /// The brand.
    brand: String,
    /// One of its campaigns; none is the whole brand.
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign: Option<String>,
    /// Running or paused.
    state: FlowState,
    /// When a pause ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// When it was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
}

/// All flows.
#[derive(Debug, Serialize, ToSchema)]
struct FlowList {
    /// Every brand, and every campaign that was ever set.
    flows: Vec<FlowView>,
}

impl FlowView {
    fn of(scope: &FlowScope, setting: FlowSetting) -> Self {
        Self {
            brand: scope.brand.to_string(),
            campaign: scope.campaign.as_ref().map(Name::to_string),
            state: setting.state,
            until: setting.until,
            reason: setting.reason,
            since: setting.since,
        }
    }
}

/// List all flows.
#[utoipa::path(
    get, path = "/v1/flows", tag = "flows", security(("key" = ["operator"])),
    responses((status = 200, description = "All flows", body = FlowList))
)]
async fn list(State(desk): State<Desk>, Extension(access): Extension<Access>) -> Json<FlowList> {
    let settings = desk.gate.flows();
    let brands = desk.brands.of(&access).into_iter().map(|brand| FlowScope { brand, campaign: None });
    let partners = desk.partners.names().map(FlowScope::partner);
    let scopes: BTreeSet<_> = brands.chain(partners).chain(settings.settings.keys().cloned()).collect();
    let now = desk.clock.now();
    let view = |scope: &FlowScope| {
        let setting = settings.settings.get(scope).map(|setting| effective(setting, now));
        FlowView::of(scope, setting.unwrap_or_default())
    };
    Json(FlowList { flows: scopes.iter().map(view).collect() })
}

/// Pause or resume a brand.
#[utoipa::path(
    put, path = "/v1/flows/{brand}", tag = "flows", security(("key" = ["operator"])),
    params(("brand" = String, Path, description = "The brand, or `partner` for all partners")),
    request_body = FlowChange,
    responses(
        (status = 200, description = "The flow as it stands now", body = FlowView),
        (status = 404, description = "No such brand", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn set_brand(
    State(desk): State<Desk>,
    Extension(access): Extension<Access>,
    Path(brand): Path<String>,
    body::Json(change): body::Json<FlowChange>,
) -> Result<Json<FlowView>, Problem> {
    let scope = desk.scope(&access, &brand, None)?;
    desk.set(&access, scope, change).await
}

/// Pause or resume one campaign of a brand.
#[utoipa::path(
    put, path = "/v1/flows/{brand}/{campaign}", tag = "flows", security(("key" = ["operator"])),
    params(
        ("brand" = String, Path, description = "The brand, or `partner`"),
        ("campaign" = String, Path, description = "The campaign, which need not have sends yet; or the partner"),
    ),
    request_body = FlowChange,
    responses(
        (status = 200, description = "The flow as it stands now", body = FlowView),
        (status = 404, description = "No such brand", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn set_campaign(
    State(desk): State<Desk>,
    Extension(access): Extension<Access>,
    Path((brand, campaign)): Path<(String, String)>,
    body::Json(change): body::Json<FlowChange>,
) -> Result<Json<FlowView>, Problem> {
    let scope = desk.scope(&access, &brand, Some(&campaign))?;
    desk.set(&access, scope, change).await
}

impl Desk {
    /// The flow that a path names: a brand's or a campaign's of it, all partners' or one's.
    fn scope(&self, access: &Access, brand: &str, campaign: Option<&str>) -> Result<FlowScope, Problem> {
        if brand == PARTNERS {
            return match campaign {
                None => Ok(FlowScope::partners()),
                Some(name) => {
                    let partner = self.partners.named(name).ok_or_else(|| Problem::not_found("partner"))?;
                    Ok(FlowScope::partner(partner.name()))
                }
            };
        }
        let brand = self.brands.in_path(access, brand)?;
        let named = |text: &str| text.parse::<Name>();
        let campaign =
            campaign.map(named).transpose().map_err(|bad| Problem::field("campaign", bad.to_string()))?;
        Ok(FlowScope { brand, campaign })
    }

    async fn set(
        &self,
        access: &Access,
        scope: FlowScope,
        change: FlowChange,
    ) -> Result<Json<FlowView>, Problem> {
        let now = self.clock.now();
        check_reason(change.reason.as_deref())?;
        match change.until {
            Some(until) if until <= now => {
                return Err(Problem::field("until", format!("{until} is in the past")));
            }
            Some(_) if change.state == FlowState::Running => {
                return Err(Problem::field("until", "only a pause ends by itself; leave it out"));
            }
            _ => {}
        }
        let setting =
            FlowSetting { state: change.state, until: change.until, reason: change.reason, since: Some(now) };
        self.store.set_flow(scope.clone(), setting.clone()).await?;
        tracing::info!(key = access.key, flow = ?scope, state = ?setting.state, "a flow was set");
        Ok(Json(FlowView::of(&scope, setting)))
    }
}

/// A reason somebody will read in a history: short, without control characters.
pub(super) fn check_reason(reason: Option<&str>) -> Result<(), Problem> {
    match reason {
        Some(reason) if !matches!(reason.chars().count(), 1..=200) || reason.contains(char::is_control) => {
            Err(Problem::field("reason", "must be 1 to 200 characters, without control characters"))
        }
        _ => Ok(()),
    }
}
