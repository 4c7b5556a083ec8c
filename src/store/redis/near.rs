//! Sends near their deadline: told with the hours in which their people are seen, and aimed at a better moment.

use redis::Cmd;

use super::inner::Inner;
use super::library::functions;
use super::reply::Reply;
use super::router::{Lane, Place};
use crate::model::{Cause, Claim, ClaimId, Hours};
use crate::store::time::millis;
use crate::store::{Aim, Near, StoreError};

impl Inner {
    /// What a tick tells of them.
    pub(super) fn near(&self, reply: Reply) -> Result<Vec<Near>, StoreError> {
        let mut all = Vec::new();
        for (told, hours) in reply.near()? {
            let Some(hours) = Hours::read(&hours) else { continue };
            // Not claimed: what makes a claim of it is let go.
            let told = self.claims(vec![told], ClaimId::random(), Cause::Time);
            all.extend(told.into_iter().map(|Claim { spec, facts, .. }| Near { spec, facts, hours }));
        }
        Ok(all)
    }

    pub(super) async fn aim(&self, aims: &[Aim]) -> Result<Vec<bool>, StoreError> {
        let calls = aims.iter().map(|aim| self.aim_call(aim)).collect();
        let answers = self.router.many(Lane::Results, calls).await;
        let mut will = Vec::with_capacity(aims.len());
        for (aim, answer) in aims.iter().zip(answers) {
            let mut reply = Reply::of(answer?)?;
            will.push(reply.int()? == 1);
            self.turns.hint(self.partitions.number_of(aim.recipient), reply.int()?);
        }
        Ok(will)
    }

    fn aim_call(&self, aim: &Aim) -> (Place, Cmd) {
        let partition = self.partitions.of(aim.recipient);
        let mut call = partition.fcall(&functions().aim);
        call.arg(&aim.send.0[..]).arg(millis(aim.at).max(1)).arg(aim.words());
        (partition.place, call)
    }
}
