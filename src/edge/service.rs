//! One request, one answer: the hit path on one page.

mod reply;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http_body_util::Full;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use hyper::service::Service;
use hyper::{Method, Request, Response, Version, http};

use super::accept::Door;
use super::answer::Answer;
use super::beacon::Said;
use super::body::{self, Read};
use super::client::Peer;
use super::pulse::Pulse;
use super::route::Route;
use super::script;
use super::tracker::Visit;
use reply::Reply;

/// What answers the requests of one connection.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) door: Arc<Door>,
    pub(super) pulse: Pulse,
    pub(super) peer: Peer,
}

/// One request without its body.
#[derive(Debug)]
pub(super) struct Call {
    head: http::request::Parts,
    received: Instant,
    client: Client,
}

/// Who made a request, as far as that is known. Not to be shown.
struct Client(Option<IpAddr>);

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

/// What a request's head comes to.
enum Step {
    /// Everything is known.
    Answer(Answer),
    /// The body matters.
    Listen,
    /// A partner's pixel: answered, and looked at [aside](super::aside).
    Aside,
}

impl Service<Request<Incoming>> for Desk {
    type Response = Response<Full<Bytes>>;
    type Error = std::convert::Infallible;
    type Future = Reply;

    fn call(&self, request: Request<Incoming>) -> Reply {
        let received = Instant::now();
        self.pulse.beat(received);
        let mut reply = self.reply(request, received);
        if self.pulse.is_ending() {
            reply.be_last();
        }
        reply
    }
}

impl Desk {
    fn reply(&self, request: Request<Incoming>, received: Instant) -> Reply {
        let (head, body) = request.into_parts();
        let framed = !body.is_end_stream() && head.headers.contains_key(TRANSFER_ENCODING);
        if framed && !is_heard_in_chunks(&head) {
            return Reply::now(self.door.close(Route::Nowhere, Answer::Ambiguous, head.headers));
        }
        let client = Client(self.door.proxies.client(self.peer, &head.headers));
        let call = Call { head, received, client };
        let (route, step) = self.door.step(&call);
        match step {
            Step::Answer(_) if framed => {
                Reply::now(self.door.close(Route::Nowhere, Answer::Ambiguous, call.head.headers))
            }
            Step::Answer(answer) => Reply::now(self.door.close(route, answer, call.head.headers)),
            Step::Listen => Reply::later(listen(Arc::clone(&self.door), call, body)),
            Step::Aside => {
                if self.door.aside.try_send(call).is_err() {
                    self.door.metrics.unheard.inc();
                }
                Reply::now(self.door.close(route, Answer::Pixel, HeaderMap::new()))
            }
        }
    }
}

/// Whether a body may come in chunks: only where it is listened to, since some balancers pass on so what they got over
/// HTTP/2. hyper hides a `Content-Length` beside a `Transfer-Encoding`, the classic way to smuggle a second request past a
/// proxy (RFC 9112 section 6.1), so no second request is read after one.
fn is_heard_in_chunks(head: &http::request::Parts) -> bool {
    let (route, _) = Route::of(head.uri.path());
    let mut codings = head.headers.get_all(TRANSFER_ENCODING).iter();
    let chunked = codings.next().is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    matches!(route, Route::Beacon | Route::Unsubscribe)
        && (&head.method, head.version) == (&Method::POST, Version::HTTP_11)
        && chunked
        && codings.next().is_none()
}

/// Hears a body out, then answers. Other connections are served meanwhile.
async fn listen(door: Arc<Door>, call: Call, body: Incoming) -> Response<Full<Bytes>> {
    let last = call.head.headers.contains_key(TRANSFER_ENCODING);
    let mut response = hear(&door, call, body).await;
    if last {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn hear(door: &Door, call: Call, body: Incoming) -> Response<Full<Bytes>> {
    let read = body::read(body).await;
    let (route, rest) = call.route();
    let answer = match (route, read) {
        (_, Read::TooLong) => Answer::BodyTooLong,
        (Route::Unsubscribe, Read::Whole(text)) => door.left(rest, &text, &call.head.headers),
        // Its length says nothing, and a broken one may have been anything.
        (Route::Unsubscribe, Read::Long) => door.left(rest, b"", &call.head.headers),
        (Route::Unsubscribe, Read::Broken) => Answer::NotFound,
        (_, read) => {
            let said = if let Read::Whole(text) = read { Said::read(&text) } else { Said::Nothing };
            door.tracker.heard(rest, said, call.visit());
            Answer::Heard(door.origins.allowed(&call.head.headers))
        }
    };
    door.close(route, answer, call.head.headers)
}

impl Call {
    pub(super) fn route(&self) -> (Route, &str) {
        Route::of(self.head.uri.path())
    }

    pub(super) fn visit(&self) -> Visit<'_> {
        let (method, headers) = (&self.head.method, &self.head.headers);
        Visit { method, headers, client: self.client.0, received: self.received }
    }
}

impl Door {
    /// Counts an answer and makes it a response. `headers` is the request's own map.
    fn close(&self, route: Route, answer: Answer, headers: HeaderMap) -> Response<Full<Bytes>> {
        self.metrics.answered(route, &answer);
        answer.into_response(headers)
    }

    fn step(&self, call: &Call) -> (Route, Step) {
        let (route, rest) = call.route();
        let Call { head, .. } = call;
        if !route.allows(&head.method) {
            return (route, Step::Answer(Answer::NotFound));
        }
        // A pixel is a pixel, however long its token: the tracker refuses that without looking at it.
        let length = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
        if length > self.max_target && !route.is_pixel() {
            return (Route::Nowhere, Step::Answer(Answer::TargetTooLong));
        }
        let answer = match route {
            Route::Open => {
                self.tracker.opened(rest.strip_suffix(".gif").unwrap_or(rest), call.visit());
                Answer::Pixel
            }
            Route::Click => {
                self.tracker.clicked(rest, call.visit()).map_or(Answer::NoSuchLink, Answer::Redirect)
            }
            Route::Beacon if head.method == Method::OPTIONS => {
                Answer::MayAsk(self.origins.allowed(&head.headers))
            }
            Route::Script => script::answer(&head.headers),
            Route::Unsubscribe if head.method != Method::POST => self.leaving(rest, &head.headers),
            Route::Beacon | Route::Unsubscribe => return (route, Step::Listen),
            Route::Partner => return (route, Step::Aside),
            Route::Nowhere => Answer::NotFound,
        };
        (route, Step::Answer(answer))
    }

    /// Somebody, or a scanner, looks at the page that asks whether to unsubscribe.
    fn leaving(&self, token: &str, headers: &HeaderMap) -> Answer {
        let leaver = self.tracker.leaver(token);
        leaver.map_or(Answer::NoSuchLink, |leaver| self.unsubscriber.ask(&leaver, headers))
    }

    /// Somebody unsubscribes.
    fn left(&self, token: &str, body: &[u8], headers: &HeaderMap) -> Answer {
        let leaver = self.tracker.leaver(token);
        leaver.map_or(Answer::NoSuchLink, |leaver| self.unsubscriber.withdraw(leaver, body, headers))
    }
}
