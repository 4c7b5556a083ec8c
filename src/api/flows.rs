//! `/v1/flows`: what operators pause and resume. Partners are flows, too: `partner/NAME`, and `partner` is all of them.

mod view;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use jiff::Timestamp;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::brands::Brands;
use super::{Access, Doors, Problem, body};
use crate::clock::Clock;
use crate::config;
use crate::flow::{Gate, VIGIE, change as change_flow, effective, replace as replace_flow};
use crate::model::{DOMAINS, FlowScope, FlowSetting, FlowState, Name, PARTNERS, Ramp};
use crate::partners::Partners;
use crate::store::Store;

use view::{FlowChange, FlowList, FlowView, Wanted};

pub(super) fn router(doors: &Doors) -> OpenApiRouter {
    let desk = Desk {
        store: Arc::clone(&doors.store),
        brands: Brands::new(&doors.brands),
        partners: Arc::clone(&doors.partners),
        gate: doors.gate.clone(),
        clock: doors.clock.clone(),
        ramps: doors.ramps,
    };
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(set_brand))
        .routes(routes!(set_campaign))
        .with_state(desk)
}

/// A setting that another gateway made is known here within a second, says the store.
const HEARS_WITHIN: Duration = Duration::from_millis(1500);

/// How often a flow is tried that is changed elsewhere at the same moment, before it is simply set.
const TRIES: usize = 3;

/// Where operators sit.
#[derive(Clone)]
struct Desk {
    store: Arc<dyn Store>,
    brands: Brands,
    partners: Arc<Partners>,
    gate: Gate,
    clock: Clock,
    ramps: config::Flows,
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
    let standing = desk.gate.standing();
    let named = partners.chain(standing.domains()).chain(settings.settings.keys().cloned());
    let scopes: BTreeSet<_> = brands.chain(named).collect();
    let now = desk.clock.now();
    let view = |scope: &FlowScope| {
        let setting = settings.settings.get(scope).map(|setting| effective(setting, now));
        FlowView::of(scope, setting.unwrap_or_default(), standing, now)
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
        let brand = match brand {
            DOMAINS => DOMAINS.parse().map_err(|_| Problem::not_found("brand"))?,
            brand => self.brands.in_path(access, brand)?,
        };
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
            Some(_) if !change.ends() => {
                let words = "only a pause or a limit ends by itself; leave it out, or say `rate_per_second` or `per_day`";
                return Err(Problem::field("until", words));
            }
            _ => {}
        }
        if change.per_day == Some(0) {
            return Err(Problem::field("per_day", "must be at least 1; to stop a flow, pause it"));
        }
        let setting = self.put(&scope, &change, access, now).await?;
        tracing::info!(key = access.key, flow = ?scope, state = ?setting.state, "a flow was set");
        Ok(Json(FlowView::of(&scope, setting, self.gate.standing(), now)))
    }

    /// Sets the flow by what it was a moment ago: what another gateway paused just now begins slowly, too.
    async fn put(
        &self,
        scope: &FlowScope,
        change: &FlowChange,
        access: &Access,
        now: Timestamp,
    ) -> Result<FlowSetting, Problem> {
        let mut flows = self.store.flows();
        for _ in 0..TRIES {
            let known = flows.borrow_and_update().settings.get(scope).cloned();
            let setting = self.setting(known.as_ref(), change, access, now);
            if replace_flow(&*self.store, scope.clone(), known, setting.clone(), now).await? {
                return Ok(setting);
            }
            // Whoever was first is heard of soon; if not, it is tried again all the same.
            let _ = tokio::time::timeout(HEARS_WITHIN, flows.changed()).await;
        }
        // Whoever is that busy with it may have paused it just now.
        let paused = FlowSetting { state: FlowState::Paused, ..FlowSetting::default() };
        let setting = self.setting(Some(&paused), change, access, now);
        change_flow(&*self.store, scope.clone(), setting.clone(), now).await?;
        Ok(setting)
    }

    /// The setting that does what is wanted where this is `known`. What was paused begins slowly, now or when its pause ends;
    /// and what has just begun so goes on as it began, however often it is said to run.
    fn setting(
        &self,
        known: Option<&FlowSetting>,
        change: &FlowChange,
        access: &Access,
        now: Timestamp,
    ) -> FlowSetting {
        let ramp = match change.state {
            Wanted::Paused => change.until.and_then(|until| self.ramps.ramp(until)),
            Wanted::Ramping => self.ramps.ramp(now),
            Wanted::Running if known.is_some_and(|known| known.paused(now)) => self.ramps.ramp(now),
            Wanted::Running => known.and_then(|known| operators_ramp(known, now)),
        };
        let paused = change.state == Wanted::Paused;
        FlowSetting {
            state: if paused { FlowState::Paused } else { FlowState::Running },
            until: change.until,
            reason: change.reason.clone(),
            since: Some(now),
            by: Some(access.key.clone()),
            rate_per_second: change.rate_per_second,
            per_day: change.per_day,
            ramp,
        }
    }
}

/// The ramp that is in force after an operator's word. A brake's is none: it is off as soon as an operator says otherwise.
fn operators_ramp(known: &FlowSetting, now: Timestamp) -> Option<Ramp> {
    known.ramp.filter(|ramp| known.by.as_deref() != Some(VIGIE) && ramp.rate(now).is_some())
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
