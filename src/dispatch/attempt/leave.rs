//! Leave to go now: the gate's, and a token of each limit. Whatever is kept here goes back to waiting, and it is no attempt.

use super::super::metrics::Hold;
use super::Attempt;
use crate::flow::Held;
use crate::model::{Deferral, Finish, Pass};

impl Attempt {
    /// The gate once more, and a token of each limit.
    pub(super) async fn pass(&self) -> Result<(), Finish> {
        self.admit().await?;
        self.take_tokens().await
    }

    /// Asks the gate. What takes turns after a night goes at once to somebody who is there.
    pub(super) async fn admit(&self) -> Result<(), Finish> {
        let Err(held) = self.inner.gate.check(&self.claim) else { return Ok(()) };
        let reason = held.to_string();
        let (why, finish) = match held {
            Held::Paused(_) => (Hold::Paused, Finish::Released { reason }),
            Held::Quiet { until, .. } => {
                (Hold::Quiet, Finish::Deferred(Deferral { until, reason, counts: false }))
            }
            Held::Turn { .. } if self.is_there().await => return Ok(()),
            Held::Turn { until } => (Hold::Turn, Finish::Queued { until, reason }),
        };
        self.inner.metrics.held(why);
        Err(finish)
    }

    async fn is_there(&self) -> bool {
        let person = self.inner.store.person(self.claim.spec.recipient).await;
        person.is_ok_and(|person| person.online.is_some())
    }

    /// Takes a token of each limited flow it belongs to; without one the send waits its turn, which is no attempt.
    async fn take_tokens(&self) -> Result<(), Finish> {
        let spec = &self.claim.spec;
        let provider = spec.to.domain().and_then(|host| self.inner.providers.of(&host));
        let tolls = self.inner.gate.tolls(&self.claim, provider.as_ref());
        if tolls.is_empty() {
            return Ok(());
        }
        let wait = |why, until, reason| {
            self.inner.metrics.held(why);
            Finish::Deferred(Deferral { until, reason, counts: false })
        };
        match self.inner.store.take(spec.id, &tolls).await {
            Ok(Pass::Go) => Ok(()),
            Ok(Pass::Wait(scope, until)) => {
                Err(wait(Hold::Limited, until, format!("{scope} is at its limit")))
            }
            // Nothing is claimed of a brand that is paused: the send goes with the next signal after that.
            Ok(Pass::Paused(scope, _)) if !scope.is_of_domains() => {
                self.inner.metrics.held(Hold::Paused);
                Err(Finish::Released { reason: format!("{scope} is paused") })
            }
            Ok(Pass::Paused(scope, until)) => Err(wait(Hold::Paused, until, format!("{scope} is paused"))),
            Err(error) => {
                tracing::warn!(send = %self.claim.hold.send, %error, "no token: the store did not answer");
                Err(Finish::Released { reason: "the store did not answer before the hand-over".into() })
            }
        }
    }
}
