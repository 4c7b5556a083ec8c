//! `/v1/webhooks`: how it stands with each, and delivering again.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Doors, Problem, body};
use crate::model::Position;
use crate::store::Store;
use crate::webhooks::{From, ReplayError, Standing, Webhooks};

pub(super) fn router(doors: &Doors) -> OpenApiRouter {
    let desk = Desk { webhooks: doors.webhooks.clone(), store: Arc::clone(&doors.store) };
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(replay)).with_state(desk)
}

/// Where operators sit.
#[derive(Clone)]
struct Desk {
    webhooks: Webhooks,
    store: Arc<dyn Store>,
}

/// One webhook as it stands, whichever gateway delivers it.
#[derive(Debug, Serialize, ToSchema)]
struct WebhookView {
    /// Whose.
    brand: String,
    /// What it is called.
    name: String,
    /// Where it goes, without path and query.
    to: String,
    /// Which types of events; none means all.
    types: Vec<String>,
    /// The last event that was dealt with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    position: Option<Position>,
    /// Where the log ends.
    #[schema(value_type = String)]
    newest: Position,
    /// Events its receiver took.
    delivered: u64,
    /// When it took the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_success: Option<Timestamp>,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// When that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error_at: Option<Timestamp>,
    /// Failures since the last success.
    failures: u32,
    /// When the next try comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_try: Option<Timestamp>,
    /// Its receiver said 410 Gone: nothing is delivered until it is replayed or its address changes.
    disabled: bool,
    /// Events left out because the receiver does not accept them.
    left_out: u64,
    /// How often events were not kept for as long as the receiver was away.
    missed: u64,
    /// Events that wait for it as of the last failure, 10,000 at most.
    behind: u64,
    /// When the oldest of them happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    behind_since: Option<Timestamp>,
}

/// All webhooks.
#[derive(Debug, Serialize, ToSchema)]
struct WebhookList {
    /// By brand and name.
    webhooks: Vec<WebhookView>,
}

/// Where to begin again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Replay {
    /// `oldest`, `now`, or a position: what was told after it is delivered.
    #[schema(max_length = 48)]
    from: String,
}

/// Accepted.
#[derive(Debug, Serialize, ToSchema)]
struct Replaying {
    /// As it was asked for.
    from: String,
}

impl WebhookView {
    fn of(standing: Standing, newest: Position) -> Self {
        Self {
            brand: standing.brand.to_string(),
            name: standing.name.to_string(),
            to: standing.to,
            types: standing.types,
            position: standing.position,
            newest,
            delivered: standing.delivered,
            last_success: standing.last_success,
            last_error: standing.last_error,
            last_error_at: standing.last_error_at,
            failures: standing.failures,
            next_try: standing.next_try,
            disabled: standing.disabled,
            left_out: standing.left_out,
            missed: standing.missed,
            behind: standing.behind,
            behind_since: standing.behind_since,
        }
    }
}

/// List all webhooks, with why one is behind.
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "events", security(("key" = ["operator"])),
    responses((status = 200, description = "All webhooks", body = WebhookList))
)]
async fn list(State(desk): State<Desk>) -> Result<Json<WebhookList>, Problem> {
    let newest = desk.store.newest().borrow().clone();
    let standings = desk.webhooks.standings().await?;
    let view = |standing| WebhookView::of(standing, newest.clone());
    Ok(Json(WebhookList { webhooks: standings.into_iter().map(view).collect() }))
}

/// Deliver a webhook's events again, or go on from a later one.
///
/// Also enables one that was disabled. Takes effect within some seconds.
#[utoipa::path(
    post, path = "/v1/webhooks/{brand}/{name}/replay", tag = "events", security(("key" = ["operator"])),
    params(
        ("brand" = String, Path, description = "The brand"),
        ("name" = String, Path, description = "The webhook"),
    ),
    request_body = Replay,
    responses(
        (status = 202, description = "They are delivered from there on", body = Replaying),
        (status = 404, description = "No such webhook", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "Events after this position are not kept any more", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn replay(
    State(desk): State<Desk>,
    Path((brand, name)): Path<(String, String)>,
    body::Json(Replay { from }): body::Json<Replay>,
) -> Result<(axum::http::StatusCode, Json<Replaying>), Problem> {
    let unknown = || Problem::not_found("webhook");
    let (brand, name) = (brand.parse().map_err(|_| unknown())?, name.parse().map_err(|_| unknown())?);
    let begin = match from.as_str() {
        "oldest" => From::Oldest,
        "now" => From::Now,
        position => From::After(position.parse().map_err(|_| {
            Problem::field("from", "must be oldest, now, or a position as an event carried it")
        })?),
    };
    match desk.webhooks.replay(&brand, &name, begin).await {
        Ok(()) => Ok((axum::http::StatusCode::ACCEPTED, Json(Replaying { from }))),
        Err(ReplayError::Unknown) => Err(unknown()),
        Err(ReplayError::Gone(before)) => Err(Problem::gone(before.as_str())),
        Err(ReplayError::Store(error)) => Err(error.into()),
    }
}
