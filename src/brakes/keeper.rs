//! Putting brakes on, and telling that they have let go.

use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Brakes, Inner, Wanted, setting};
use crate::flow;

/// What is over and could not be told is looked at again after this long: the store did not answer, or another gateway was
/// first and this one has not heard of it yet.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl Brakes {
    /// Puts brakes on, and tells when they have let go, until it is told to stop. Runs once.
    pub async fn run(self, stop: CancellationToken) {
        let queue = self.inner.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut queue) = queue else { return };
        let mut flows = self.inner.flows.clone();
        loop {
            let over = setting::next_end(&flows.borrow_and_update());
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                wanted = queue.recv() => {
                    let Some(wanted) = wanted else { return };
                    self.put_on(wanted).await;
                }
                changed = flows.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = self.reached(over) => {
                    if !self.let_go().await {
                        let _ = stop.run_until_cancelled(tokio::time::sleep(LOOK_AGAIN)).await;
                    }
                }
            }
        }
    }

    async fn reached(&self, then: Option<Timestamp>) {
        match then {
            Some(then) => self.inner.clock.sleep_until(then).await,
            None => std::future::pending().await,
        }
    }

    async fn put_on(&self, wanted: Wanted) {
        let Inner { store, clock, settings, gate, metrics, .. } = &*self.inner;
        let Wanted { scope, why, brake, reason } = wanted;
        let (now, flows) = (clock.now(), gate.flows());
        let known = flows.settings.get(&scope).cloned();
        if !setting::may_brake(known.as_ref(), now, settings) || setting::are_too_many(&flows, &scope) {
            metrics.count(why, "left_alone");
            tracing::warn!(flow = %scope, reason, "no brake: an operator has set this flow, or there are too many");
            return;
        }
        let Some(fresh) = setting::braked(brake, reason, known.as_ref(), now, settings) else { return };
        let result = if fresh.paused(now) { "paused" } else { "slowed" };
        match flow::replace(&**store, scope.clone(), known, fresh.clone(), now).await {
            Ok(true) => {
                metrics.count(why, result);
                tracing::warn!(flow = %scope, reason = fresh.reason, until = ?fresh.until, "a brake: the flow is {result}");
            }
            // Somebody else was first. If that was no brake, the next reply asks again.
            Ok(false) => {}
            Err(error) => tracing::warn!(flow = %scope, %error, "no brake: the store did not answer"),
        }
    }

    /// Tells of brakes that are over; says whether all are told.
    async fn let_go(&self) -> bool {
        let Inner { store, clock, flows, metrics, .. } = &*self.inner;
        let (now, flows) = (clock.now(), flows.borrow().clone());
        let mut all = true;
        for (scope, known) in setting::over(&flows, now) {
            let free = setting::free(now);
            match flow::replace(&**store, scope.clone(), Some(known.clone()), free, now).await {
                Ok(true) => {
                    metrics.let_go(scope);
                    tracing::info!(flow = %scope, "a brake has let go");
                }
                Ok(false) => all = false,
                Err(error) => {
                    tracing::warn!(flow = %scope, %error, "a brake has let go, which could not be told");
                    return false;
                }
            }
        }
        all
    }
}
