//! The answers of the edge: a few constants, built without allocating, but for the pages of unsubscribing.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    self, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ETAG, HeaderMap, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY, RETRY_AFTER, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};

use super::script;

/// The 43-byte transparent 1×1 GIF (`GIF89a`, colour 0 transparent) that every pixel request gets.
pub const GIF: [u8; 43] = *b"GIF89a\x01\0\x01\0\x80\0\0\
    \0\0\0\xff\xff\xff\
    !\xf9\x04\x01\0\0\0\0\
    ,\0\0\0\0\x01\0\x01\0\0\
    \x02\x02D\x01\0;";

/// The `Cache-Control` of every pixel: the next opening of the mail must reach us again.
pub const CACHE_CONTROL: &str = "no-store, no-cache, must-revalidate, max-age=0, private";

/// For the person whose link does not work (any more).
const NO_SUCH_LINK: &str =
    "This link is not valid, or not any more.\nCe lien n'est pas valable, ou ne l'est plus.\n";

/// For the person who unsubscribes while too many others do.
const BUSY: &str = "This could not be recorded. Please try again in a moment.\nCela n'a pas pu être enregistré. Veuillez réessayer.\n";

type Headers<const N: usize> = [(HeaderName, HeaderValue); N];

// Headers, checked and made when vigie is compiled.
static PIXEL_HEADERS: Headers<2> = [
    (CONTENT_TYPE, HeaderValue::from_static("image/gif")),
    (header::CACHE_CONTROL, HeaderValue::from_static(CACHE_CONTROL)),
];
static LINK_HEADERS: Headers<2> = [
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];
static TEXT_HEADERS: Headers<2> = [
    (CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];
static PAGE_HEADERS: Headers<4> = [
    (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ),
    (VARY, HeaderValue::from_static("accept-language")),
];
static RETRY_HEADERS: Headers<1> = [(RETRY_AFTER, HeaderValue::from_static("10"))];
static CLOSING_HEADERS: Headers<1> = [(CONNECTION, HeaderValue::from_static("close"))];
static BEACON_HEADERS: Headers<2> = [
    (VARY, HeaderValue::from_static("origin")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];
static ORIGIN_HEADERS: Headers<1> = [(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"))];
static PREFLIGHT_HEADERS: Headers<3> = [
    (ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST")),
    (ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type")),
    (ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400")),
];

/// What to answer.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// The GIF.
    Pixel,
    /// To the signed destination.
    Redirect(HeaderValue),
    /// A click or an unsubscription that leads nowhere.
    NoSuchLink,
    /// A beacon was heard, whatever its token; its origin, if its pages may know.
    Heard(Option<HeaderValue>),
    /// Whether a page of this origin may send a beacon that needs asking first.
    MayAsk(Option<HeaderValue>),
    /// What sends beacons.
    Script,
    /// The client has that already.
    SameScript,
    /// A page for people.
    Page(Bytes),
    /// Too many unsubscribe at this moment.
    Busy,
    /// Nothing here.
    NotFound,
    /// The request target is longer than any of ours.
    TargetTooLong,
    /// So is the body.
    BodyTooLong,
    /// Another server may see another request in these bytes.
    Ambiguous,
}

impl Answer {
    /// Every status an answer can have, in the order of [`number`](Self::number).
    pub(super) const STATUSES: [StatusCode; 9] = [
        StatusCode::OK,
        StatusCode::FOUND,
        StatusCode::NOT_FOUND,
        StatusCode::URI_TOO_LONG,
        StatusCode::BAD_REQUEST,
        StatusCode::NO_CONTENT,
        StatusCode::NOT_MODIFIED,
        StatusCode::PAYLOAD_TOO_LARGE,
        StatusCode::SERVICE_UNAVAILABLE,
    ];

    /// The place of 400 in [`STATUSES`](Self::STATUSES).
    pub(super) const BAD_REQUEST: usize = 4;

    /// The place of this answer's status in [`STATUSES`](Self::STATUSES).
    pub(super) const fn number(&self) -> usize {
        match self {
            Self::Pixel | Self::Script | Self::Page(_) => 0,
            Self::Redirect(_) => 1,
            Self::NoSuchLink | Self::NotFound => 2,
            Self::TargetTooLong => 3,
            Self::Ambiguous => Self::BAD_REQUEST,
            Self::Heard(_) | Self::MayAsk(_) => 5,
            Self::SameScript => 6,
            Self::BodyTooLong => 7,
            Self::Busy => 8,
        }
    }

    /// The response. `headers` is the request's own map, emptied: hyper keeps the response's map for the next
    /// request, so a connection needs one map for all its requests.
    pub(super) fn into_response(self, mut headers: HeaderMap) -> Response<Full<Bytes>> {
        headers.clear();
        let status = Self::STATUSES[self.number()];
        let body = self.write(&mut headers);
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }

    /// Writes the headers and says what follows them.
    fn write(self, headers: &mut HeaderMap) -> Bytes {
        let mut add = |constants: &[(HeaderName, HeaderValue)]| {
            for (name, value) in constants {
                headers.insert(name, value.clone());
            }
        };
        let body: &'static [u8] = match self {
            Self::Pixel => {
                add(&PIXEL_HEADERS);
                &GIF
            }
            Self::Redirect(destination) => {
                add(&LINK_HEADERS);
                headers.insert(LOCATION, destination);
                b""
            }
            Self::NoSuchLink => {
                add(&TEXT_HEADERS);
                add(&LINK_HEADERS);
                NO_SUCH_LINK.as_bytes()
            }
            Self::Page(page) => {
                add(&PAGE_HEADERS);
                add(&LINK_HEADERS);
                return page;
            }
            Self::Busy => {
                add(&TEXT_HEADERS);
                add(&LINK_HEADERS);
                add(&RETRY_HEADERS);
                BUSY.as_bytes()
            }
            Self::Heard(origin) => {
                add(&BEACON_HEADERS);
                allow(headers, origin, &[]);
                b""
            }
            Self::MayAsk(origin) => {
                add(&BEACON_HEADERS);
                allow(headers, origin, &PREFLIGHT_HEADERS);
                b""
            }
            Self::Script => {
                add(&script::HEADERS);
                headers.insert(ETAG, script::TAG.clone());
                script::TEXT.as_bytes()
            }
            Self::SameScript => {
                add(&script::HEADERS);
                headers.insert(ETAG, script::TAG.clone());
                b""
            }
            Self::Ambiguous | Self::BodyTooLong => {
                add(&CLOSING_HEADERS);
                b""
            }
            Self::NotFound | Self::TargetTooLong => b"",
        };
        Bytes::from_static(body)
    }
}

/// Lets the pages of an origin read the answer, and what stands beside that.
fn allow(headers: &mut HeaderMap, origin: Option<HeaderValue>, beside: &[(HeaderName, HeaderValue)]) {
    let Some(origin) = origin else { return };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    for (name, value) in ORIGIN_HEADERS.iter().chain(beside) {
        headers.insert(name, value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gif_is_one_transparent_pixel() {
        assert_eq!(GIF[..6], *b"GIF89a");
        assert_eq!(GIF[6..10], [1, 0, 1, 0], "one by one");
        assert_eq!(
            GIF[19..24],
            [0x21, 0xf9, 4, 1, 0],
            "a graphic control extension with the transparency flag"
        );
        assert_eq!(GIF[42], b';');
    }
}
