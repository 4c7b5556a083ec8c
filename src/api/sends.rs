//! `/v1/sends`: push, look, cancel.

mod carried;
mod cased;
mod counter;
mod fed;
mod request;
mod view;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use carried::{Carried, Taken};
pub(super) use cased::closed;
pub use counter::Counter;
pub(super) use fed::{Fate, Fed, Order};
pub(super) use request::{To, check_case, check_name, whole_millis};
pub(super) use view::SendView;

use super::body::{self, Media, Params};
use super::brands::Brands;
use super::guard::Seat;
use super::{Access, Doors, Limits, Problem, ndjson};
use crate::flow::{Gate, explain};
use crate::model::{Name, SendId, SendRecord, SendState};
use crate::store::{Cancelled, Rules, Store, Wait};
use counter::{Accepted, Bulk};
use request::SendRequest;

pub(super) fn router(doors: &Doors) -> OpenApiRouter {
    let looking = Looking {
        store: Arc::clone(&doors.store),
        brands: Brands::new(&doors.brands),
        rules: Arc::clone(&doors.rules),
        gate: doors.gate.clone(),
        clock: doors.clock.clone(),
    };
    let push = OpenApiRouter::new().routes(routes!(push)).with_state(Arc::new(Counter::new(doors)));
    let look = OpenApiRouter::new().routes(routes!(look, cancel)).with_state(looking);
    push.merge(look)
}

/// How a push wants to be answered.
#[derive(Debug, Deserialize)]
struct PushQuery {
    /// `durable`: answer when a power cut cannot lose the send. The embedded store always does.
    wait: Option<String>,
}

/// Push one send, or many.
///
/// As `application/json` one send. As `application/x-ndjson` one send per line, answered by one line each, in order,
/// with `line`, `status`, and `id`, `brand`, `state` or a `problem`; read the answers while you write. The `id` is
/// yours and makes pushing again safe.
#[utoipa::path(
    post, path = "/v1/sends", tag = "sends", security(("key" = ["producer", "operator"])),
    params(("wait" = Option<String>, Query, description = "`durable`: answer when a power cut cannot lose the send; the embedded store always does")),
    request_body(content(
        (SendRequest = "application/json"),
        (String = "application/x-ndjson"),
    )),
    responses(
        (status = 202, description = "Accepted and stored", body = Accepted),
        (status = 200, description = "Accepted before, nothing changed; or the answers to many", content(
            (Accepted = "application/json"),
            (String = "application/x-ndjson"),
        )),
        (status = 409, description = "This id is taken by another send, or its case is closed", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn push(
    State(counter): State<Arc<Counter>>,
    Extension(access): Extension<Access>,
    Extension(seat): Extension<Seat>,
    Params(query): Params<PushQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let wait = match query.wait.as_deref() {
        None => Wait::Stored,
        Some("durable") => Wait::Durable,
        Some(_) => return Err(Problem::field("wait", "the only thing to wait for is `durable`")),
    };
    match body::media(request.headers())? {
        Media::Json => push_one(&counter, &access, wait, request.into_body(), seat.limits).await,
        Media::Lines => {
            let bulk = Bulk { counter, access, wait };
            ndjson::respond(bulk, request.into_body(), seat)
        }
    }
}

async fn push_one(
    counter: &Counter,
    access: &Access,
    wait: Wait,
    body: Body,
    limits: Limits,
) -> Result<Response, Problem> {
    let spec = counter.examine(access, body::json::<SendRequest>(body, limits).await?)?;
    let mut answers = counter.accept(vec![spec], wait).await.into_iter();
    let (taken, accepted) = answers.next().ok_or_else(Problem::internal)??;
    Ok((taken.status(), Json(accepted)).into_response())
}

/// What looking at sends needs.
#[derive(Clone)]
struct Looking {
    store: Arc<dyn Store>,
    brands: Brands,
    rules: Arc<Rules>,
    gate: Gate,
    clock: crate::clock::Clock,
}

/// Which brand's send is meant.
#[derive(Debug, Deserialize)]
struct WhoseQuery {
    /// The brand; without it the brand of the key, or for operators the first brand that has a send with this id.
    brand: Option<String>,
}

impl Looking {
    /// The send that this key calls by this reference; the same 404 whether it does not exist or is not theirs.
    async fn find(&self, access: &Access, reference: &str, whose: WhoseQuery) -> Result<SendRecord, Problem> {
        let brands: Vec<Name> = match whose.brand {
            Some(brand) => vec![self.brands.in_path(access, &brand).map_err(|_| Problem::not_found("send"))?],
            None => self.brands.of(access),
        };
        for brand in brands {
            if let Some(record) = self.store.send(SendId::derive(&brand, reference)).await? {
                return Ok(record);
            }
        }
        Err(Problem::not_found("send"))
    }

    async fn why(&self, record: &SendRecord, now: Timestamp) -> Result<Vec<crate::flow::Rule>, Problem> {
        let person = match &record.spec {
            Some(spec) => self.store.person(spec.recipient).await?,
            None => crate::store::Person::default(),
        };
        let mut why = explain(record, &person, &self.gate.flows(), &self.rules, now);
        let waits = record.spec.as_ref().filter(|_| record.state == SendState::Waiting);
        why.extend(waits.map(|spec| self.gate.limits(spec)));
        Ok(why)
    }
}

/// Look at one send: its state, its history, and why it has not gone out.
#[utoipa::path(
    get, path = "/v1/sends/{id}", tag = "sends", security(("key" = ["producer", "operator"])),
    params(
        ("id" = String, Path, description = "The id it was pushed with, or was given"),
        ("brand" = Option<String>, Query, description = "The brand; without it the key's, or for operators the first that has it"),
    ),
    responses(
        (status = 200, description = "The send", body = SendView),
        (status = 404, description = "No such send", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn look(
    State(looking): State<Looking>,
    Extension(access): Extension<Access>,
    Path(id): Path<String>,
    Params(whose): Params<WhoseQuery>,
) -> Result<Json<SendView>, Problem> {
    let record = looking.find(&access, &id, whose).await?;
    let why = looking.why(&record, looking.clock.now()).await?;
    Ok(Json(SendView::of(record).because(why)))
}

/// Cancel one send.
#[utoipa::path(
    delete, path = "/v1/sends/{id}", tag = "sends", security(("key" = ["producer", "operator"])),
    params(
        ("id" = String, Path, description = "The id it was pushed with, or was given"),
        ("brand" = Option<String>, Query, description = "The brand; without it the key's, or for operators the first that has it"),
    ),
    responses(
        (status = 200, description = "It will not go out", body = SendView),
        (status = 404, description = "No such send", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Its hand-over has begun, or it had ended", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn cancel(
    State(looking): State<Looking>,
    Extension(access): Extension<Access>,
    Path(id): Path<String>,
    Params(whose): Params<WhoseQuery>,
) -> Result<(StatusCode, Json<SendView>), Problem> {
    let record = looking.find(&access, &id, whose).await?;
    match looking.store.cancel(record.id, "cancelled through the API").await? {
        Cancelled::Done => {
            let now = looking.store.send(record.id).await?.unwrap_or(record);
            Ok((StatusCode::OK, Json(SendView::of(now))))
        }
        Cancelled::InHandOver => Err(Problem::conflict(
            "in-hand-over",
            "its hand-over to the relay has begun; its end will be recorded",
        )),
        Cancelled::Ended(state) => {
            let detail = format!("it had ended before, as {}", state.as_str());
            Err(Problem::conflict("already-ended", detail))
        }
        Cancelled::Unknown => Err(Problem::not_found("send")),
    }
}
