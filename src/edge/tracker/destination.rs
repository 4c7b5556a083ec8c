//! Where a click leads: nowhere that was not signed, and nowhere that is no web address.

use hyper::header::HeaderValue;
use url::Url;

/// A destination as a `Location`, byte for byte, if it is what may be minted: an absolute http or https URL without
/// control characters.
pub(super) fn location(destination: &str) -> Option<HeaderValue> {
    let plain =
        !destination.contains(|c: char| c.is_control() || c == '\\') && destination.trim() == destination;
    let url = Url::parse(destination).ok().filter(|_| plain)?;
    let (scheme, rest) = destination.split_once("://")?;
    let fits = matches!(url.scheme(), "http" | "https")
        && scheme.eq_ignore_ascii_case(url.scheme())
        && url.has_host()
        && !rest.starts_with('/');
    HeaderValue::from_bytes(destination.as_bytes()).ok().filter(|_| fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_web_addresses_are_followed() {
        for good in [
            "https://pay.example.org/case?id=1&b=%0A#x",
            "http://example.org",
            "HTTPS://Example.org/é",
            "https://example.org:8443/a b",
        ] {
            assert_eq!(location(good).as_ref().map(HeaderValue::as_bytes), Some(good.as_bytes()));
        }
        for bad in [
            "",
            "//evil.example",
            "/path",
            "javascript:alert(1)",
            "data:text/html,x",
            "https:evil.example",
            "https:///evil.example",
            "https:\\\\evil.example",
            "https://evil.example\\@good.example",
            " https://example.org",
            "https://example.org\r\nSet-Cookie: a=b",
            "https://example.org/\u{0}",
            "https://exam\tple.org",
            "https://",
            "ftp://example.org",
        ] {
            assert_eq!(location(bad), None, "{bad:?} must not be followed");
        }
    }
}
