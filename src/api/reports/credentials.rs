//! The key of a server's report, wherever its server can put it.

use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The key in the first place that has one: `Authorization: Bearer <key>`; `Authorization: Basic <anybody:key>`, which is
/// all that Dovecot's exporter can send; `X-API-Key: <key>`, as its auth policy sends a header without a colon; `?key=<key>`.
pub(super) fn presented(parts: &Parts) -> Option<String> {
    let header = |name: &str| parts.headers.get(name)?.to_str().ok().map(str::trim);
    let authorization = header(AUTHORIZATION.as_str()).and_then(authorized);
    let api_key = || header("x-api-key").filter(|key| !key.is_empty()).map(str::to_owned);
    let query = || {
        let pairs = url::form_urlencoded::parse(parts.uri.query()?.as_bytes());
        pairs.into_iter().find(|(name, _)| name == "key").map(|(_, key)| key.into_owned())
    };
    authorization.or_else(api_key).or_else(query)
}

/// The key in an `Authorization` header. Dovecot writes more than one space.
fn authorized(header: &str) -> Option<String> {
    let (scheme, rest) = header.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
    pair.split_once(':').map(|(_, password)| password.to_owned())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn key(uri: &str, headers: &[(&str, &str)]) -> Option<String> {
        let request =
            headers.iter().fold(Request::get(uri), |request, (name, value)| request.header(*name, *value));
        presented(&request.body(()).expect("a request").into_parts().0)
    }

    #[test]
    fn a_key_may_stand_in_four_places() {
        type Headers<'a> = &'a [(&'a str, &'a str)];
        let table: [(&str, Headers<'_>, Option<&str>); 12] = [
            ("/", &[("authorization", "Bearer vk_1")], Some("vk_1")),
            ("/", &[("authorization", "  bearer   vk_1 ")], Some("vk_1")),
            ("/", &[("authorization", "Basic ZG92ZWNvdDpzM2NyZXQtdG9rZW4=")], Some("s3cret-token")),
            ("/", &[("authorization", "Basic ZG92ZWNvdA==")], None),
            ("/", &[("authorization", "Basic %%%")], None),
            ("/", &[("authorization", "Digest x")], None),
            ("/", &[("x-api-key", " vk_2 ")], Some("vk_2")),
            ("/?key=vk_3&kind=read", &[], Some("vk_3")),
            ("/?kind=read&key=vk%5F3", &[], Some("vk_3")),
            ("/?key=vk_3", &[("authorization", "Bearer vk_1")], Some("vk_1")),
            ("/?monkey=vk_3", &[], None),
            ("/", &[], None),
        ];
        for (uri, headers, expected) in table {
            assert_eq!(key(uri, headers).as_deref(), expected, "{uri} {headers:?}");
        }
    }
}
