//! The private API: producers push, operators look and steer, everything under `/v1`.
//!
//! The life of one request:
//!
//! 1. [`serve`] takes a connection of a socket that is already bound (see [`crate::listener`] for its limits).
//! 2. The request takes one of `api.max_requests` seats, or is told 503 at once, and runs in a task of its own: a
//!    client that leaves cancels nothing, a panic ends one request.
//! 3. Its key is compared in constant time; its role must be one that the OpenAPI document gives to the operation.
//! 4. Its body is read within limits, as strict JSON: no unknown field, no key twice.
//! 5. The handler speaks to the store. Claims that come back from an enqueue go to [`Doors::fire`] before anything
//!    else happens.
//! 6. Whatever went wrong on the way is one RFC 9457 problem that names the field and the remedy.
//!
//! What mail servers report by themselves takes none of these steps but the third: see [`reports`].

mod body;
mod bounces;
mod brands;
mod cases;
mod consents;
mod ears;
mod events;
mod flows;
mod guard;
mod imports;
mod keys;
mod mailboxes;
mod ndjson;
mod openapi;
mod partners;
mod problem;
mod recipients;
mod reports;
mod sends;
mod signals;
mod stats;
mod strict;
mod suppressions;
mod tokens;
mod webhooks;
mod whom;

use std::pin::Pin;
use std::sync::Arc;

use axum::{Router, middleware};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use utoipa::openapi::OpenApi;

pub use ears::Ears;
pub use imports::{Brought, Desk, Gone, Imports, Piece, Sink, Source, Unreadable};
pub use keys::{Access, BadKey, Keys};
pub use mailboxes::{Condition, Look};
pub use problem::Problem;
pub use sends::{Carried, Counter, Taken};

use crate::bounces::Bounces;
use crate::brands::Brands;
use crate::clock::Clock;
use crate::model::{CaseFacts, Claim, SendSpec};
use crate::partners::Partners;
use crate::secrets::Vault;
use crate::store::{Rules, Store};
use crate::webhooks::Webhooks;
use crate::{config, flow, listener, token};
use guard::{Admission, Authority, Tasks};

/// A send that cannot be rendered: found out at the door, not at sending time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// The field at fault, as a dotted name: `template`, `vars.amount`.
    pub field: String,
    /// What is wrong with it and what to do, without personal data.
    pub problem: String,
}

/// Tries whether a send can be rendered, with what its case says.
pub type TryOut = Arc<dyn Fn(&SendSpec, Option<&CaseFacts>) -> Result<(), Unfit> + Send + Sync>;

/// Takes claims that came back from the store, at once; the future resolves when more would not queue up.
pub type Fire = Arc<dyn Fn(Vec<Claim>) -> BoxFuture + Send + Sync>;

/// What [`Fire`] answers.
pub type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What the API's handlers need, put together by the application.
#[derive(Clone)]
pub struct Doors {
    /// Where sends and people are.
    pub store: Arc<dyn Store>,
    /// The rules the store was started with, for explaining why a send waits.
    pub rules: Arc<Rules>,
    /// Turns addresses into recipients.
    pub identity: token::Identity,
    /// Who carries our pixels in mails of their own.
    pub partners: Arc<Partners>,
    /// Who writes, and what signs for them.
    pub brands: Brands,
    /// Who may call.
    pub keys: Keys,
    /// Hears what trusted sources tell of people.
    pub ears: Arc<Ears>,
    /// Knows the flow settings.
    pub gate: flow::Gate,
    /// What time it is.
    pub clock: Clock,
    /// How flows begin again after a pause.
    pub ramps: config::Flows,
    /// Limits.
    pub settings: config::Api,
    /// How events are listened to.
    pub events: config::Events,
    /// Who else is told.
    pub webhooks: Webhooks,
    /// Seals what opens mailboxes.
    pub vault: Vault,
    /// Which mail servers may be named.
    pub watch: config::Watch,
    /// Sees how it stands with a watched mailbox.
    pub look: Look,
    /// What imports of feeds know of each other.
    pub imports: Imports,
    /// Takes in what comes back.
    pub bounces: Bounces,
    /// The renderer.
    pub try_out: TryOut,
    /// The dispatcher.
    pub fire: Fire,
}

/// How much one request may bring.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Bytes of a JSON body.
    max_body: usize,
    /// Bytes of an NDJSON line.
    max_line: usize,
    /// NDJSON lines handed to the store at a time.
    batch: usize,
}

/// Serves the API on a bound socket until `shutdown`; returns when every request under way is answered and every
/// claim is handed over to [`Doors::fire`].
pub async fn serve(listener: TcpListener, doors: Doors, shutdown: CancellationToken) {
    let tasks = Tasks { tracker: TaskTracker::new(), shutdown: shutdown.clone() };
    let router = router(&doors, tasks.clone());
    listener::serve(listener, router, shutdown).await;
    tasks.tracker.close();
    tasks.tracker.wait().await;
}

fn router(doors: &Doors, tasks: Tasks) -> Router {
    let settings = &doors.settings;
    let limits =
        Limits { max_body: settings.max_body, max_line: settings.max_line, batch: settings.batch.max(1) };
    let reports = reports::router(doors, &tasks);
    let admission = Admission::new(settings.max_requests, limits, tasks);
    let (routes, document) = routes(doors);
    let authority = Authority::new(doors.keys.clone(), &document);
    routes
        .merge(openapi::router(&document))
        .route_layer(middleware::from_fn_with_state(authority, guard::authorize))
        .layer(middleware::from_fn_with_state(admission, guard::admit))
        .merge(reports)
        .layer(middleware::from_fn(problem::ensure))
}

/// Every documented route, and the document.
fn routes(doors: &Doors) -> (Router, OpenApi) {
    let (routes, mut document) = openapi::start()
        .merge(sends::router(doors))
        .merge(imports::router(doors))
        .merge(cases::router(doors))
        .merge(tokens::router(doors))
        .merge(consents::router(doors))
        .merge(bounces::router(doors))
        .merge(suppressions::router(doors))
        .merge(mailboxes::router(doors))
        .merge(recipients::router(doors))
        .merge(flows::router(doors))
        .merge(events::router(doors))
        .merge(webhooks::router(doors))
        .merge(partners::router(doors))
        .merge(stats::router(doors))
        .merge(signals::router(doors))
        .split_for_parts();
    document.merge(reports::document());
    (routes, openapi::finish(document))
}
