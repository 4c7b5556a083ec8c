//! What a page says about whoever looks at it, in whatever form a browser could send it.

use std::borrow::Cow;

use serde::Deserialize;
use url::form_urlencoded;

/// What a beacon says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// The page is in view.
    Visible {
        /// And somebody has done something on it.
        activated: bool,
    },
    /// It is not any more.
    Hidden,
    /// Nothing that we understand, so nothing.
    Nothing,
}

#[derive(Deserialize)]
struct Words<'body> {
    #[serde(borrow, default)]
    state: Option<Cow<'body, str>>,
    #[serde(default)]
    activated: bool,
}

impl Said {
    /// Reads a body, whatever its type claims: browsers send JSON as plain text, since they need not ask first then. No
    /// body at all is a page in view.
    pub(super) fn read(body: &[u8]) -> Self {
        let body = body.trim_ascii();
        match body.first() {
            None => Self::Visible { activated: false },
            Some(b'{') => serde_json::from_slice(body).map_or(Self::Nothing, |words| Self::of(&words)),
            Some(_) => Self::of_form(body),
        }
    }

    /// `state=visible&activated=true`; something else entirely if there is no `state`.
    fn of_form(body: &[u8]) -> Self {
        let field =
            |name| form_urlencoded::parse(body).find_map(|(key, value)| (key == name).then_some(value));
        match field("state") {
            None => Self::Nothing,
            state => {
                Self::of(&Words { state, activated: field("activated").is_some_and(|value| value == "true") })
            }
        }
    }

    fn of(words: &Words<'_>) -> Self {
        match words.state.as_deref() {
            None | Some("visible") => Self::Visible { activated: words.activated },
            Some("hidden") => Self::Hidden,
            Some(_) => Self::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_browsers_send_is_understood() {
        let visible = |activated| Said::Visible { activated };
        for (body, said) in [
            ("", visible(false)),
            (" \r\n", visible(false)),
            ("{}", visible(false)),
            (r#"{"state":"visible"}"#, visible(false)),
            (r#"{"state":"visible","activated":true,"page":{"more":[1]}}"#, visible(true)),
            (r#"{"activated":true}"#, visible(true)),
            (r#"{"state":"vis\u0069ble"}"#, visible(false)),
            (" {\"state\":\"hidden\"}\n", Said::Hidden),
            (r#"{"state":"hidden","activated":true}"#, Said::Hidden),
            ("state=hidden", Said::Hidden),
            ("activated=true&state=visible", visible(true)),
            ("state=visible&activated=", visible(false)),
        ] {
            assert_eq!(Said::read(body.as_bytes()), said, "{body}");
        }
    }

    #[test]
    fn what_is_not_understood_says_nothing() {
        for body in [
            "x",
            "{",
            "[]",
            "null",
            "\"visible\"",
            r#"{"state":"prerender"}"#,
            r#"{"state":1}"#,
            r#"{"activated":"yes"}"#,
            r#"{"state":"visible"} trailing"#,
            r#"{"state":"hidden","state":"visible"}"#,
            "kind=active",
            "state=",
            "\0\u{1}\u{ff}",
        ] {
            assert_eq!(Said::read(body.as_bytes()), Said::Nothing, "{body:?}");
        }
        assert_eq!(Said::read(&[0xff, 0xfe]), Said::Nothing);
        assert_eq!(Said::read("[".repeat(4000).as_bytes()), Said::Nothing);
    }
}
