//! One attempt to send one mail, as a straight line whose stages cannot be taken in another order.

mod leave;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};

use super::leases::Lease;
use super::{Inner, Room, Since, retry};
use crate::bounces::{Bounce, Kind};
use crate::clock::after;
use crate::model::{Claim, Deferral, Finish, Letter, MailStatus, Name};
use crate::relay::{Delivery, Session};
use crate::render::RenderError;
use crate::store::{Fenced, StoreError};

/// A send that its brand's templates do not fit any more waits this long before it is tried again.
const UNTIL_MENDED: Duration = Duration::from_mins(1);

/// A claim on its way to its fate.
pub(super) struct Attempt {
    inner: Arc<Inner>,
    claim: Claim,
    since: Since,
    /// The relay's word that there is no such mailbox.
    no_mailbox: OnceLock<(MailStatus, String)>,
    /// Keeps the claim alive; dropped last.
    lease: Lease,
}

/// Why an attempt ends without a fate: somebody else decides, or the lease does.
enum Abandoned {
    /// The hold is stale: cancelled, settled, or the lease was lost.
    Stale,
    /// The store does not answer, so results could not be recorded: nothing may be handed over.
    Unrecordable(StoreError),
}

/// Rendered, with a connection in hand, and the flow still open.
struct Ready {
    letter: Letter,
    session: Session,
}

/// As [`Ready`], and the store knows that the relay may have it from now on.
struct HandingOver(Ready);

impl Attempt {
    /// An attempt at `claim`, whose lease is renewed from now on.
    pub(super) fn new(inner: Arc<Inner>, claim: Claim, since: Since) -> Self {
        let lease = inner.leases.hold(claim.hold);
        Self { inner, claim, since, no_mailbox: OnceLock::new(), lease }
    }

    /// Goes the whole way and records the fate.
    pub(super) async fn run(self, room: Room) {
        let under_way = self.inner.metrics.enter();
        match self.fate().await {
            Ok(finish) => {
                self.bounced().await;
                if self.finish(finish).await {
                    under_way.ended();
                }
            }
            Err(Abandoned::Stale) => {
                tracing::debug!(send = %self.claim.hold.send, "claim lost before the hand-over")
            }
            Err(Abandoned::Unrecordable(error)) => {
                tracing::error!(send = %self.claim.hold.send, %error, "not handed over: results cannot be recorded");
                // The store may have heard that it begins: left to its lease, it would end in doubt where there is none.
                let reason = "the store did not answer before the hand-over".into();
                if self.finish(Finish::Released { reason }).await {
                    under_way.ended();
                }
            }
        }
        drop((self.lease, room));
    }

    /// The attempt under its watchdog: whatever hangs, the claim gets a fate within `dispatch.attempt_timeout`.
    async fn fate(&self) -> Result<Finish, Abandoned> {
        let watchdog = self.inner.settings.attempt_timeout;
        let ready = match tokio::time::timeout(watchdog, self.prepare()).await {
            Ok(Ok(ready)) => ready,
            Ok(Err(finish)) => return Ok(finish),
            Err(_) => return Ok(self.defer("the relay kept us waiting longer than dispatch.attempt_timeout")),
        };
        let handing_over = self.begin(ready).await?;
        let delivered = tokio::time::timeout(watchdog, self.hand_over(handing_over)).await;
        Ok(delivered.unwrap_or_else(|_| Finish::Uncertain {
            reason: "the relay did not answer within dispatch.attempt_timeout".into(),
        }))
    }

    /// Renders, waits for a connection, and looks whether the gate is still open at this instant: before all that, so that
    /// nothing is done for a mail that must wait, and after it, since a connection may take its time.
    async fn prepare(&self) -> Result<Ready, Finish> {
        self.admit().await?;
        let render = self.inner.metrics.stage.render.start_timer();
        let letter = self.inner.renderer.render(&self.claim);
        render.observe_duration();
        let letter = letter.map_err(|error| self.unrendered(&error))?;
        let relay = self.inner.relays.of(&self.claim.spec.brand);
        let connect = self.inner.metrics.stage.connect.start_timer();
        let session = tokio::select! {
            biased;
            () = self.inner.stopping.cancelled() => return Err(Finish::Released { reason: "the gateway stops".into() }),
            session = relay.checkout() => session.map_err(|refusal| self.refused(refusal))?,
        };
        connect.observe_duration();
        if let Err(finish) = self.pass().await {
            session.unused();
            return Err(finish);
        }
        Ok(Ready { letter, session })
    }

    /// Tells the store that the relay may have the mail from now on.
    async fn begin(&self, ready: Ready) -> Result<HandingOver, Abandoned> {
        let begin = self.inner.metrics.stage.begin.start_timer();
        let fenced = self.inner.store.begin(self.claim.hold).await.map_err(Abandoned::Unrecordable)?;
        begin.observe_duration();
        match fenced {
            Fenced::Done => Ok(HandingOver(ready)),
            Fenced::Stale => Err(Abandoned::Stale),
        }
    }

    /// The transaction with the relay, and what its result means.
    async fn hand_over(&self, HandingOver(Ready { letter, session }): HandingOver) -> Finish {
        let relay = self.inner.metrics.stage.relay.start_timer();
        let delivery = session.deliver(&letter).await;
        relay.observe_duration();
        match delivery {
            Delivery::Accepted { reply } => {
                self.accepted(Instant::now());
                self.inner.brakes.accepted(&self.claim.spec);
                Finish::Accepted { reply, provider: self.delivered() }
            }
            Delivery::Refused(refusal) => {
                self.inner.brakes.refused(&self.claim.spec, &refusal);
                self.refused(refusal)
            }
            Delivery::Unknown { reason } => Finish::Uncertain { reason },
        }
    }

    /// Tells those who count by domains, and whose mailbox the mail went to.
    fn delivered(&self) -> Option<Name> {
        let to = &self.claim.spec.to;
        let domain = to.domain()?;
        self.inner.classifier.delivered(self.claim.spec.recipient, &domain);
        let provider = self.inner.providers.of(&domain);
        self.inner.metrics.delivered(provider.as_ref());
        provider
    }

    /// Observes the number that matters: signal received → relay's 250.
    fn accepted(&self, at: Instant) {
        if let Some(since) = self.since {
            let brand = self.claim.spec.brand.as_str();
            let latency = at.saturating_duration_since(since).as_secs_f64();
            self.inner.metrics.signal_to_accepted.with_label_values(&[brand]).observe(latency);
        }
    }

    /// The send was tried with its template when it was accepted, so it is the configuration that is wrong now: a brand
    /// or template that went missing or changed. The send waits for it to be mended, and loses nothing.
    fn unrendered(&self, error: &RenderError) -> Finish {
        tracing::error!(send = %self.claim.hold.send, %error, "cannot be rendered: mend the configuration and reload");
        let until = after(self.inner.clock.now(), UNTIL_MENDED);
        Finish::Deferred(Deferral { until, reason: error.to_string(), counts: false })
    }

    fn refused(&self, refusal: crate::relay::Refusal) -> Finish {
        if let Some(status) = refusal.no_mailbox {
            // An attempt has one refusal that ends it.
            let _ = self.no_mailbox.set((status, refusal.reason.clone()));
        }
        retry::after_refusal(refusal, &self.claim, self.inner.clock.now(), &self.inner.settings.retry)
    }

    /// Nobody reads mail there: nothing more is sent to them, before this send has its fate, so that no signal sets off the
    /// next one. Failing, the next one bounces, too.
    async fn bounced(&self) {
        let Some((status, detail)) = self.no_mailbox.get() else { return };
        let Claim { hold, spec, .. } = &self.claim;
        let bounce = Bounce {
            id: hold.send.to_string(),
            brand: Some(spec.brand.clone()),
            recipient: spec.recipient,
            kind: Kind::Hard,
            status: Some(*status),
            detail: detail.clone(),
            scope: None,
            reference: Some(spec.reference.clone()),
            at: self.inner.clock.now(),
        };
        if let Err(error) = self.inner.bounces.take(bounce).await {
            tracing::warn!(send = %hold.send, %error, "a mailbox that does not exist could not be written down");
        }
    }

    fn defer(&self, reason: &str) -> Finish {
        let until = retry::soon(&self.claim, self.inner.clock.now(), &self.inner.settings.retry);
        Finish::Deferred(Deferral { until, reason: reason.into(), counts: false })
    }

    /// Records the fate, as patiently as the store is long away: the relay may have the mail, so giving up here means
    /// *uncertain* later, and no store takes claims back while it is away. Says whether it is recorded.
    async fn finish(&self, finish: Finish) -> bool {
        let timer = self.inner.metrics.stage.finish.start_timer();
        let patience = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(Duration::from_secs(2))
            .without_max_times();
        let hold = self.claim.hold;
        let record = || self.inner.store.finish(hold, finish.clone());
        let recorded = record.retry(patience).when(|error| matches!(error, StoreError::Unavailable(_))).await;
        timer.observe_duration();
        match &recorded {
            Ok(Fenced::Done) => self.log(&finish),
            Ok(Fenced::Stale) => {
                tracing::warn!(send = %hold.send, ?finish, "came too late: the lease had run out")
            }
            Err(error) => {
                tracing::error!(send = %hold.send, %error, ?finish, "the fate could not be recorded")
            }
        }
        if !matches!(finish, Finish::Accepted { .. }) {
            self.inner.intake.forget(&self.claim.spec.recipient);
        }
        matches!(recorded, Ok(Fenced::Done))
    }

    fn log(&self, finish: &Finish) {
        let (send, brand) = (self.claim.hold.send, &self.claim.spec.brand);
        match finish {
            Finish::Accepted { reply, .. } => tracing::debug!(%send, %brand, reply, "sent"),
            Finish::Deferred(deferral) => {
                tracing::info!(%send, %brand, until = %deferral.until, reason = deferral.reason, "deferred");
            }
            Finish::Queued { until, reason } => tracing::info!(%send, %brand, %until, reason, "deferred"),
            Finish::Rejected { reason } => tracing::warn!(%send, %brand, reason, "failed"),
            Finish::Released { reason } => tracing::info!(%send, %brand, reason, "given back"),
            Finish::Uncertain { reason } => tracing::error!(%send, %brand, reason, "outcome unknown"),
        }
    }
}
