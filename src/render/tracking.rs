//! Links become signed links of the edge, and a pixel is added: HTML in, HTML out.

mod decoy;

use std::borrow::Cow;
use std::sync::LazyLock;

use lol_html::errors::RewritingError;
use lol_html::html_content::Element;
use lol_html::{ElementContentHandlers, RewriteStrSettings, Selector, rewrite_str};
use url::Url;

use super::Unfit;
use super::links::Links;

/// Longest destination that is signed, in bytes: its token (base64url of 57 bytes and this) must fit a request target
/// of 2048 bytes behind the path of the brand's tracking address. Longer links stay as they are.
const LONGEST_DESTINATION: usize = 1400;

static ANCHORS: LazyLock<Selector> =
    LazyLock::new(|| "a[href]".parse().expect("a literal that is a CSS selector"));

/// Points every `<a href="http…">` but the unsubscribe link to the edge and appends the pixel to the body.
pub(super) fn track(html: &str, links: &Links<'_>) -> Result<String, Unfit> {
    let anchors = ElementContentHandlers::default().element(|anchor: &mut Element<'_, '_>| {
        let href = anchor.get_attribute("href").unwrap_or_default();
        let destination = destination(&href).filter(|url| links.unsubscribe.as_ref() != Some(url));
        if let Some(destination) = destination {
            anchor.set_attribute("href", &links.click(destination)?)?;
        }
        Ok(())
    });
    let settings = RewriteStrSettings {
        element_content_handlers: vec![(Cow::Borrowed(&*ANCHORS), anchors)],
        ..RewriteStrSettings::new()
    };
    let mut tracked = rewrite_str(html, settings).map_err(|cause| untrackable(&cause))?;
    if links.has_decoy() {
        tracked =
            decoy::hide(&tracked, &links.decoy().map_err(|cause| Unfit::new("brand", cause.to_string()))?)?;
    }
    let pixel = links.pixel().map_err(|cause| Unfit::new("brand", cause.to_string()))?;
    let pixel = format!(r#"<img src="{pixel}" width="1" height="1" alt="" style="display:block;border:0">"#);
    tracked.insert_str(end_of_body(&tracked), &pixel);
    Ok(tracked)
}

fn untrackable(cause: &RewritingError) -> Unfit {
    let problem = format!("makes HTML whose links cannot be tracked ({cause}): mend its .html file");
    Unfit::new("template", problem)
}

/// Where the last `</body` begins, or the end. Variables are escaped, so only the template can close the body.
fn end_of_body(html: &str) -> usize {
    const CLOSING: &[u8] = b"</body";
    html.as_bytes()
        .windows(CLOSING.len())
        .rposition(|window| window.eq_ignore_ascii_case(CLOSING))
        .unwrap_or(html.len())
}

/// The web address that a browser would go to for this attribute, character by character as the author wrote it; none
/// for anything else (`mailto:`, relative links, addresses that only a full HTML parser could decode).
fn destination(attribute: &str) -> Option<String> {
    let decoded = decode(attribute)?;
    let text = decoded.trim_matches(|c: char| c.is_ascii_whitespace());
    let url = Url::parse(text).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    // A `Location` header is visible ASCII; what is not goes out the way browsers write it.
    let exact = text.bytes().all(|b| b.is_ascii_graphic());
    let destination = if exact { text.to_owned() } else { url.into() };
    (destination.len() <= LONGEST_DESTINATION).then_some(destination)
}

/// Resolves the character references of an attribute: the five that escaping produces, and numbers. None where
/// there is another named one, rather than a wrong address.
fn decode(attribute: &str) -> Option<Cow<'_, str>> {
    if !attribute.contains('&') {
        return Some(attribute.into());
    }
    let mut decoded = String::with_capacity(attribute.len());
    let mut rest = attribute;
    while let Some(at) = rest.find('&') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let name = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'#').count();
        if rest[name..].starts_with(';') {
            decoded.push(character(&rest[..name])?);
            rest = &rest[name + 1..];
        } else {
            // An ampersand between query fields that the author did not escape.
            decoded.push('&');
        }
    }
    decoded.push_str(rest);
    Some(decoded.into())
}

/// The character behind `amp`, `#47` or `#x2f`.
fn character(reference: &str) -> Option<char> {
    match reference {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => {}
    }
    let number = reference.strip_prefix('#')?;
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    char::from_u32(code.ok()?).filter(|c| *c != '\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_the_exact_address() {
        for (attribute, url) in [
            ("https:&#x2f;&#x2f;a.example&#47;?x=1&amp;y=%20#z", "https://a.example/?x=1&y=%20#z"),
            (" HTTP://A.example/x?a=1&b=2\n", "HTTP://A.example/x?a=1&b=2"),
            ("https://é.example/é", "https://xn--9ca.example/%C3%A9"),
        ] {
            assert_eq!(destination(attribute).as_deref(), Some(url));
        }
    }

    #[test]
    fn other_links_stay() {
        let long = format!("https://a.example/{}", "x".repeat(LONGEST_DESTINATION));
        for attribute in [
            "mailto:a@b.example",
            "/path",
            "#top",
            "javascript:alert(1)",
            "https://a.example/&eacute;",
            "",
            &long,
        ] {
            assert_eq!(destination(attribute), None, "{attribute:?}");
        }
    }

    #[test]
    fn the_last_body_tag_counts() {
        assert_eq!(end_of_body("<body>a</BODY ></html>"), 7);
        assert_eq!(end_of_body("é<p>no body"), "é<p>no body".len());
    }
}
