//! `/v1/partners`: who carries our pixels in mails of their own, whether they are heard, and what their signals are worth.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Doors;
use crate::model::{Class, FlowState};
use crate::partners::{Figures, Partners, Refusal};

pub(super) fn router(doors: &Doors) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list)).with_state(Arc::clone(&doors.partners))
}

/// One partner.
#[derive(Debug, Serialize, ToSchema)]
struct PartnerView {
    /// Who.
    partner: String,
    /// Whether their signals are taken: `PUT /v1/flows/partner/{partner}` changes it.
    state: FlowState,
    /// When a pause ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    /// Why they are paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    /// Signals taken, by verdict.
    signals: BTreeMap<&'static str, u64>,
    /// Signals dropped, by reason.
    refused: BTreeMap<&'static str, u64>,
    /// The share of signals taken that were people's, 0 to 1; null as long as there was none.
    human_share: Option<f64>,
}

/// All partners.
#[derive(Debug, Serialize, ToSchema)]
struct PartnerList {
    /// By name; the figures are this gateway's since it started. `vigie_partner_signals_total` has them of all.
    partners: Vec<PartnerView>,
}

impl From<Figures> for PartnerView {
    fn from(figures: Figures) -> Self {
        let human_share = figures.human_share();
        Self {
            partner: figures.name.to_string(),
            state: figures.flow.state,
            until: figures.flow.until,
            reason: figures.flow.reason,
            since: figures.flow.since,
            signals: Class::ALL.iter().map(|class| class.as_str()).zip(figures.judged).collect(),
            refused: Refusal::ALL.iter().map(|refusal| refusal.as_str()).zip(figures.refused).collect(),
            human_share,
        }
    }
}

/// List all partners.
#[utoipa::path(
    get, path = "/v1/partners", tag = "partners", security(("key" = ["operator"])),
    responses((status = 200, description = "All partners of the configuration", body = PartnerList))
)]
async fn list(State(partners): State<Arc<Partners>>) -> Json<PartnerList> {
    Json(PartnerList { partners: partners.figures().into_iter().map(PartnerView::from).collect() })
}
