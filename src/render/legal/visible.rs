//! What a reader sees: of an HTML part the words and the addresses of links, without what is hidden.

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::LazyLock;

use lol_html::html_content::{Element, TextChunk};
use lol_html::{DocumentContentHandlers, ElementContentHandlers, RewriteStrSettings, Selector, rewrite_str};

static ALL: LazyLock<Selector> = LazyLock::new(|| "*".parse().expect("a literal that is a CSS selector"));

/// Elements that are no part of the letter.
const UNSEEN: [&str; 6] = ["head", "title", "style", "script", "template", "noscript"];

/// Elements within a line: a word goes on behind them.
const INLINE: [&str; 12] =
    ["a", "abbr", "b", "em", "font", "i", "mark", "small", "span", "strong", "sub", "u"];

/// Styles that hide, without white space.
const HIDING: [&str; 5] = ["display:none", "visibility:hidden", "font-size:0", "opacity:0;", "mso-hide:all"];

/// A text part, fit to be searched with [`normal`] texts.
pub(super) fn in_text(text: &str) -> String {
    normal(text)
}

/// The same of an HTML part.
pub(super) fn in_html(html: &str) -> String {
    let seen = RefCell::new(String::new());
    // Hidden elements go first: their texts must not be met.
    let shown = rewrite_str(
        html,
        each_element(|element| {
            if is_hidden(element) {
                element.remove();
            }
        }),
    );
    let words = DocumentContentHandlers::default().text(|chunk: &mut TextChunk<'_>| {
        seen.borrow_mut().push_str(chunk.as_str());
        Ok(())
    });
    let settings = each_element(|element| {
        let name = element.tag_name();
        let mut seen = seen.borrow_mut();
        if !INLINE.contains(&name.as_str()) {
            seen.push(' ');
        }
        if let Some(address) = element.get_attribute("href") {
            seen.push(' ');
            seen.push_str(&address);
            seen.push(' ');
        }
    });
    let settings = RewriteStrSettings { document_content_handlers: vec![words], ..settings };
    // What cannot be read as HTML shows nothing that one could rely on.
    let read = shown.and_then(|shown| rewrite_str(&shown, settings));
    match read {
        Ok(_) => normal(&html_escape::decode_html_entities(seen.borrow().as_str())),
        Err(_) => String::new(),
    }
}

fn each_element<'h>(visit: impl Fn(&mut Element<'_, '_>) + 'h) -> RewriteStrSettings<'h, 'static> {
    let handlers = ElementContentHandlers::default().element(move |element: &mut Element<'_, '_>| {
        visit(element);
        Ok(())
    });
    RewriteStrSettings {
        element_content_handlers: vec![(Cow::Borrowed(&*ALL), handlers)],
        ..RewriteStrSettings::new()
    }
}

fn is_hidden(element: &Element<'_, '_>) -> bool {
    let style = element.get_attribute("style").unwrap_or_default().to_ascii_lowercase();
    let style: String = style.split_whitespace().collect::<String>() + ";";
    UNSEEN.contains(&element.tag_name().as_str())
        || element.has_attribute("hidden")
        || HIDING.iter().any(|hiding| style.contains(hiding))
}

/// Single spaces, lower case, plain apostrophes: what differs between a law and its copies.
pub(super) fn normal(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !normal.is_empty() {
            normal.push(' ');
        }
        // Soft hyphens and places to break are no letters.
        let letters = word.chars().filter(|c| !matches!(c, '\u{ad}' | '\u{200b}'));
        let plain = |c| if matches!(c, '’' | '‘' | 'ʼ') { '\'' } else { c };
        normal.extend(letters.map(plain).flat_map(char::to_lowercase));
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_words_and_links() {
        let html = "<head><title>T</title><style>p{}</style></head><body><p>L&rsquo;<b>am</b>ende&nbsp;:</p>\
            <p>120,50&#160;€<br>now</p><!-- no --><a href=\"https://a.example/?x=1&amp;y=2\">Pay</a></body>";
        assert_eq!(in_html(html).trim(), "l'amende : 120,50 € now https://a.example/?x=1&y=2 pay");
    }

    #[test]
    fn what_is_hidden_is_not_seen() {
        for hidden in [
            "<p style=\"display: none\">secret</p>",
            "<div hidden><p>secret</p></div>",
            "<span style='font-size:0'>secret</span>",
            "<script>secret</script>",
            "<!-- secret -->",
            "<p title=\"secret\"></p>",
        ] {
            assert_eq!(in_html(&format!("<body>{hidden}<p>seen</p></body>")).trim(), "seen", "{hidden}");
        }
    }
}
