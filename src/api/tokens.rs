//! `/v1/tokens`: pixels and links for mails that somebody else sends.

mod mint;

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::Map;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::{self, Media};
use super::guard::Seat;
use super::ndjson::{self, Answer, Refused, Work};
use super::{Access, Doors, Problem, strict};
use crate::token::{Minted, Order};
use mint::Mint;

pub(super) fn router(doors: &Doors) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(tokens)).with_state(Arc::new(Mint::new(doors)))
}

/// Mint one token, or many.
///
/// As `application/json` one; as `application/x-ndjson` one per line, answered by one line each, in order.
#[utoipa::path(
    post, path = "/v1/tokens", tag = "tokens", security(("key" = ["producer", "operator"])),
    request_body(content(
        (Order = "application/json"),
        (String = "application/x-ndjson"),
    )),
    responses((status = 200, description = "The token, its address and, for pixels, its HTML", content(
        (Minted = "application/json"),
        (String = "application/x-ndjson"),
    )))
)]
async fn tokens(
    State(mint): State<Arc<Mint>>,
    Extension(access): Extension<Access>,
    Extension(seat): Extension<Seat>,
    request: Request,
) -> Result<Response, Problem> {
    match body::media(request.headers())? {
        Media::Json => {
            let wanted: Order = body::json(request.into_body(), seat.limits).await?;
            Ok(Json(mint.mint(&access, &wanted)?).into_response())
        }
        Media::Lines => ndjson::respond(Bulk { mint, access }, request.into_body(), seat),
    }
}

/// Many tokens of one request.
struct Bulk {
    mint: Arc<Mint>,
    access: Access,
}

#[async_trait]
impl Work for Bulk {
    type Item = Minted;

    fn read(&self, line: &[u8]) -> Result<Minted, Refused> {
        let minted = strict::parse(line).and_then(|wanted| self.mint.mint(&self.access, &wanted));
        minted.map_err(|problem| (Map::new(), problem))
    }

    async fn finish(&self, items: Vec<Minted>) -> Vec<Answer> {
        let members = |minted| serde_json::to_value(minted).ok().and_then(|value| value.as_object().cloned());
        items.into_iter().map(|minted| Ok((StatusCode::OK, members(minted).unwrap_or_default()))).collect()
    }
}
