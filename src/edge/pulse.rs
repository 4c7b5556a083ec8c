//! How long a client may take: one timer for each connection, moved by its requests.
//!
//! hyper has a timer for request heads, but makes and drops one for every request, and none for answers that the
//! client does not read. Here every request moves a moment in memory, and the connection's one timer, when it fires,
//! looks whether that moment has moved. A client that dribbles its head, stays silent or reads nothing does not move it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// When the connection's client last completed a request.
#[derive(Debug, Clone)]
pub(super) struct Pulse {
    start: Instant,
    patience: Duration,
    shared: Arc<Shared>,
}

/// What the connection's watch and its requests know together. Only this connection's task reads and writes it.
#[derive(Debug, Default)]
struct Shared {
    /// Microseconds from `start` to the last request; 0: there was none.
    last: AtomicU64,
    /// The next request is the last.
    ending: AtomicBool,
}

impl Pulse {
    /// A connection accepted now, whose client may take `patience` for each request.
    pub(super) fn new(patience: Duration) -> Self {
        Self { start: Instant::now(), patience, shared: Arc::default() }
    }

    /// A request was complete at `now`.
    pub(super) fn beat(&self, now: std::time::Instant) {
        let since = now.saturating_duration_since(self.start.into_std());
        let since = u64::try_from(since.as_micros()).unwrap_or(u64::MAX).max(1);
        self.shared.last.store(since, Ordering::Relaxed);
    }

    /// Whether a request was ever complete.
    pub(super) fn has_beaten(&self) -> bool {
        self.shared.last.load(Ordering::Relaxed) > 0
    }

    /// From now on an answer is the connection's last.
    pub(super) fn end(&self) {
        self.shared.ending.store(true, Ordering::Relaxed);
    }

    /// Whether the answer to the request that was just complete is the last.
    pub(super) fn is_ending(&self) -> bool {
        self.shared.ending.load(Ordering::Relaxed)
    }

    /// When patience ends, as things stand.
    pub(super) fn deadline(&self) -> Instant {
        self.start + Duration::from_micros(self.shared.last.load(Ordering::Relaxed)) + self.patience
    }
}
