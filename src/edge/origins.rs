//! Whose pages may read the answers to beacons (CORS). It is no lock: a beacon's token is the key, and browsers send the
//! plain ones without asking.

use hyper::header::{HeaderMap, HeaderValue, ORIGIN};

/// The configured origins.
#[derive(Debug)]
pub(super) struct Origins(Vec<HeaderValue>);

impl Origins {
    pub(super) fn new(origins: &[String]) -> Self {
        // Checked with the configuration: an origin is visible ASCII.
        Self(origins.iter().filter_map(|origin| origin.parse().ok()).collect())
    }

    /// The origin of a request, if its pages may read the answer; byte for byte, as browsers compare.
    pub(super) fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let asking = headers.get(ORIGIN)?;
        self.0.iter().find(|origin| *origin == asking).cloned()
    }
}
