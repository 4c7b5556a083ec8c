//! `/v1/mailboxes`: whose mailboxes are watched by IMAP, and how it stands with them.
//!
//! What an owner has given us goes in and never comes out again: it is sealed before it reaches the store, and a view
//! holds neither user nor secret. Addresses are in bodies, never in URLs.

mod order;

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::recipients::Who;
use super::{Access, Doors, Problem, body};
use crate::clock::Clock;
use crate::config;
use crate::model::{RecipientId, Sealed};
use crate::secrets::{self, Account, Vault};
use crate::store::{Store, StoreError};
use crate::token::Identity;
use order::Order;

/// How it stands with a mailbox that this gateway watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// What its connection does: connecting, idle, waiting, refused.
    pub state: &'static str,
    /// Why the last connection failed, if the mailbox is not watched in earnest.
    pub trouble: Option<&'static str>,
}

/// Looks at a mailbox; none if this gateway does not watch it.
pub type Look = Arc<dyn Fn(RecipientId) -> Option<Condition> + Send + Sync>;

pub(super) fn router(doors: &Doors) -> OpenApiRouter {
    let desk = Desk {
        store: Arc::clone(&doors.store),
        identity: doors.identity.clone(),
        clock: doors.clock.clone(),
        vault: doors.vault.clone(),
        settings: doors.watch.clone(),
        look: Arc::clone(&doors.look),
    };
    OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(lookup))
        .routes(routes!(remove))
        .with_state(desk)
}

/// Where mailboxes are registered.
#[derive(Clone)]
struct Desk {
    store: Arc<dyn Store>,
    identity: Identity,
    clock: Clock,
    vault: Vault,
    settings: config::Watch,
    look: Look,
}

/// A watched mailbox, without what opens it.
#[derive(Debug, Serialize, ToSchema)]
struct MailboxView {
    /// Whose it is.
    #[schema(value_type = String)]
    recipient: RecipientId,
    /// The mail server.
    host: String,
    /// Its port.
    port: u16,
    /// How the connection is protected: `implicit`, `starttls`, `none`.
    tls: &'static str,
    /// With what the login is proved: `password`, `oauth`.
    login: &'static str,
    /// How the owner's agreement can be shown.
    proof: String,
    /// Since when it is watched so.
    since: Timestamp,
    /// What this gateway does: `idle` (watches), `connecting`, `waiting` (for its turn or for the end of a pause),
    /// `refused` (the login; tried again after `watch.refused`), `elsewhere` (another gateway watches it, or this one is
    /// about to begin), `off` (`watch.imap` is false).
    state: &'static str,
    /// Why the last connection failed: `refused`, `tls`, `unreachable`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<&'static str>,
}

/// What was removed.
#[derive(Debug, Serialize, ToSchema)]
struct Removed {
    /// Whose mailbox.
    #[schema(value_type = String)]
    recipient: RecipientId,
    /// Whether it was watched.
    removed: bool,
}

/// Watch a mailbox whose owner agreed, or watch it in another way.
#[utoipa::path(
    put, path = "/v1/mailboxes", tag = "recipients", security(("key" = ["operator"])),
    request_body = Order,
    responses((status = 200, description = "It is watched from now on", body = MailboxView))
)]
async fn register(
    State(desk): State<Desk>,
    Extension(access): Extension<Access>,
    body::Json(order): body::Json<Order>,
) -> Result<Json<MailboxView>, Problem> {
    let (who, account) = order.account(&desk.identity, &desk.settings, desk.clock.now())?;
    let sealed = desk.vault.seal(who, &account).map_err(|error| {
        tracing::error!(%error, "a mailbox cannot be sealed");
        Problem::internal()
    })?;
    desk.store.watch_mailbox(who, Some(sealed)).await.map_err(|error| match error {
        StoreError::Full(_) => Problem::full_of_mailboxes(),
        other => other.into(),
    })?;
    tracing::info!(key = access.key, "a mailbox is watched");
    Ok(Json(desk.view(who, account)))
}

/// Look up a watched mailbox, and how it stands with it.
#[utoipa::path(
    post, path = "/v1/mailboxes/lookup", tag = "recipients", security(("key" = ["operator"])),
    request_body = Who,
    responses(
        (status = 200, description = "It is watched", body = MailboxView),
        (status = 404, description = "It is not", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn lookup(
    State(desk): State<Desk>,
    body::Json(who): body::Json<Who>,
) -> Result<Json<MailboxView>, Problem> {
    let who = who.find(&desk.identity)?;
    let sealed = desk.sealed(who).await?.ok_or_else(|| Problem::not_found("watched mailbox"))?;
    let account = desk.vault.open(who, &sealed).map_err(|error| {
        tracing::error!(%error, "a watched mailbox cannot be opened");
        Problem::internal()
    })?;
    Ok(Json(desk.view(who, account)))
}

/// Watch a mailbox no more, and forget what opened it.
#[utoipa::path(
    post, path = "/v1/mailboxes/remove", tag = "recipients", security(("key" = ["operator"])),
    request_body = Who,
    responses((status = 200, description = "It is not watched any more", body = Removed))
)]
async fn remove(
    State(desk): State<Desk>,
    Extension(access): Extension<Access>,
    body::Json(who): body::Json<Who>,
) -> Result<Json<Removed>, Problem> {
    let recipient = who.find(&desk.identity)?;
    let removed = desk.sealed(recipient).await?.is_some();
    desk.store.watch_mailbox(recipient, None).await?;
    tracing::info!(key = access.key, removed, "a mailbox is not watched any more");
    Ok(Json(Removed { recipient, removed }))
}

impl Desk {
    async fn sealed(&self, who: RecipientId) -> Result<Option<Sealed>, Problem> {
        Ok(self.store.person(who).await?.mailbox)
    }

    fn view(&self, recipient: RecipientId, account: Account) -> MailboxView {
        let nobody = if self.settings.imap { "elsewhere" } else { "off" };
        let condition = (self.look)(recipient).unwrap_or(Condition { state: nobody, trouble: None });
        MailboxView {
            recipient,
            host: account.host,
            port: account.port,
            tls: account.tls.as_str(),
            login: match account.access {
                secrets::Access::Password(_) => "password",
                secrets::Access::OAuth(_) => "oauth",
            },
            proof: account.proof,
            since: account.since,
            state: condition.state,
            trouble: condition.trouble,
        }
    }
}
