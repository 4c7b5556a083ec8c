//! `GET /v1/events`: what happened, as it happens or page by page, from now on or from a position.
//!
//! A listener has a task that reads the log from where that listener is, and a buffer of a few pages. So one that is slow costs
//! nobody else anything and holds nothing but those pages: it is cut off in the end, and may come back and go on.

mod stream;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::stream::{Feed, listen};
use super::body::Params;
use super::guard::Seat;
use super::{Access, Doors, Problem};
use crate::config::Events;
use crate::model::{Event, Name, Position, Told, names_a_kind};
use crate::store::{Heard, Store};

/// Most events of one page of JSON.
const MOST: usize = 1000;

/// The header in which a client that comes back says where it was.
const LAST_EVENT_ID: &str = "last-event-id";

pub(super) fn router(doors: &Doors) -> OpenApiRouter {
    let desk = Desk {
        store: Arc::clone(&doors.store),
        seats: Arc::new(Semaphore::new(doors.events.listeners.min(Semaphore::MAX_PERMITS))),
        settings: doors.events.clone(),
    };
    OpenApiRouter::new().routes(routes!(events)).with_state(desk)
}

/// Where listeners sit.
#[derive(Clone)]
struct Desk {
    store: Arc<dyn Store>,
    seats: Arc<Semaphore>,
    settings: Events,
}

/// What somebody wants to hear.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    after: Option<String>,
    types: Option<String>,
    brand: Option<String>,
    format: Option<String>,
    limit: Option<usize>,
}

/// One thing that happened.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventView {
    /// Its place in the log.
    #[schema(value_type = String)]
    position: Position,
    /// The same whenever it is told again: what was heard before can be told by it.
    id: String,
    /// What happened.
    #[serde(rename = "type")]
    kind: String,
    /// When.
    #[schema(value_type = String)]
    at: jiff::Timestamp,
    /// Whose.
    #[schema(value_type = String)]
    brand: Name,
    /// The rest, by type.
    #[schema(value_type = Object)]
    data: serde_json::Value,
}

/// A page of what happened.
#[derive(Debug, Serialize, ToSchema)]
struct EventPage {
    /// Oldest first.
    events: Vec<EventView>,
    /// Where to go on: the next page is after it.
    #[schema(value_type = String)]
    next: Position,
    /// Whether there may be more now.
    more: bool,
}

impl From<Told> for EventView {
    fn from(Told { position, event }: Told) -> Self {
        let Event { id, kind, at, brand, data } = event;
        Self { position, id, kind, at, brand, data }
    }
}

/// Which events somebody hears.
#[derive(Debug, Clone)]
struct Filter {
    types: Vec<String>,
    brand: Option<Name>,
    access: Access,
}

impl Filter {
    fn of(access: Access, wanted: &Wanted) -> Result<Self, Problem> {
        let types: Vec<String> =
            wanted.types.iter().flat_map(|types| types.split(',')).map(str::to_owned).collect();
        if let Some(unknown) = types.iter().find(|kind| !names_a_kind(kind)) {
            let known = Event::KINDS.join(", ");
            return Err(Problem::field(
                "types",
                format!("there is no type {unknown:.40}; there are {known}, send.*"),
            ));
        }
        let named =
            |brand: &String| brand.parse().map_err(|_| Problem::field("brand", "that is no brand's name"));
        let brand = wanted.brand.as_ref().map(named).transpose()?;
        Ok(Self { types, brand, access })
    }

    fn lets_through(&self, event: &Event) -> bool {
        let brand = self.brand.as_ref().is_none_or(|brand| *brand == event.brand);
        brand && self.access.covers(&event.brand) && event.is_among(&self.types)
    }
}

/// Hear what happens.
///
/// As server-sent events, without end: each with its position as `id`, its type as `event`, and the event as JSON in `data`. A
/// client that comes back with `Last-Event-ID` (browsers do) or `after` goes on from there; without both it hears what comes
/// from now on. With `format=json` one page at a time, from the oldest that is kept or after `after`. Told at least once: the
/// event's own `id` tells what was heard before. Producers hear of their brand only.
#[utoipa::path(
    get, path = "/v1/events", tag = "events", security(("key" = ["producer", "operator"])),
    params(
        ("after" = Option<String>, Query, description = "A position: what was told after it"),
        ("types" = Option<String>, Query, description = "Types, separated by commas; `send.*` is all that begin so"),
        ("brand" = Option<String>, Query, description = "One brand's only"),
        ("format" = Option<String>, Query, description = "`json`: one page instead of a stream"),
        ("limit" = Option<usize>, Query, description = "With `format=json`: at most so many are looked at, 1 to 1000"),
        ("Last-Event-ID" = Option<String>, Header, description = "As `after`, which wins"),
    ),
    responses(
        (status = 200, description = "The stream, or the page", content(
            (String = "text/event-stream"),
            (EventPage = "application/json"),
        )),
        (status = 410, description = "Events after this position are not kept any more", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn events(
    State(desk): State<Desk>,
    Extension(access): Extension<Access>,
    Extension(seat): Extension<Seat>,
    headers: HeaderMap,
    Params(wanted): Params<Wanted>,
) -> Result<Response, Problem> {
    let filter = Filter::of(access, &wanted)?;
    let last = headers.get(LAST_EVENT_ID).and_then(|last| last.to_str().ok()).filter(|last| !last.is_empty());
    let after = wanted.after.as_deref().or(last);
    let position = |text: &str| text.parse().map_err(|bad| Problem::field("after", format!("{bad}")));
    let after = after.map(position).transpose()?;
    match wanted.format.as_deref() {
        None | Some("sse") => desk.stream(filter, after, seat).await,
        Some("json") => desk.page(&filter, after, wanted.limit).await,
        Some(_) => Err(Problem::field("format", "must be sse or json")),
    }
}

impl Desk {
    async fn page(
        &self,
        filter: &Filter,
        after: Option<Position>,
        limit: Option<usize>,
    ) -> Result<Response, Problem> {
        let limit = limit.unwrap_or(100);
        if !(1..=MOST).contains(&limit) {
            return Err(Problem::field("limit", format!("must be 1 to {MOST}")));
        }
        let newest = self.store.newest().borrow().clone();
        let told = match self.store.events(after.clone(), limit).await? {
            Heard::Events(told) => told,
            Heard::Gone { before } => return Err(Problem::gone(before.as_str())),
        };
        let (next, more) = (told.last().map(|last| last.position.clone()), told.len() == limit);
        let events = told.into_iter().filter(|told| filter.lets_through(&told.event)).map(EventView::from);
        let next = next.or(after).unwrap_or(newest);
        Ok(Json(EventPage { events: events.collect(), next, more }).into_response())
    }

    async fn stream(&self, filter: Filter, after: Option<Position>, seat: Seat) -> Result<Response, Problem> {
        let permit = Arc::clone(&self.seats).try_acquire_owned().map_err(|_| Problem::busy())?;
        let newest = self.store.newest();
        let after = match after {
            None => newest.borrow().clone(),
            Some(after) => match self.store.events(Some(after.clone()), 1).await? {
                Heard::Events(_) => after,
                Heard::Gone { before } => return Err(Problem::gone(before.as_str())),
            },
        };
        let feed =
            Feed { store: Arc::clone(&self.store), newest, after, filter, settings: self.settings.clone() };
        let body = listen(feed, permit, &seat.tasks);
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            // nginx would hold events back until its buffer is full.
            (header::HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
        ];
        Ok((headers, body).into_response())
    }
}
