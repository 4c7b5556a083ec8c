//! The OpenAPI 3.1 document: made from the handlers, completed with what holds for all of them.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa::OpenApi as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;

use super::Problem;

/// The name of the security scheme; its scopes are roles.
pub(super) const SCHEME: &str = "key";

/// The tag of what servers report by themselves.
const SERVERS: &str = "servers";

/// Where the document is.
const PATH: &str = "/v1/openapi.json";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "vigie",
        description = "Holds each collection e-mail until its recipient is seen online. Every error is an RFC 9457 \
                       problem; every request but this document needs an API key.",
    ),
    paths(document),
    components(schemas(Problem))
)]
struct Start;

/// This document.
#[utoipa::path(
    get, path = PATH, tag = "document", security(()),
    responses((status = 200, description = "This document", content_type = "application/json"))
)]
#[expect(dead_code, reason = "carries the documentation; the handler is made when the document is complete")]
fn document() {}

/// The document before any route.
pub(super) fn start() -> OpenApiRouter {
    OpenApiRouter::with_openapi(Start::openapi())
}

/// Completes the document with the security scheme and the problems every operation may answer.
pub(super) fn finish(mut document: OpenApi) -> OpenApi {
    let scheme = Http::builder().scheme(HttpAuthScheme::Bearer).description(Some(
        "An API key, as `vigie key new` prints it. The scopes of each operation are the roles that may call it.",
    ));
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(SCHEME, SecurityScheme::Http(scheme.build()));
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
        operations.into_iter().flatten().for_each(add_problems);
    }
    document
}

fn add_problems(operation: &mut Operation) {
    let keyed = !matches!(operation.operation_id.as_deref(), Some("document" | "policy"));
    // Servers' reports are answered whatever they hold, and take no seat.
    let report = operation.tags.iter().flatten().any(|tag| tag == SERVERS);
    let body = operation.request_body.is_some() && !report;
    let always = [
        (true, "default", "What went wrong"),
        (
            !report,
            "503",
            "The store is not available or full, or too many requests at the same time: try again",
        ),
        (keyed, "401", "No API key, or one that is not known"),
        (keyed, "403", "The role or the brand of the key does not cover this"),
        (body, "400", "The body is not JSON; says where"),
        (body || (report && keyed), "413", "The body is too long"),
        (body, "415", "Another media type, or compressed"),
        (body, "422", "A field cannot be accepted; names it"),
    ];
    for (_, status, meaning) in always.into_iter().filter(|(applies, ..)| *applies) {
        let responses = &mut operation.responses.responses;
        responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(problem(meaning)));
    }
}

fn problem(meaning: &str) -> Response {
    let content = Content::new(Some(RefOr::Ref(Ref::from_schema_name("Problem"))));
    ResponseBuilder::new().description(meaning).content("application/problem+json", content).build()
}

/// Serves the document.
pub(super) fn router(document: &OpenApi) -> Router {
    let text: Arc<str> = document.to_json().expect("the document is plain data").into();
    let answer =
        || async move { ([(header::CONTENT_TYPE, "application/json")], text.to_string()).into_response() };
    Router::new().route(PATH, get(answer))
}
