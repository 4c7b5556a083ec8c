//! Ending sends from outside: one, a person; and what holds them back: a person's word, an operator's.
//!
//! All of it is as safe as an enqueue before it is answered (`store.enqueue_wait`), and may be repeated.

use redis::{Cmd, Value};

use super::enqueue::words;
use super::inner::{Inner, set};
use super::keys::{self, FLOWS, Partition};
use super::library::functions;
use super::reply::{Reply, damaged, state};
use super::router::{Lane, Place};
use super::settings::written;
use super::show;
use crate::model::{Consent, FlowScope, FlowSetting, RecipientId, SendId};
use crate::store::time::millis;
use crate::store::{Cancelled, Forgotten, StoreError, Wait};

/// Most sends one call of `settle`, `hand_off` or `forget` deals with.
pub(super) const AT_ONCE: usize = 200;

impl Inner {
    pub(super) async fn cancel(&self, send: SendId, reason: &str) -> Result<Cancelled, StoreError> {
        let Some(partition) = self.find(send).await? else { return Ok(Cancelled::Unknown) };
        let mut call = partition.fcall(&functions().cancel);
        call.arg(&send.0[..]).arg(words(reason)).arg(&self.spans.keep).arg(&self.spans.pace);
        let cancelled =
            self.cancelled(partition, self.call(Lane::Results, partition, call.clone()).await?)?;
        match self.confirm(partition.place, call).await? {
            Some(answer) => self.cancelled(partition, answer),
            None => Ok(cancelled),
        }
    }

    fn cancelled(&self, partition: &Partition, answer: Value) -> Result<Cancelled, StoreError> {
        let mut reply = Reply::of(answer)?;
        let outcome = reply.bytes()?;
        self.conclude(self.number(partition), reply)?;
        Ok(match outcome.as_slice() {
            b"done" => Cancelled::Done,
            b"begun" => Cancelled::InHandOver,
            b"unknown" => Cancelled::Unknown,
            letter => Cancelled::Ended(state(letter).ok_or_else(|| damaged("a known state"))?),
        })
    }

    pub(super) async fn forget(&self, who: RecipientId) -> Result<Forgotten, StoreError> {
        let partition = self.partitions.of(who);
        let mut call = partition.fcall(&functions().forget);
        call.arg(&who.0[..]).arg(&self.spans.keep).arg(&self.spans.pace).arg(AT_ONCE);
        let mut forgotten = Forgotten::default();
        self.until_none_is_left(partition, &call, |reply| {
            forgotten.sends += reply.small::<u64>()?;
            forgotten.in_hand_over += reply.small::<u64>()?;
            forgotten.cases += reply.small::<u64>()?;
            forgotten.consents += reply.small::<u64>()?;
            forgotten.presence |= reply.int()? == 1;
            Ok(reply.int()? == 1)
        })
        .await?;
        if forgotten.cases > 0 {
            self.outbox_has(self.partitions.number_of(who));
        }
        self.follow_mailbox_of(who).await;
        Ok(forgotten)
    }

    /// Calls until `heed`, which reads the answer's beginning, says that no more is left, and that is safe.
    pub(super) async fn until_none_is_left(
        &self,
        partition: &Partition,
        call: &Cmd,
        mut heed: impl FnMut(&mut Reply) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let mut hear = |answer| {
            let mut reply = Reply::of(answer)?;
            let more = heed(&mut reply)?;
            self.conclude(self.number(partition), reply).map(|()| more)
        };
        loop {
            if hear(self.call(Lane::Results, partition, call.clone()).await?)? {
                continue;
            }
            let confirmed = self.confirm(partition.place, call.clone()).await?;
            let more = confirmed.map(&mut hear).transpose()?;
            if more != Some(true) {
                return Ok(());
            }
        }
    }

    pub(super) async fn consent(&self, consent: &Consent) -> Result<(), StoreError> {
        let (place, call) = self.consent_call(consent);
        self.write(vec![(place, call)], self.safe(Wait::Stored)?).await.map(drop)
    }

    pub(super) fn consent_call(&self, consent: &Consent) -> (Place, Cmd) {
        let partition = self.partitions.of(consent.recipient);
        let mut call = partition.fcall(&functions().consent);
        call.arg(&consent.recipient.0[..])
            .arg(show::grantee(&consent.grantee))
            .arg(i32::from(consent.granted));
        call.arg(millis(consent.at)).arg(show::said(consent));
        (partition.place, call)
    }

    pub(super) async fn set_flow(&self, scope: FlowScope, setting: FlowSetting) -> Result<(), StoreError> {
        let set = set(FLOWS, &keys::flow(&scope), written(&setting));
        self.write(vec![set], self.safe(Wait::Stored)?).await?;
        self.turns.set_flow(scope, setting);
        Ok(())
    }
}
