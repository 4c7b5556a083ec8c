//! What a supervisor is told: systemd, or whatever else hears `sd_notify(3)`. Without one (`NOTIFY_SOCKET` is not set)
//! nobody is.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval};

/// The listeners are up and the store is open, for the first time or again after a [`reloading`].
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The configuration's folders are read again; [`ready`] says when that is done.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "this machine has no monotonic clock"),
    }
}

/// Nothing new is taken; what is under way finishes.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Says that this process lives, twice as often as its supervisor wants to hear it (`WatchdogSec=`), until it is dropped:
/// by a task of the runtime that all work runs on, so that one that hangs is not heard of any more.
#[derive(Debug)]
pub(super) struct Watchdog(Option<AbortHandle>);

impl Watchdog {
    pub(super) fn start() -> Self {
        Self(sd_notify::watchdog_enabled().map(|within| tokio::spawn(bark(within / 2)).abort_handle()))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

async fn bark(every: Duration) {
    let mut ticks = interval(every.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(state: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the supervisor does not hear us");
    }
}
