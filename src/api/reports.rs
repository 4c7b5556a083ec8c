//! `/v1/signals/…`: what mail servers and webmails report by themselves, as they send it.
//!
//! They are answered before anything is done with what they say. Dovecot has one request in flight for a whole server and
//! drops what queues behind a slow answer; webmails keep a person waiting. So these requests take no seat among the API's
//! others and never meet the store: the key is compared, the signature verified over the bytes as they came, the bytes
//! offered to a [`queue`] bounded in number and size, and the answer is 204, also when there was no room. Nobody would send
//! a report again, so there is no use in refusing one.
//!
//! The auth policy is asked before logins, if its operator wants so: it is answered that all is well whatever comes, also
//! to a wrong key. What vigie thinks of a request must not keep anybody from their mail.

mod credentials;
mod queue;
mod signature;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use tokio::sync::Semaphore;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

use super::body::whole;
use super::ears::{DROPPED, Ears, UNAUTHORISED};
use super::guard::Tasks;
use super::{Doors, Keys, Problem};
use crate::config::Role;
use crate::redact::Secret;
use crate::servers::Server;
use queue::{Entry, Queue};

/// Largest report; a server's event has some hundred bytes.
const MAX_REPORT: usize = 64 * 1024;

/// Largest batch of Stalwart's.
const MAX_BATCH: usize = 1024 * 1024;

/// Batches that are read at the same time.
const BATCHES: usize = 16;

/// What the auth policy's client wants to hear: go on, with no delay.
const GO_ON: &str = r#"{"status":0,"msg":""}"#;

/// Takes in reports.
#[derive(Clone)]
struct Desk {
    keys: Arc<Keys>,
    ears: Arc<Ears>,
    queue: Queue,
    batches: Arc<Semaphore>,
}

/// The routes; they stand beside the API's seats.
pub(super) fn router(doors: &Doors, tasks: &Tasks) -> Router {
    let ears = Arc::clone(&doors.ears);
    let (queue, waiting) = queue::queue(ears.settings.queue, ears.settings.queue_bytes);
    tasks.tracker.spawn(queue::work(Arc::clone(&ears), waiting));
    let batches = Arc::new(Semaphore::new(BATCHES));
    let desk = Desk { keys: Arc::new(doors.keys.clone()), ears, queue, batches };
    let only_post = || async { Problem::method("POST") };
    Router::new()
        .route("/v1/signals/dovecot", post(dovecot).fallback(only_post))
        .route("/v1/signals/stalwart", post(stalwart).fallback(only_post))
        .route("/v1/signals/webmail", post(webmail).fallback(only_post))
        .route("/v1/signals/dovecot-policy", any(policy))
        .with_state(desk)
}

/// The routes' documentation.
pub(super) fn document() -> OpenApi {
    #[derive(utoipa::OpenApi)]
    #[openapi(paths(dovecot, policy, stalwart, webmail))]
    struct Reports;
    Reports::openapi()
}

/// One event of Dovecot's event exporter.
///
/// The key as Basic password, which is what Dovecot can send, as Bearer, as `X-API-Key` or as `?key=`. `?kind=read` says
/// that the exporter's filter lets only that through.
#[utoipa::path(
    post, path = "/v1/signals/dovecot", tag = "servers", security(("key" = ["signals", "operator"])),
    params(
        ("key" = Option<String>, Query, description = "The API key, where no header can be set"),
        ("kind" = Option<String>, Query, description = "What every event of this exporter is: a kind of `POST /v1/signals`"),
    ),
    request_body(content_type = "application/json"),
    responses((status = 204, description = "Taken; nothing is said of what it was"))
)]
async fn dovecot(State(desk): State<Desk>, request: Request) -> Result<StatusCode, Problem> {
    desk.take(Server::Dovecot, request).await
}

/// A question or a report of Dovecot's auth policy: always answered that all is well.
///
/// Heard only with a key of the role signals or operator, as above.
#[utoipa::path(
    post, path = "/v1/signals/dovecot-policy", tag = "servers", security(()),
    params(
        ("key" = Option<String>, Query, description = "The API key, where no header can be set"),
        ("command" = Option<String>, Query, description = "`allow` or `report`"),
    ),
    request_body(content_type = "application/json"),
    responses((status = 200, description = "`{\"status\":0,\"msg\":\"\"}`, whatever came", content_type = "application/json"))
)]
async fn policy(State(desk): State<Desk>, request: Request) -> Response {
    if let Err(problem) = desk.take(Server::Policy, request).await {
        tracing::debug!(status = %problem.status(), "an auth policy request was answered and not heard");
    }
    ([(header::CONTENT_TYPE, "application/json")], GO_ON).into_response()
}

/// A batch of Stalwart's webhooks.
///
/// Key as above; with `signals.stalwart_secret`, also `X-Signature`: base64 of the HMAC-SHA-256 over the body.
#[utoipa::path(
    post, path = "/v1/signals/stalwart", tag = "servers", security(("key" = ["signals", "operator"])),
    params(("key" = Option<String>, Query, description = "The API key, where no header can be set")),
    request_body(content_type = "application/json"),
    responses((status = 204, description = "Taken; nothing is said of what it was"))
)]
async fn stalwart(State(desk): State<Desk>, request: Request) -> Result<StatusCode, Problem> {
    let Ok(_turn) = desk.batches.try_acquire() else {
        desk.ears.count(Server::Stalwart, DROPPED);
        return Ok(StatusCode::NO_CONTENT);
    };
    desk.take(Server::Stalwart, request).await
}

/// What a webmail's or a portal's server says: `{"user", "kind", "at"}`, one object or a list.
///
/// Signed with `signals.webmail_secret`, `X-Vigie-Signature: t=<seconds since 1970>,v1=<hex HMAC-SHA-256 over t, a dot and
/// the body>`, or with a key as above.
#[utoipa::path(
    post, path = "/v1/signals/webmail", tag = "servers", security(("key" = ["signals", "operator"])),
    params(("key" = Option<String>, Query, description = "The API key, where no header can be set")),
    request_body(content_type = "application/json"),
    responses((status = 204, description = "Taken; nothing is said of what it was"))
)]
async fn webmail(State(desk): State<Desk>, request: Request) -> Result<StatusCode, Problem> {
    desk.take(Server::Webmail, request).await
}

impl Desk {
    async fn take(&self, server: Server, request: Request) -> Result<StatusCode, Problem> {
        let received = Instant::now();
        let (parts, body) = request.into_parts();
        // Whoever gave no key may still be known by a signature, which needs the body.
        let key = self.key(&parts);
        if key.is_err() && !(server == Server::Webmail && signature::is_there(&parts.headers)) {
            return Err(self.refused(server, key.err()));
        }
        let limit = if server == Server::Stalwart { MAX_BATCH } else { MAX_REPORT };
        let body = whole(body, limit).await?;
        self.verify(server, &parts, key.ok().as_deref(), &body)
            .map_err(|why| self.refused(server, Some(why)))?;
        let query = parts.uri.query().unwrap_or_default();
        self.offer(Entry { server, query: words_of(query), body, received, at: self.ears.clock.now() });
        Ok(StatusCode::NO_CONTENT)
    }

    /// The key that was given, if it may report.
    fn key(&self, parts: &Parts) -> Result<String, Problem> {
        const NONE: &str = "give an API key of the role signals: as Bearer, as Basic password, or as ?key=";
        let key = credentials::presented(parts).ok_or(Problem::unauthorized(NONE))?;
        let access = self.keys.of(&key).ok_or(Problem::unauthorized("this API key is not known"))?;
        match access.role {
            Role::Signals | Role::Operator => Ok(key),
            Role::Producer => Err(Problem::forbidden("the role of this key does not cover this request")),
        }
    }

    /// Whether what is signed is signed well. Whoever has no secret of their own may sign with the key they give.
    fn verify(&self, server: Server, parts: &Parts, key: Option<&str>, body: &[u8]) -> Result<(), Problem> {
        let (headers, settings) = (&parts.headers, &self.ears.settings);
        let signed = match server {
            Server::Dovecot | Server::Policy => Ok(()),
            Server::Stalwart => {
                let own = given(&settings.stalwart_secret);
                signature::stalwart(headers, body, own.or(key), own.is_some())
            }
            Server::Webmail => {
                let own = given(&settings.webmail_secret);
                let (now, within) = (self.ears.clock.now(), settings.signature_max_age);
                signature::webmail(headers, body, own.or(key), now, within)
            }
        };
        signed.map_err(Problem::unauthorized)
    }

    fn refused(&self, server: Server, why: Option<Problem>) -> Problem {
        self.ears.count(server, UNAUTHORISED);
        why.unwrap_or_else(Problem::internal)
    }

    fn offer(&self, entry: Entry) {
        let server = entry.server;
        if !self.queue.offer(entry) {
            self.ears.count(server, DROPPED);
        }
    }
}

/// A secret, if there is one.
fn given(secret: &Secret) -> Option<&str> {
    Some(secret.expose()).filter(|secret| !secret.is_empty())
}

/// What the query says of a report, without the key.
fn words_of(query: &str) -> String {
    let own = |pair: &&str| pair.starts_with("kind=") || pair.starts_with("command=");
    query.split('&').filter(own).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_in_a_query_goes_no_further() {
        assert_eq!(words_of("key=vk_1&kind=read&x=y"), "kind=read");
        assert_eq!(words_of("command=report"), "command=report");
        assert_eq!(words_of("key=kind=read"), "");
    }
}
