//! One request, one answer: the hit path on one page.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::header::TRANSFER_ENCODING;
use hyper::service::Service;
use hyper::{Request, Response, http};

use super::accept::Door;
use super::answer::Answer;
use super::pulse::Pulse;
use super::route::Route;
use super::tracker::Visit;

/// What answers the requests of one connection.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) door: Arc<Door>,
    pub(super) pulse: Pulse,
}

impl Service<Request<Incoming>> for Desk {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let received = Instant::now();
        self.pulse.beat(received);
        let (head, body) = request.into_parts();
        let (route, answer) = if framed(&head, &body) {
            (Route::Nowhere, Answer::Ambiguous)
        } else {
            self.answer(&head, received)
        };
        self.door.metrics.answered(route, &answer);
        ready(Ok(answer.into_response(head.headers)))
    }
}

/// Whether a request has a `Transfer-Encoding`. None of our endpoints wants a body of unknown length, and hyper hides a
/// `Content-Length` beside it, the classic way to smuggle a second request past a proxy (RFC 9112 section 6.1).
fn framed(head: &http::request::Parts, body: &Incoming) -> bool {
    !body.is_end_stream() && head.headers.contains_key(TRANSFER_ENCODING)
}

impl Desk {
    fn answer(&self, head: &http::request::Parts, received: Instant) -> (Route, Answer) {
        let (route, rest) = Route::of(head.uri.path());
        if !route.allows(&head.method) {
            return (route, Answer::NotFound);
        }
        // A pixel is a pixel, however long its token: the tracker refuses that without looking at it.
        let length = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
        if length > self.door.max_target && !matches!(route, Route::Open) {
            return (Route::Nowhere, Answer::TargetTooLong);
        }
        let visit = Visit { method: &head.method, headers: &head.headers, received };
        let answer = match route {
            Route::Open => {
                self.door.tracker.opened(rest.strip_suffix(".gif").unwrap_or(rest), visit);
                Answer::Pixel
            }
            Route::Click => {
                self.door.tracker.clicked(rest, visit).map_or(Answer::NoSuchLink, Answer::Redirect)
            }
            Route::Nowhere => Answer::NotFound,
        };
        (route, answer)
    }
}
