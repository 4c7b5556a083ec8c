//! `/v1/cases/{brand}/{case}/settle`: a debt file is paid, none of its letters goes out any more.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::brands::Brands;
use super::{Access, Doors, Problem, body, flows};
use crate::store::Store;

pub(super) fn router(doors: &Doors) -> OpenApiRouter {
    let cases = Cases { store: Arc::clone(&doors.store), brands: Brands::new(&doors.brands) };
    OpenApiRouter::new().routes(routes!(settle)).with_state(cases)
}

#[derive(Clone)]
struct Cases {
    store: Arc<dyn Store>,
    brands: Brands,
}

/// Why a case is settled.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Settlement {
    /// In words for the history of its sends, without personal data.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
}

/// What settling a case did.
#[derive(Debug, Serialize, ToSchema)]
struct SettledCase {
    brand: String,
    case: String,
    /// Sends that will not go out any more.
    cancelled: u64,
    /// Sends whose hand-over to the relay had begun.
    in_hand_over: u64,
}

/// Settle a case: cancels every waiting send of it, and of no other.
#[utoipa::path(
    post, path = "/v1/cases/{brand}/{case}/settle", tag = "cases", security(("key" = ["producer", "operator"])),
    params(
        ("brand" = String, Path, description = "Whose case"),
        ("case" = String, Path, description = "The debt file"),
    ),
    request_body = Settlement,
    responses(
        (status = 200, description = "Settled, also if nothing of it waited", body = SettledCase),
        (status = 404, description = "No such brand", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn settle(
    State(cases): State<Cases>,
    Extension(access): Extension<Access>,
    Path((brand, case)): Path<(String, String)>,
    body::Json(settlement): body::Json<Settlement>,
) -> Result<Json<SettledCase>, Problem> {
    let brand = cases.brands.in_path(&access, &brand)?;
    flows::check_reason(Some(&settlement.reason))?;
    let settled = cases.store.settle(&brand, &case, &settlement.reason).await?;
    tracing::info!(key = access.key, %brand, cancelled = settled.cancelled, "a case was settled");
    Ok(Json(SettledCase {
        brand: brand.to_string(),
        case,
        cancelled: settled.cancelled,
        in_hand_over: settled.in_hand_over,
    }))
}
