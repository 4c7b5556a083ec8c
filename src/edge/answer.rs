//! The answers of the edge: a few constants, built without allocating.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    self, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
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

// Headers, checked and made when vigie is compiled.
static PIXEL_HEADERS: [(HeaderName, HeaderValue); 2] = [
    (CONTENT_TYPE, HeaderValue::from_static("image/gif")),
    (header::CACHE_CONTROL, HeaderValue::from_static(CACHE_CONTROL)),
];
static LINK_HEADERS: [(HeaderName, HeaderValue); 2] = [
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];
static PAGE_HEADERS: [(HeaderName, HeaderValue); 2] = [
    (CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];
static AMBIGUOUS_HEADERS: [(HeaderName, HeaderValue); 1] = [(CONNECTION, HeaderValue::from_static("close"))];

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
    /// The request target is longer than any of ours.
    TargetTooLong,
    /// Another server may see another request in these bytes.
    Ambiguous,
}

impl Answer {
    /// Every status an answer can have, in the order of [`number`](Self::number).
    pub(super) const STATUSES: [StatusCode; 5] = [
        StatusCode::OK,
        StatusCode::FOUND,
        StatusCode::NOT_FOUND,
        StatusCode::URI_TOO_LONG,
        StatusCode::BAD_REQUEST,
    ];

    /// The place of 400 in [`STATUSES`](Self::STATUSES).
    pub(super) const BAD_REQUEST: usize = 4;

    /// The place of this answer's status in [`STATUSES`](Self::STATUSES).
    pub(super) const fn number(&self) -> usize {
        match self {
            Self::Pixel => 0,
            Self::Redirect(_) => 1,
            Self::NoSuchLink | Self::NotFound => 2,
            Self::TargetTooLong => 3,
            Self::Ambiguous => Self::BAD_REQUEST,
        }
    }

    /// The response. `headers` is the request's own map, emptied: hyper keeps the response's map for the next
    /// request, so a connection needs one map for all its requests.
    pub(super) fn into_response(self, mut headers: HeaderMap) -> Response<Full<Bytes>> {
        headers.clear();
        let status = Self::STATUSES[self.number()];
        let (body, constants): (&'static [u8], &[(HeaderName, HeaderValue)]) = match self {
            Self::Pixel => (&GIF, &PIXEL_HEADERS),
            Self::Redirect(destination) => {
                headers.insert(LOCATION, destination);
                (b"", &LINK_HEADERS)
            }
            Self::NoSuchLink => {
                headers.extend(PAGE_HEADERS.iter().cloned());
                (NO_SUCH_LINK.as_bytes(), &LINK_HEADERS)
            }
            Self::Ambiguous => (b"", &AMBIGUOUS_HEADERS),
            Self::NotFound | Self::TargetTooLong => (b"", &[]),
        };
        for (name, value) in constants {
            headers.insert(name, value.clone());
        }
        let mut response = Response::new(Full::new(Bytes::from_static(body)));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
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
