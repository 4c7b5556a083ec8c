//! Reading what a request brings: a body of the right media type, not too long, not too slow; and its query.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::guard::Seat;
use super::{Limits, Problem, strict};
use crate::listener::PATIENCE;

/// The media types the API takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// One JSON object.
    Json,
    /// One JSON object per line.
    Lines,
}

/// What the headers say of the body.
///
/// # Errors
/// 415 for any other media type and for compressed bodies.
pub(super) fn media(headers: &HeaderMap) -> Result<Media, Problem> {
    let encoding = headers.get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| encoding != "identity") {
        return Err(Problem::media_type("send the body uncompressed, without Content-Encoding"));
    }
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => Ok(Media::Json),
        "application/x-ndjson" => Ok(Media::Lines),
        _ => Err(Problem::media_type("send Content-Type: application/json (application/x-ndjson for bulk)")),
    }
}

/// A whole body as one `T`, within the limits of the request.
pub(super) async fn json<T: DeserializeOwned>(body: Body, limits: Limits) -> Result<T, Problem> {
    let bytes = whole(body, limits.max_body).await?;
    strict::parse(&bytes)
}

/// A whole body.
///
/// # Errors
/// 413, 408 or 400 if it is too long, too slow or torn.
pub(super) async fn whole(body: Body, max_body: usize) -> Result<Bytes, Problem> {
    let collected = tokio::time::timeout(PATIENCE, Limited::new(body, max_body).collect());
    match collected.await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::long_body(max_body)),
        Ok(Err(_)) => Err(Problem::syntax("the body ends before it is complete")),
        Err(_) => Err(Problem::slow()),
    }
}

/// A request body that must be one JSON object.
pub(super) struct Json<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if media(request.headers())? != Media::Json {
            return Err(Problem::media_type("this request takes one JSON object: application/json"));
        }
        let seat: &Seat = request.extensions().get().expect("admission gives every request its seat");
        let limits = seat.limits;
        json(request.into_body(), limits).await.map(Self)
    }
}

/// A request's query.
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = Query::from_request_parts(parts, state).await;
        read.map(|Query(params)| Self(params)).map_err(|_| Problem::syntax("the query cannot be read"))
    }
}
