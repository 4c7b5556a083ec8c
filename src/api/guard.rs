//! What every request passes before its handler: a seat, a task of its own, a key with the right role.
//!
//! Roles are read from the OpenAPI document itself (`security` of each operation), so what is documented is what is
//! enforced; an operation without `security` is open to nobody.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use utoipa::openapi::OpenApi;

use super::keys::{Access, Keys};
use super::openapi::SCHEME;
use super::{Limits, Problem};
use crate::config::Role;

/// Longest request target in bytes.
const MAX_TARGET: usize = 2048;

/// Bulk requests at the same time: each may hold some megabytes of answers.
const MAX_BULK: usize = 16;

/// A request's place among those answered at the same time, and what it may use there.
#[derive(Clone)]
pub(super) struct Seat {
    /// How much it may bring.
    pub(super) limits: Limits,
    /// Where its work goes on without it.
    pub(super) tasks: Tasks,
    bulk: Arc<Semaphore>,
    /// Free again when the last clone of this seat is dropped.
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Seat {
    /// The right to be one of the bulk requests served at the same time.
    ///
    /// # Errors
    /// 503 if there are enough of them.
    pub(super) fn bulk(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.bulk).try_acquire_owned().map_err(|_| Problem::busy())
    }
}

/// Lets requests in, a bounded number at a time.
#[derive(Clone)]
pub(super) struct Admission {
    requests: Arc<Semaphore>,
    bulk: Arc<Semaphore>,
    limits: Limits,
    tasks: Tasks,
}

/// Work that is finished even if the client has gone, and waited for at shutdown.
#[derive(Clone)]
pub(super) struct Tasks {
    /// All of it.
    pub(super) tracker: TaskTracker,
    /// Asks long requests to come to an end.
    pub(super) shutdown: CancellationToken,
}

impl Admission {
    pub(super) fn new(max_requests: usize, limits: Limits, tasks: Tasks) -> Self {
        let requests = Arc::new(Semaphore::new(max_requests.min(Semaphore::MAX_PERMITS)));
        Self { requests, bulk: Arc::new(Semaphore::new(MAX_BULK)), limits, tasks }
    }

    fn seat(&self) -> Result<Seat, Problem> {
        let permit = Arc::clone(&self.requests).try_acquire_owned().map_err(|_| Problem::busy())?;
        let (tasks, bulk) = (self.tasks.clone(), Arc::clone(&self.bulk));
        Ok(Seat { limits: self.limits, tasks, bulk, _permit: Arc::new(permit) })
    }
}

/// Runs the request in a seat and in a task of its own: it goes on if the client leaves (a claim that came back from
/// the store is fired in any case), and a panic ends this request only.
pub(super) async fn admit(
    State(door): State<Admission>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if request.uri().path_and_query().is_some_and(|target| target.as_str().len() > MAX_TARGET) {
        return Err(Problem::long_target());
    }
    let seat = door.seat()?;
    request.extensions_mut().insert(seat.clone());
    let answer = door.tasks.tracker.spawn(async move {
        let response = next.run(request).await;
        drop(seat);
        response
    });
    answer.await.map_err(|_| {
        tracing::error!("a handler of the API panicked");
        Problem::internal()
    })
}

/// Who may call what.
#[derive(Debug, Clone)]
pub(super) struct Authority {
    keys: Arc<Keys>,
    /// By path and method.
    allowed: Arc<BTreeMap<(String, String), Allowed>>,
}

/// Who may call one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Allowed {
    /// Whoever reaches the listener.
    Anyone,
    /// Holders of keys with one of these roles.
    Roles(Vec<Role>),
}

impl Authority {
    /// The authority that the document describes.
    pub(super) fn new(keys: Keys, document: &OpenApi) -> Self {
        let document = serde_json::to_value(document).unwrap_or_default();
        let paths = document["paths"].as_object().into_iter().flatten();
        let operations = paths.flat_map(|(path, item)| {
            item.as_object().into_iter().flatten().filter_map(move |(method, operation)| {
                let allowed = Allowed::read(&operation["security"])?;
                Some(((path.clone(), method.to_ascii_uppercase()), allowed))
            })
        });
        Self { keys: Arc::new(keys), allowed: Arc::new(operations.collect()) }
    }

    fn allowed(&self, method: &Method, path: &str) -> Option<&Allowed> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.allowed.get(&(path.to_owned(), method.as_str().to_owned()))
    }

    /// The documented methods of a path, as `Allow` lists them.
    fn methods(&self, path: &str) -> String {
        let documented = self.allowed.keys().filter(|(at, _)| at == path).map(|(_, method)| method.as_str());
        documented.collect::<Vec<_>>().join(", ")
    }

    /// Who calls, or none where nobody needs to say.
    fn authorize(&self, request: &Request, path: &str) -> Result<Option<Access>, Problem> {
        match self.allowed(request.method(), path) {
            Some(Allowed::Anyone) => Ok(None),
            Some(Allowed::Roles(roles)) => {
                let access = self.keys.authenticate(request.headers())?;
                if roles.contains(&access.role) {
                    return Ok(Some(access.clone()));
                }
                Err(Problem::forbidden("the role of this key does not cover this request"))
            }
            None => Err(Problem::method(&self.methods(path))),
        }
    }
}

impl Allowed {
    /// Reads `[{"key": ["producer", "operator"]}]`; `[{}]` means anyone; nothing means nobody.
    fn read(security: &Value) -> Option<Self> {
        let requirement = security.as_array()?.first()?.as_object()?;
        if requirement.is_empty() {
            return Some(Self::Anyone);
        }
        let names = requirement.get(SCHEME)?.as_array()?.iter().filter_map(Value::as_str);
        Some(Self::Roles(names.filter_map(role).collect()))
    }
}

fn role(name: &str) -> Option<Role> {
    match name {
        "producer" => Some(Role::Producer),
        "signals" => Some(Role::Signals),
        "operator" => Some(Role::Operator),
        _ => None,
    }
}

/// Lets only those through whom the document allows; the handler finds their [`Access`] in the extensions.
pub(super) async fn authorize(
    State(authority): State<Authority>,
    path: MatchedPath,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if let Some(access) = authority.authorize(&request, path.as_str())? {
        request.extensions_mut().insert(access);
    }
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_operation_without_security_is_open_to_nobody() {
        assert_eq!(Allowed::read(&Value::Null), None);
        assert_eq!(Allowed::read(&json!([])), None);
        assert_eq!(Allowed::read(&json!([{"other": ["operator"]}])), None);
        assert_eq!(Allowed::read(&json!([{"key": ["root"]}])), Some(Allowed::Roles(vec![])));
        assert_eq!(Allowed::read(&json!([{}])), Some(Allowed::Anyone));
        let operator = Allowed::Roles(vec![Role::Operator]);
        assert_eq!(Allowed::read(&json!([{"key": ["operator"]}])), Some(operator));
    }
}
