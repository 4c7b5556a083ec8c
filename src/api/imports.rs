//! `POST /v1/imports`: a whole feed in one request, and what watched folders hand in.
//!
//! A feed is read by [`feeds`](crate::feeds); each line goes through the same [`Counter`] as a send
//! that was pushed, in batches: while one is with the store the next is examined, and no more are held. So memory is
//! bounded, and a store that is slow slows whoever brings the feed.
//!
//! A line without an id gets one that follows from what it says: the same feed twice changes nothing, and nobody has to
//! remember how far an import came. A store that takes nothing is asked again for [`PATIENCE`]; then the import stops,
//! says how many lines are dealt with, and whoever brings it again says `skip`.

mod answer;
mod batch;
mod ends;
mod job;
mod metrics;
mod open;
mod request;
mod run;
mod seen;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use tokio::sync::Semaphore;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Params;
use super::brands::Brands;
use super::guard::Seat;
use super::{Access, Counter, Doors, Problem};
use crate::config::{self, Role};
use crate::feeds::{BadMapping, Mapping, Report};
use crate::model::Name;
use crate::telemetry::Registry;
use metrics::Metrics;
use request::Asked;

pub use ends::{Gone, Piece, Sink, Source, Unreadable};
pub use job::Brought;

/// For so long a store that takes nothing is asked again.
const PATIENCE: Duration = Duration::from_secs(20);

/// Imports at the same time: each remembers which lines it has seen.
const AT_THE_SAME_TIME: usize = 4;

/// What imports know of each other: mappings by name, and how many there may be.
#[derive(Clone)]
pub struct Imports {
    mappings: Arc<BTreeMap<Name, Arc<Mapping>>>,
    room: Arc<Semaphore>,
    metrics: Metrics,
}

impl Imports {
    /// Checks the mappings of the configuration, and registers the metrics.
    ///
    /// # Errors
    /// Names the first mapping that cannot be used.
    pub fn new(config: &config::Feeds, registry: &Registry) -> Result<Self, BadMapping> {
        let compiled = config.mappings.iter().map(|(name, mapping)| {
            let compiled = Mapping::new(mapping).map_err(|bad| bad.in_configuration(name))?;
            Ok((name.clone(), Arc::new(compiled)))
        });
        Ok(Self {
            mappings: Arc::new(compiled.collect::<Result<_, BadMapping>>()?),
            room: Arc::new(Semaphore::new(AT_THE_SAME_TIME)),
            metrics: Metrics::new(registry),
        })
    }

    /// The mapping of this name.
    fn mapping(&self, name: &Name) -> Option<Arc<Mapping>> {
        self.mappings.get(name).cloned()
    }
}

/// Where feeds are brought that were not asked for through the API: watched folders.
pub struct Desk {
    shared: Arc<Shared>,
}

/// What every import needs.
struct Shared {
    counter: Counter,
    imports: Imports,
    brands: Brands,
    /// Longest record, in bytes.
    max_line: usize,
    /// Lines handed to the store together.
    batch: usize,
}

impl Shared {
    fn new(doors: &Doors) -> Arc<Self> {
        Arc::new(Self {
            counter: Counter::new(doors),
            imports: doors.imports.clone(),
            brands: Brands::new(&doors.brands),
            max_line: doors.settings.max_line,
            batch: doors.settings.batch.max(1),
        })
    }
}

impl Desk {
    /// A desk that accepts what the API accepts.
    pub fn new(doors: &Doors) -> Self {
        Self { shared: Shared::new(doors) }
    }

    /// Imports a feed of this brand to its end; waits until there is room for it. The originals of refused lines go
    /// into the sink with them.
    ///
    /// # Errors
    /// If the feed as a whole cannot be read; nothing of it was accepted then.
    pub async fn import(
        &self,
        brought: Brought,
        source: &mut impl Source,
        sink: &mut impl Sink,
    ) -> Result<Report, Unreadable> {
        let _room = self.shared.imports.room.acquire().await;
        let access = Access { key: "folder".into(), role: Role::Operator, brand: None };
        if let Err(problem) = self.shared.brands.named(&access, &brought.brand) {
            // Its files wait until there is such a brand, and it is sound.
            return Ok(Report { stopped: Some(problem.detail().to_owned()), ..Report::default() });
        }
        let job = brought.job(&self.shared, access)?;
        let import = run::Import::open(Arc::clone(&self.shared), job, source).await?;
        Ok(import.run(source, sink).await)
    }
}

pub(super) fn router(doors: &Doors) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(import)).with_state(Shared::new(doors))
}

/// Import a feed: CSV or NDJSON.
///
/// Answered by one JSON object per line, while the feed is read: `source` says how the feed is written as we
/// found out; `line`, `field` and `problem` stand for each refused line; `done` has the sums so far; and the
/// last one, `report`, has the sums. Read while you write. Lines without an `id` get one that follows from what they say, so
/// that importing a feed again changes nothing.
#[utoipa::path(
    post, path = "/v1/imports", tag = "sends", security(("key" = ["producer", "operator"])),
    params(
        ("brand" = String, Query, description = "Who writes"),
        ("campaign" = Option<String>, Query, description = "The campaign of lines that name none"),
        ("template" = Option<String>, Query, description = "The template of lines that name none"),
        ("mapping" = Option<String>, Query, description = "What the columns mean: a name in `feeds.mappings` of the configuration. Without one, the header line has the names of a send's fields: `to.email`, `id`, `case`, `vars.amount`"),
        ("Vigie-Mapping" = Option<String>, Header, description = "The mapping itself, as base64url of its JSON"),
        ("delimiter" = Option<String>, Query, description = "Between columns: one character, or `tab`; else it is found out"),
        ("dry_run" = Option<bool>, Query, description = "Check every line and accept none"),
        ("skip" = Option<u64>, Query, description = "Lines at the beginning not to look at: the `lines` of the last `done` or `report` when an earlier import stopped"),
        ("problems" = Option<u64>, Query, description = "List so many refused lines, 1000 if not said; the rest is counted"),
        ("originals" = Option<bool>, Query, description = "Show what stands in refused lines: `cells` of CSV, `text` of NDJSON"),
    ),
    request_body(description = "The feed. `text/csv` may name its `charset`; `application/octet-stream`: find out which it is", content(
        (String = "text/csv"),
        (String = "application/x-ndjson"),
        (String = "application/octet-stream"),
    )),
    responses(
        (status = 200, description = "What became of it, line by line; the last line has the sums", body = Report, content_type = "application/x-ndjson"),
    )
)]
async fn import(
    State(shared): State<Arc<Shared>>,
    Extension(access): Extension<Access>,
    Extension(seat): Extension<Seat>,
    Params(asked): Params<Asked>,
    request: Request,
) -> Result<Response, Problem> {
    let wish = asked.wish(&shared, access, request.headers())?;
    let room = Arc::clone(&shared.imports.room).try_acquire_owned().map_err(|_| Problem::busy())?;
    answer::respond(shared, wish, request.into_body(), seat, room).await
}
