//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

use tokio::time::sleep;

/// How often to look again.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How long anything may take that should take milliseconds: generous, as builds share the machine.
pub const SOON: Duration = Duration::from_secs(20);

/// Waits until `look` sees something, and returns it.
///
/// # Panics
///
/// If it has not seen `what` after `bound`.
pub async fn wait_until<T>(what: &str, bound: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(start.elapsed() < bound, "waited {bound:?} in vain until {what}");
        sleep(LOOK_EVERY).await;
    }
}
