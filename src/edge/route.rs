//! Which endpoint a path belongs to.

use hyper::Method;

/// An endpoint of the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// `/o/<token>[.gif]`: a pixel.
    Open,
    /// `/c/<token>`: a tracked link.
    Click,
    /// `/b/<token>`: a page's heartbeat.
    Beacon,
    /// `/b.js`: what sends it.
    Script,
    /// `/u/<token>`: unsubscribing.
    Unsubscribe,
    /// `/p/<partner>/<hash>[.gif]`: a partner's pixel without a token.
    Partner,
    /// Everything else, and requests hyper could not read.
    Nowhere,
}

/// Path prefixes and what follows them, the most frequent first.
const TABLE: [(&str, Route); 5] = [
    ("/o/", Route::Open),
    ("/c/", Route::Click),
    ("/b/", Route::Beacon),
    ("/u/", Route::Unsubscribe),
    ("/p/", Route::Partner),
];

/// The one path that has nothing behind it.
const SCRIPT: &str = "/b.js";

impl Route {
    /// Every route, in the order of their numbers.
    pub(super) const ALL: [Self; 7] = [
        Self::Open,
        Self::Click,
        Self::Beacon,
        Self::Script,
        Self::Unsubscribe,
        Self::Partner,
        Self::Nowhere,
    ];

    /// The route of a path and what follows its prefix.
    pub(super) fn of(path: &str) -> (Self, &str) {
        let mut routes = TABLE.iter();
        match routes.find_map(|(prefix, route)| Some((*route, path.strip_prefix(prefix)?))) {
            Some(found) => found,
            None if path == SCRIPT => (Self::Script, ""),
            None => (Self::Nowhere, path),
        }
    }

    /// Whether this endpoint has a use for a method.
    pub(super) fn allows(self, method: &Method) -> bool {
        match self {
            Self::Open | Self::Click | Self::Script | Self::Partner => {
                matches!(*method, Method::GET | Method::HEAD)
            }
            Self::Beacon => matches!(*method, Method::POST | Method::OPTIONS),
            Self::Unsubscribe => matches!(*method, Method::GET | Method::HEAD | Method::POST),
            Self::Nowhere => true,
        }
    }

    /// Whether a request is answered with the pixel, however long its target.
    pub(super) const fn is_pixel(self) -> bool {
        matches!(self, Self::Open | Self::Partner)
    }

    /// The word for metric labels.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Click => "click",
            Self::Beacon => "beacon",
            Self::Script => "script",
            Self::Unsubscribe => "unsubscribe",
            Self::Partner => "partner",
            Self::Nowhere => "nowhere",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_choose_the_endpoint() {
        assert_eq!(Route::of("/o/abc.gif"), (Route::Open, "abc.gif"));
        assert_eq!(Route::of("/o/"), (Route::Open, ""));
        assert_eq!(Route::of("/c/a/b"), (Route::Click, "a/b"));
        assert_eq!(Route::of("/b/abc"), (Route::Beacon, "abc"));
        assert_eq!(Route::of("/b.js"), (Route::Script, ""));
        assert_eq!(Route::of("/u/abc"), (Route::Unsubscribe, "abc"));
        assert_eq!(Route::of("/p/news/abc.gif"), (Route::Partner, "news/abc.gif"));
        for path in
            ["", "*", "/", "/o", "/O/abc", "//o/abc", "/c", "/x/abc", "/b", "/b.jsx", "/b.js/", "/u", "/p"]
        {
            assert_eq!(Route::of(path), (Route::Nowhere, path));
        }
    }

    #[test]
    fn routes_are_numbered_in_their_order() {
        assert!(Route::ALL.iter().enumerate().all(|(number, route)| *route as usize == number));
    }
}
