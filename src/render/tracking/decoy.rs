//! A link that no person sees, in the middle of the letter: scanners follow all links, people only those they see.
//!
//! Not at the end, where some scanners stop before; not in the text part, where everybody would see it. Screen readers
//! and the tab key pass it by.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::LazyLock;

use lol_html::html_content::{ContentType, Element};
use lol_html::{ElementContentHandlers, RewriteStrSettings, Selector, rewrite_str};

use super::{Unfit, end_of_body, untrackable};

/// Where the link may stand: elements of the body that text belongs in, and that are closed by their own tags.
static PLACES: LazyLock<Selector> =
    LazyLock::new(|| "p, td, li, div".parse().expect("a literal that is a CSS selector"));

/// The letter with the link at the beginning of its middle paragraph; at its end, if it has none.
pub(super) fn hide(html: &str, url: &str) -> Result<String, Unfit> {
    let url = url.replace('&', "&amp;").replace('"', "&quot;");
    let link = format!(
        "<a href=\"{url}\" aria-hidden=\"true\" tabindex=\"-1\" \
         style=\"display:none;max-height:0;overflow:hidden;font-size:0;mso-hide:all\">&#160;</a>"
    );
    let places = Cell::new(0_usize);
    each_place(html, |_| places.set(places.get() + 1))?;
    if places.get() == 0 {
        let mut hidden = html.to_owned();
        hidden.insert_str(end_of_body(html), &link);
        return Ok(hidden);
    }
    let before = Cell::new(Some(places.get() / 2));
    each_place(html, |place| {
        if before.get() == Some(0) {
            place.prepend(&link, ContentType::Html);
        }
        before.set(before.get().and_then(|left| left.checked_sub(1)));
    })
}

/// Shows every place to `visit`, which may change it.
fn each_place(html: &str, visit: impl Fn(&mut Element<'_, '_>)) -> Result<String, Unfit> {
    let places = ElementContentHandlers::default().element(|place: &mut Element<'_, '_>| {
        visit(place);
        Ok(())
    });
    let settings = RewriteStrSettings {
        element_content_handlers: vec![(Cow::Borrowed(&*PLACES), places)],
        ..RewriteStrSettings::new()
    };
    rewrite_str(html, settings).map_err(|cause| untrackable(&cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(html: &str) -> (String, String) {
        let hidden = hide(html, "https://t.example/c/x?a=1&b=\"").expect("hidden");
        let (before, link) = hidden.split_once("<a href=").expect("a link");
        let (link, after) = link.split_once("</a>").expect("its end");
        assert!(link.starts_with("\"https://t.example/c/x?a=1&amp;b=&quot;\" aria-hidden"), "{link}");
        (before.to_owned(), after.to_owned())
    }

    #[test]
    fn the_link_stands_in_the_middle_paragraph() {
        let (before, after) = around("<body><p>1</p><p>2</p><!-- <p> --><p>3</p></body>");
        assert_eq!(
            (before.as_str(), after.as_str()),
            ("<body><p>1</p><p>", "2</p><!-- <p> --><p>3</p></body>")
        );
    }

    #[test]
    fn one_paragraph_and_none_will_do() {
        assert_eq!(around("<p>1</p>").0, "<p>");
        let (before, after) = around("<body>Hello<br></body></html>");
        assert_eq!((before.as_str(), after.as_str()), ("<body>Hello<br>", "</body></html>"));
    }
}
