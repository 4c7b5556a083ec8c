//! Ending sends from outside: one, a case, a person; and what holds them back: a person's word, an operator's.

use redis::Cmd;

use super::enqueue::{case_key, words};
use super::inner::{Inner, set};
use super::keys::{self, FLOWS};
use super::library::functions;
use super::reply::{Reply, damaged, state};
use super::router::{Lane, Place};
use super::show;
use crate::model::{Consent, FlowScope, FlowSetting, Name, RecipientId, SendId};
use crate::store::time::millis;
use crate::store::{Cancelled, Forgotten, Settled, StoreError};

/// Most sends one call of `settle` or `forget` deals with.
const AT_ONCE: usize = 200;

impl Inner {
    pub(super) async fn cancel(&self, send: SendId, reason: &str) -> Result<Cancelled, StoreError> {
        let Some(partition) = self.find(send).await? else { return Ok(Cancelled::Unknown) };
        let mut call = partition.fcall(&functions().cancel);
        call.arg(&send.0[..]).arg(words(reason)).arg(self.spans.keep_finished).arg(self.spans.min_gap);
        let mut reply = Reply::of(self.call(Lane::Results, partition, call).await?)?;
        let outcome = reply.bytes()?;
        self.conclude(self.number(partition), reply)?;
        Ok(match outcome.as_slice() {
            b"done" => Cancelled::Done,
            b"begun" => Cancelled::InHandOver,
            b"unknown" => Cancelled::Unknown,
            letter => Cancelled::Ended(state(letter).ok_or_else(|| damaged("a known state"))?),
        })
    }

    pub(super) async fn settle(&self, brand: &Name, case: &str, reason: &str) -> Result<Settled, StoreError> {
        let key = case_key(brand, case);
        let mut settled = Settled::default();
        for partition in self.everywhere("a", &key).await? {
            loop {
                let mut call = partition.fcall(&functions().settle);
                call.arg(&key[..])
                    .arg(words(reason))
                    .arg(self.spans.keep_finished)
                    .arg(self.spans.min_gap)
                    .arg(AT_ONCE);
                let mut reply = Reply::of(self.call(Lane::Results, partition, call).await?)?;
                let (cancelled, late, more): (u64, u64, i64) = (reply.small()?, reply.small()?, reply.int()?);
                self.conclude(self.number(partition), reply)?;
                settled.cancelled += cancelled;
                if more == 0 {
                    settled.in_hand_over += late;
                    break;
                }
            }
        }
        Ok(settled)
    }

    pub(super) async fn forget(&self, who: RecipientId) -> Result<Forgotten, StoreError> {
        let partition = self.partitions.of(who);
        let mut forgotten = Forgotten::default();
        loop {
            let mut call = partition.fcall(&functions().forget);
            call.arg(&who.0[..]).arg(self.spans.keep_finished).arg(self.spans.min_gap).arg(AT_ONCE);
            let mut reply = Reply::of(self.call(Lane::Results, partition, call).await?)?;
            forgotten.sends += reply.small::<u64>()?;
            forgotten.in_hand_over += reply.small::<u64>()?;
            forgotten.consents += reply.small::<u64>()?;
            forgotten.presence |= reply.int()? == 1;
            let more = reply.int()? == 1;
            self.conclude(self.number(partition), reply)?;
            if !more {
                return Ok(forgotten);
            }
        }
    }

    pub(super) async fn consent(&self, consent: &Consent) -> Result<(), StoreError> {
        let (place, call) = self.consent_call(consent);
        Ok(self.router.call(Lane::Results, place, call).await.map(drop)?)
    }

    pub(super) fn consent_call(&self, consent: &Consent) -> (Place, Cmd) {
        let partition = self.partitions.of(consent.recipient);
        let mut call = partition.fcall(&functions().consent);
        call.arg(&consent.recipient.0[..])
            .arg(show::grantee(&consent.grantee))
            .arg(i32::from(consent.granted));
        call.arg(millis(consent.at)).arg(&consent.proof);
        (partition.place, call)
    }

    pub(super) async fn set_flow(&self, scope: FlowScope, setting: FlowSetting) -> Result<(), StoreError> {
        let json = serde_json::to_vec(&setting).expect("a setting is plain data");
        let (place, set) = set(FLOWS, &keys::flow(&scope), json);
        self.router.call(Lane::Results, place, set).await?;
        self.turns.set_flow(scope, setting);
        Ok(())
    }
}
