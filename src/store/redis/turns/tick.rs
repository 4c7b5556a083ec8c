//! One tick: what time has brought to the partitions that are due.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::Value;

use super::super::inner::Inner;
use super::super::library::functions;
use super::super::reply::Reply;
use super::super::router::{Lane, Place};
use crate::model::{Cause, ClaimId};
use crate::store::time::{Millis, NEVER};
use crate::store::{StoreError, Ticked};

/// Partitions whose tick is asked for at the same time.
const AT_ONCE: usize = 16;

/// A partition that had nothing to do is not asked again for this long, in milliseconds.
const NOT_YET: Millis = 10;

impl Inner {
    /// Does what time has brought to the partitions that are due.
    pub(in crate::store::redis) async fn tick(
        &self,
        request: ClaimId,
        limit: usize,
    ) -> Result<Ticked, StoreError> {
        let due = {
            let mut last = self.turns.last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.0 != Some(request) {
                *last = (Some(request), self.turns.due_now());
            }
            last.1.clone()
        };
        let (mut ticked, mut left, mut failed) = (Ticked::default(), limit, None);
        for group in due.chunks(AT_ONCE) {
            if left == 0 {
                break;
            }
            let group = &group[..group.len().min(left)];
            let share = left / group.len();
            let calls = group.iter().map(|number| self.tick_call(*number, request, share)).collect();
            let answers = self.router.many(Lane::Results, calls).await;
            for (number, answer) in group.iter().zip(answers) {
                let answer = answer.map_err(StoreError::from);
                match answer.and_then(|answer| self.take_turn(*number, request, answer, &mut ticked)) {
                    Ok(done) => left = left.saturating_sub(done),
                    Err(error) => {
                        self.turns.lose_sight(*number);
                        tracing::warn!(partition = number, %error, "time-driven work of one partition is late");
                        failed = Some(error);
                    }
                }
            }
        }
        if let Some(error) = failed.filter(|_| left == limit) {
            return Err(error);
        }
        ticked.more |= !self.turns.due_now().is_empty();
        Ok(ticked)
    }

    fn tick_call(&self, number: usize, request: ClaimId, limit: usize) -> (Place, redis::Cmd) {
        let partition = &self.partitions.all()[number];
        let quiet = self.router.quiet_for(partition.place, self.rules.lease);
        // What others set from here on comes with the next beat.
        self.turns.heads[number].store(NEVER, Ordering::Relaxed);
        let mut call = partition.fcall(&functions().tick);
        call.arg(&request.0[..])
            .arg(limit)
            .arg(u64::try_from(quiet.as_millis()).unwrap_or(u64::MAX))
            .arg(self.spans.claims_per_touch)
            .arg(self.spans.lease)
            .arg(&self.spans.pace)
            .arg(self.spans.recent)
            .arg(&self.spans.keep)
            .arg(self.rules.max_attempts)
            .arg(self.turns.server_now());
        self.hold_back(&mut call);
        (partition.place, call)
    }

    /// Reads one partition's tick into the whole; tells how many sends it dealt with.
    fn take_turn(
        &self,
        number: usize,
        request: ClaimId,
        answer: Value,
        ticked: &mut Ticked,
    ) -> Result<usize, StoreError> {
        let mut reply = Reply::of(answer)?;
        let (head, more) = (reply.int()?, reply.int()? == 1);
        let partition = u16::try_from(number).unwrap_or_default();
        let before = ticked.claims.len() + ticked.expired.len() + ticked.ended.len();
        ticked.claims.extend(self.claims(reply.list()?.claims()?, request, Cause::Time));
        let mut expired = reply.list()?;
        while !expired.is_empty() {
            ticked.expired.push((expired.send()?, expired.state()?));
        }
        let gone = reply.list()?.gone()?;
        let lapsed = gone.iter().filter(|gone| gone.detail == "deadline");
        ticked.ended.extend(lapsed.map(|gone| (gone.send, gone.state)));
        self.follow_up(partition, gone);
        let mut aside = reply.list()?;
        while !aside.is_empty() {
            let send = aside.send()?;
            tracing::error!(%send, "set aside: its keys in Redis are not what vigie wrote; see the key `x` of its partition");
        }
        ticked.near.extend(self.near(reply.list()?)?);
        let mut late = reply.list()?;
        while !late.is_empty() {
            ticked.late.push(Duration::from_millis(late.small()?));
        }
        let done = ticked.claims.len() + ticked.expired.len() + ticked.ended.len() - before;
        self.turns.hint(
            partition,
            match head {
                _ if more => 1,
                // Its clock may be behind the one we know: what is due by ours is not yet due by its own.
                1.. if done == 0 => head.max(self.turns.server_now() + NOT_YET),
                _ => head,
            },
        );
        Ok(done)
    }
}
