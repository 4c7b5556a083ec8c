//! `/b.js`: the few lines that send beacons, for pages of brands and webmails. `config/integrations/beacon.html` shows how.

use std::sync::LazyLock;

use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS,
};
use sha2::{Digest, Sha256};

use super::answer::Answer;

/// The script.
pub(super) const TEXT: &str = include_str!("script/beacon.js");

/// Everybody may load it: it holds nothing but itself. An hour: so long a fault in it lives on in browsers.
pub(super) static HEADERS: [(HeaderName, HeaderValue); 5] = [
    (CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8")),
    (CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin")),
];

/// Tells this script from another version's.
pub(super) static TAG: LazyLock<HeaderValue> = LazyLock::new(|| {
    let tag = format!("\"{}\"", const_hex::encode(&Sha256::digest(TEXT)[..8]));
    tag.parse().expect("quoted hexadecimal digits are a header value")
});

/// The script, or that the client has it.
pub(super) fn answer(headers: &HeaderMap) -> Answer {
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = known.flat_map(|tags| tags.split(',')).map(|tag| tag.trim().trim_start_matches("W/"));
    if tags.any(|tag| tag == "*" || tag.as_bytes() == TAG.as_bytes()) {
        Answer::SameScript
    } else {
        Answer::Script
    }
}
