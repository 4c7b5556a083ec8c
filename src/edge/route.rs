//! Which endpoint a path belongs to.

use hyper::Method;

/// An endpoint of the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// `/o/<token>[.gif]`: a pixel.
    Open,
    /// `/c/<token>`: a tracked link.
    Click,
    /// Everything else, and requests hyper could not read.
    Nowhere,
}

/// Path prefixes and what follows them.
const TABLE: [(&str, Route); 2] = [("/o/", Route::Open), ("/c/", Route::Click)];

impl Route {
    /// Every route, in the order of their numbers.
    pub(super) const ALL: [Self; 3] = [Self::Open, Self::Click, Self::Nowhere];

    /// The route of a path and what follows its prefix.
    pub(super) fn of(path: &str) -> (Self, &str) {
        let mut routes = TABLE.iter();
        let found = routes.find_map(|(prefix, route)| Some((*route, path.strip_prefix(prefix)?)));
        found.unwrap_or((Self::Nowhere, path))
    }

    /// Whether this endpoint has a use for a method.
    pub(super) fn allows(self, method: &Method) -> bool {
        match self {
            Self::Open | Self::Click => matches!(*method, Method::GET | Method::HEAD),
            Self::Nowhere => true,
        }
    }

    /// The word for metric labels.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Click => "click",
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
        for path in ["", "*", "/", "/o", "/O/abc", "//o/abc", "/c", "/x/abc"] {
            assert_eq!(Route::of(path), (Route::Nowhere, path));
        }
    }

    #[test]
    fn routes_are_numbered_in_their_order() {
        assert!(Route::ALL.iter().enumerate().all(|(number, route)| *route as usize == number));
    }
}
