//! Every error as RFC 9457 `application/problem+json`.

use std::borrow::Cow;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::redact::foreign;
use crate::store::StoreError;

/// What went wrong, in the words of RFC 9457.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// A stable name of this kind of problem: `urn:vigie:problem:…`.
    #[serde(rename = "type", serialize_with = "urn")]
    #[schema(value_type = String, example = "urn:vigie:problem:conflict")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status, also for one line of a bulk request.
    status: u16,
    /// What happened and what to do about it.
    detail: Cow<'static, str>,
    /// The field at fault, as a dotted name (`to.email`, `vars.amount`).
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// A header that belongs to it: `Retry-After`, `WWW-Authenticate`, `Allow`.
    #[serde(skip)]
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

/// The media type of problems.
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Try again after this many seconds: for short overload.
const SOON: u16 = 1;

/// Try again after this many seconds: something has to drain first.
const LATER: u16 = 30;

impl Problem {
    /// A problem of the kind `urn:vigie:problem:<kind>`.
    fn new(status: StatusCode, kind: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
            header: None,
        }
    }

    /// 400: not what the media type says.
    pub(super) fn syntax(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "syntax", detail)
    }

    /// 422: well formed, but this field cannot be accepted.
    pub(super) fn field(field: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> Self {
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-field", detail);
        Self { field: Some(field.into()).filter(|field| !field.is_empty()), ..problem }
    }

    /// 401: no key, or one that is not known.
    pub(super) fn unauthorized(detail: &'static str) -> Self {
        let challenge = HeaderValue::from_static("Bearer realm=\"vigie\"");
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
            .header(header::WWW_AUTHENTICATE, challenge)
    }

    /// 403: the key may not do this at all.
    pub(super) fn forbidden(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// 403: the key belongs to another brand than this field names.
    pub(super) fn foreign_brand(brand: &str) -> Self {
        let detail = format!("this key may not act for brand {brand}; use a key of that brand");
        Self { field: Some("brand".into()), ..Self::forbidden(detail) }
    }

    /// 404, in the same words for what does not exist and for what belongs to somebody else.
    pub(super) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("there is no such {what}"))
    }

    /// 405: the path takes these methods only.
    pub(super) fn method(allowed: &str) -> Self {
        let problem = Self::of_status(StatusCode::METHOD_NOT_ALLOWED);
        match HeaderValue::from_str(allowed) {
            Ok(allowed) => problem.header(header::ALLOW, allowed),
            Err(_) => problem,
        }
    }

    /// 408: the body did not arrive in time.
    pub(super) fn slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "timeout", "the body did not arrive in time")
    }

    /// 409: contradicts what is known already.
    pub(super) fn conflict(kind: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, kind, detail)
    }

    /// 410: events after a position are not kept any more.
    pub(super) fn gone(before: &str) -> Self {
        let detail = format!(
            "events after this position are not kept any more, or it is not of this store; ask after {before} for all that are kept"
        );
        Self::new(StatusCode::GONE, "gone", detail)
    }

    /// 413: a body or a line is longer than allowed.
    pub(super) fn too_large(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    }

    /// 413: one send, or one body, is longer than allowed.
    pub(super) fn long_body(max_body: usize) -> Self {
        Self::too_large(format!("the body is longer than {max_body} bytes"))
    }

    /// 414: the request target is longer than allowed.
    pub(super) fn long_target() -> Self {
        Self::new(StatusCode::URI_TOO_LONG, "long-target", "the request target is longer than 2048 bytes")
    }

    /// 415: another media type, or a compressed body.
    pub(super) fn media_type(detail: &'static str) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", detail)
    }

    /// 500: a mistake of ours.
    pub(super) fn internal() -> Self {
        let detail = "an internal error; nothing is known about the effect of this request, look it up";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    /// 503: too many requests at the same time.
    pub(super) fn busy() -> Self {
        let detail = "too many requests at the same time; nothing was done, try again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).retry_after(SOON)
    }

    /// 503: no more sends may wait.
    pub(super) fn full() -> Self {
        let detail = "too many sends wait already; nothing was done, try again later";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "full", detail).retry_after(LATER)
    }

    /// 503: no more mailboxes may be watched.
    pub(super) fn full_of_mailboxes() -> Self {
        let detail = "`watch.max_mailboxes` are watched already; nothing was done: remove some, or raise it";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "full", detail).retry_after(LATER)
    }

    /// 503: the brand is there, and what describes it is broken.
    pub(super) fn broken_brand(brand: &str) -> Self {
        let detail = format!(
            "the brand {brand} cannot be used until its folder is mended; nothing was done, try again later"
        );
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "broken-brand", detail).retry_after(LATER)
    }

    fn retry_after(self, seconds: u16) -> Self {
        self.header(header::RETRY_AFTER, seconds.into())
    }

    fn header(self, name: HeaderName, value: HeaderValue) -> Self {
        Self { header: Some(Box::new((name, value))), ..self }
    }

    /// The HTTP status.
    pub(super) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The field at fault, if it is one.
    pub(super) fn at_fault(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// What happened and what to do about it.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether the same may well be accepted later: the store is away or full.
    pub fn is_passing(&self) -> bool {
        self.status() == StatusCode::SERVICE_UNAVAILABLE
    }

    /// Whether the mistake is ours.
    pub fn is_ours(&self) -> bool {
        self.status().is_server_error()
    }

    /// It as JSON, for where there is no HTTP response to put it into.
    pub fn to_json(&self) -> String {
        // Strings and numbers: it cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// For a response that came from outside our handlers and says nothing but its status.
    fn of_status(status: StatusCode) -> Self {
        let (kind, detail) = match status {
            StatusCode::NOT_FOUND => {
                ("not-found", "there is nothing at this path; /v1/openapi.json lists what there is")
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                ("method", "this path does not take this method; see the header Allow")
            }
            StatusCode::BAD_REQUEST => ("syntax", "the path or the query cannot be read"),
            _ => ("error", "the request could not be answered"),
        };
        Self::new(status, kind, detail)
    }
}

/// The stable name of a kind of problem.
fn urn<S: Serializer>(kind: &&'static str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("urn:vigie:problem:{kind}"))
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::warn!(error = %foreign(&error.to_string()), "the store refused a request of the API");
        let unavailable = "the store is not available; trying again with the same id is safe";
        match error {
            StoreError::Unavailable(_) | StoreError::InUse(_) | StoreError::Unfit(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "store-unavailable", unavailable).retry_after(SOON)
            }
            StoreError::CannotWait(remedy) => Self::field("wait", remedy),
            StoreError::Full(_) => Self::full(),
            StoreError::Damaged(_) => Self::internal(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status(), axum::Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
        if let Some(header) = self.header {
            let (name, value) = *header;
            headers.insert(name, value);
        }
        response
    }
}

/// The outermost layer: an error that is not yet a problem (a path nobody serves) becomes one.
pub(super) async fn ensure(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let plain = response.headers().get(header::CONTENT_TYPE) != Some(&PROBLEM_JSON);
    if !(plain && (status.is_client_error() || status.is_server_error())) {
        return response;
    }
    Problem::of_status(status).into_response()
}
