//! `/v1/cases/{brand}/{case}`: what is owed, and by whom; and the end of it.
//!
//! A case that is put reaches the letters of its sends with the values it has when they are fired. One that was never put is
//! but a name by which sends are settled.

mod request;
mod view;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::brands::Brands;
use super::{Access, Doors, Problem, body, flows, sends};
use crate::clock::Clock;
use crate::model::{CaseState, Name};
use crate::store::{CasePut, Settled, Store};
use crate::token::Identity;

pub(super) use request::CaseRequest;
use view::CaseView;

pub(super) fn router(doors: &Doors) -> OpenApiRouter {
    let cases = Cases {
        store: Arc::clone(&doors.store),
        brands: Brands::new(&doors.brands),
        identity: doors.identity.clone(),
        clock: doors.clock.clone(),
    };
    OpenApiRouter::new()
        .routes(routes!(put_case, look))
        .routes(routes!(settle))
        .routes(routes!(hand_off))
        .with_state(cases)
}

#[derive(Clone)]
struct Cases {
    store: Arc<dyn Store>,
    brands: Brands,
    identity: Identity,
    clock: Clock,
}

/// Why a case is closed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Closing {
    /// `paid`, `plan`, `dispute`, `insolvency`, `withdrawn`, or other words for the history of its sends; no personal data.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
}

/// What closing a case did.
#[derive(Debug, Serialize, ToSchema)]
struct ClosedCase {
    brand: String,
    case: String,
    /// Where the case stands: `leaving` until the mail that is being handed over has ended. Missing if it was never put.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<CaseState>,
    /// Sends that will not go out any more.
    cancelled: u64,
    /// Sends whose hand-over to the relay had begun.
    in_hand_over: u64,
}

impl ClosedCase {
    fn new(brand: &Name, case: String, settled: Settled) -> Json<Self> {
        let Settled { cancelled, in_hand_over, state } = settled;
        Json(Self { brand: brand.to_string(), case, state, cancelled, in_hand_over })
    }
}

/// What putting a case came to.
///
/// # Errors
/// 409 if it is closed, or another person's.
pub(super) fn put(outcome: CasePut) -> Result<StatusCode, Problem> {
    match outcome {
        CasePut::Opened => Ok(StatusCode::CREATED),
        CasePut::Updated | CasePut::Same => Ok(StatusCode::OK),
        CasePut::Closed(state) => Err(sends::closed(state)),
        CasePut::OfAnother => Err(Problem::conflict(
            "case-of-another",
            "this is the case of another address: settle it as withdrawn, and open one of another name",
        )),
    }
}

/// Open a case, or say anew what is owed: letters that have not been fired say it then, too.
#[utoipa::path(
    put, path = "/v1/cases/{brand}/{case}", tag = "cases", security(("key" = ["producer", "operator"])),
    params(
        ("brand" = String, Path, description = "Whose case"),
        ("case" = String, Path, description = "The debt file: 1 to 128 visible characters"),
    ),
    request_body = CaseRequest,
    responses(
        (status = 201, description = "Opened", body = CaseView),
        (status = 200, description = "Changed, or as it was", body = CaseView),
        (status = 404, description = "No such brand", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is closed, or another person's", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn put_case(
    State(cases): State<Cases>,
    Extension(access): Extension<Access>,
    Path((brand, case)): Path<(String, String)>,
    body::Json(request): body::Json<CaseRequest>,
) -> Result<(StatusCode, Json<CaseView>), Problem> {
    let brand = cases.brands.in_path(&access, &brand)?;
    let spec = request.into_spec(brand.clone(), case.clone(), &cases.identity)?;
    if spec.deadline.is_some_and(|at| at <= cases.clock.now()) {
        return Err(Problem::field(
            "deadline",
            "is in the past; hand the case off at once, or move the deadline",
        ));
    }
    let mut outcomes = cases.store.put_cases(vec![spec]).await.into_iter();
    let status = put(outcomes.next().ok_or_else(Problem::internal)??)?;
    Ok((status, cases.view(brand, case).await?))
}

impl Cases {
    async fn view(&self, brand: Name, case: String) -> Result<Json<CaseView>, Problem> {
        let found = self.store.cases(&[(brand, case)]).await?.into_iter().flatten().next();
        found.map(|record| Json(CaseView::of(record))).ok_or_else(|| Problem::not_found("case"))
    }
}

/// Look at a case: where it stands, and what its letters say.
#[utoipa::path(
    get, path = "/v1/cases/{brand}/{case}", tag = "cases", security(("key" = ["producer", "operator"])),
    params(
        ("brand" = String, Path, description = "Whose case"),
        ("case" = String, Path, description = "The debt file"),
    ),
    responses(
        (status = 200, description = "The case", body = CaseView),
        (status = 404, description = "No such case, or it was never put", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn look(
    State(cases): State<Cases>,
    Extension(access): Extension<Access>,
    Path((brand, case)): Path<(String, String)>,
) -> Result<Json<CaseView>, Problem> {
    let brand = cases.brands.in_path(&access, &brand).map_err(|_| Problem::not_found("case"))?;
    cases.view(brand, case).await
}

/// Settle a case: cancels every waiting send of it, and of no other.
#[utoipa::path(
    post, path = "/v1/cases/{brand}/{case}/settle", tag = "cases", security(("key" = ["producer", "operator"])),
    params(
        ("brand" = String, Path, description = "Whose case"),
        ("case" = String, Path, description = "The debt file"),
    ),
    request_body = Closing,
    responses(
        (status = 200, description = "Settled, also if nothing of it waited", body = ClosedCase),
        (status = 404, description = "No such brand", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn settle(
    State(cases): State<Cases>,
    Extension(access): Extension<Access>,
    Path((brand, case)): Path<(String, String)>,
    body::Json(closing): body::Json<Closing>,
) -> Result<Json<ClosedCase>, Problem> {
    let brand = cases.brands.in_path(&access, &brand)?;
    flows::check_reason(Some(&closing.reason))?;
    let settled = cases.store.settle(&brand, &case, &closing.reason).await?;
    tracing::info!(key = access.key, %brand, cancelled = settled.cancelled, "a case was settled");
    Ok(ClosedCase::new(&brand, case, settled))
}

/// Hand a case off now, before its deadline: every waiting send of it ends as handed off.
#[utoipa::path(
    post, path = "/v1/cases/{brand}/{case}/handoff", tag = "cases", security(("key" = ["producer", "operator"])),
    params(
        ("brand" = String, Path, description = "Whose case"),
        ("case" = String, Path, description = "The debt file"),
    ),
    request_body = Closing,
    responses(
        (status = 200, description = "Handed off, or leaving until its mail under way has ended", body = ClosedCase),
        (status = 404, description = "No such brand", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn hand_off(
    State(cases): State<Cases>,
    Extension(access): Extension<Access>,
    Path((brand, case)): Path<(String, String)>,
    body::Json(closing): body::Json<Closing>,
) -> Result<Json<ClosedCase>, Problem> {
    let brand = cases.brands.in_path(&access, &brand)?;
    flows::check_reason(Some(&closing.reason))?;
    let settled = cases.store.hand_off(&brand, &case, &closing.reason).await?;
    tracing::info!(key = access.key, %brand, ended = settled.cancelled, "a case was handed off");
    Ok(ClosedCase::new(&brand, case, settled))
}
