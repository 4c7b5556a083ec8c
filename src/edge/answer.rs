//! The answers of the edge: a few constants, built without allocating.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ALLOW, CACHE_CONTROL as CACHE_CONTROL_NAME, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};

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

/// What to answer.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// The GIF.
    Pixel,
    /// To the signed destination.
    Redirect(HeaderValue),
    /// A click that leads nowhere.
    NoSuchLink,
    /// Nothing here.
    NotFound,
    /// This endpoint has no use for the method.
    NotAllowed,
    /// The request target is longer than any of ours.
    TargetTooLong,
    /// Another server may see another request in these bytes.
    Ambiguous,
}

impl Answer {
    /// Every status an answer can have, in the order of [`number`](Self::number).
    pub(super) const STATUSES: [StatusCode; 6] = [
        StatusCode::OK,
        StatusCode::FOUND,
        StatusCode::NOT_FOUND,
        StatusCode::METHOD_NOT_ALLOWED,
        StatusCode::URI_TOO_LONG,
        StatusCode::BAD_REQUEST,
    ];

    /// The place of 400 in [`STATUSES`](Self::STATUSES).
    pub(super) const BAD_REQUEST: usize = 5;

    /// The place of this answer's status in [`STATUSES`](Self::STATUSES).
    pub(super) const fn number(&self) -> usize {
        match self {
            Self::Pixel => 0,
            Self::Redirect(_) => 1,
            Self::NoSuchLink | Self::NotFound => 2,
            Self::NotAllowed => 3,
            Self::TargetTooLong => 4,
            Self::Ambiguous => Self::BAD_REQUEST,
        }
    }

    /// The response. `headers` is the request's own map, emptied: hyper keeps the response's map for the next
    /// request, so a connection needs one map for all its requests.
    pub(super) fn into_response(self, mut headers: HeaderMap) -> Response<Full<Bytes>> {
        headers.clear();
        let status = Self::STATUSES[self.number()];
        let body = match self {
            Self::Pixel => {
                fill(&mut headers, [(CONTENT_TYPE, "image/gif"), (CACHE_CONTROL_NAME, CACHE_CONTROL)]);
                Bytes::from_static(&GIF)
            }
            Self::Redirect(destination) => {
                headers.insert(LOCATION, destination);
                fill(&mut headers, [(REFERRER_POLICY, "no-referrer"), (CACHE_CONTROL_NAME, "no-store")]);
                Bytes::new()
            }
            Self::NoSuchLink => {
                fill(
                    &mut headers,
                    [(CONTENT_TYPE, "text/plain; charset=utf-8"), (X_CONTENT_TYPE_OPTIONS, "nosniff")],
                );
                fill(&mut headers, [(REFERRER_POLICY, "no-referrer"), (CACHE_CONTROL_NAME, "no-store")]);
                Bytes::from_static(NO_SUCH_LINK.as_bytes())
            }
            Self::NotAllowed => {
                fill(&mut headers, [(ALLOW, "GET, HEAD")]);
                Bytes::new()
            }
            Self::Ambiguous => {
                fill(&mut headers, [(CONNECTION, "close")]);
                Bytes::new()
            }
            Self::NotFound | Self::TargetTooLong => Bytes::new(),
        };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

fn fill<const N: usize>(headers: &mut HeaderMap, with: [(HeaderName, &'static str); N]) {
    for (name, value) in with {
        headers.insert(name, HeaderValue::from_static(value));
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
