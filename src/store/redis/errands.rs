//! The store's [`Errands`]: one hash for all of them, by the server's clock.

use std::time::Duration;

use async_trait::async_trait;
use redis::Cmd;

use super::RedisStore;
use super::inner::Inner;
use super::keys::ERRANDS;
use super::library::functions;
use super::reply::Reply;
use super::router::{Lane, Place};
use crate::model::ClaimId;
use crate::store::time::span;
use crate::store::{Errand, Errands, Fenced, StoreError, Wait};

/// Who holds what nobody holds.
const NOBODY: ClaimId = ClaimId([0; 16]);

fn call(errand: &str, how: &str, me: ClaimId, lease: Duration, note: &str) -> (Place, Cmd) {
    let mut call = redis::cmd("FCALL");
    call.arg(&functions().errand).arg(1).arg(ERRANDS);
    call.arg(errand).arg(how).arg(&me.0[..]).arg(span(lease)).arg(note);
    (Place::of(ERRANDS.as_bytes()), call)
}

impl Inner {
    async fn errand_call(&self, (place, call): (Place, Cmd)) -> Result<(bool, String), StoreError> {
        let mut reply = Reply::of(self.router.call(Lane::Control, place, call).await?)?;
        Ok((reply.int()? == 1, reply.text()?))
    }
}

#[async_trait]
impl Errands for RedisStore {
    async fn take_errand(&self, errand: &str, me: ClaimId, lease: Duration) -> Result<Errand, StoreError> {
        let (mine, note) = self.running_store()?.errand_call(call(errand, "take", me, lease, "")).await?;
        Ok(if mine { Errand::Mine(Some(note).filter(|note| !note.is_empty())) } else { Errand::Anothers })
    }

    async fn note_errand(
        &self,
        errand: &str,
        me: ClaimId,
        lease: Duration,
        note: &str,
    ) -> Result<Fenced, StoreError> {
        let (done, _) = self.open_store()?.errand_call(call(errand, "note", me, lease, note)).await?;
        Ok(if done { Fenced::Done } else { Fenced::Stale })
    }

    async fn change_errand(&self, errand: &str, note: &str) -> Result<(), StoreError> {
        let inner = self.running_store()?;
        let change = call(errand, "change", NOBODY, Duration::ZERO, note);
        inner.write(vec![change], inner.safe(Wait::Stored)?).await.map(drop)
    }

    async fn errand(&self, errand: &str) -> Result<Option<String>, StoreError> {
        let mut get = redis::cmd("HGET");
        get.arg(ERRANDS).arg(errand);
        let place = Place::of(ERRANDS.as_bytes());
        let held = self.open_store()?.router.call(Lane::Control, place, get).await?;
        if held == redis::Value::Nil {
            return Ok(None);
        }
        let held = super::reply::bytes(held)?;
        let note = held.get(16..).and_then(|rest| rest.splitn(2, |byte| *byte == b' ').nth(1));
        Ok(note.map(|note| String::from_utf8_lossy(note).into_owned()).filter(|note| !note.is_empty()))
    }
}
