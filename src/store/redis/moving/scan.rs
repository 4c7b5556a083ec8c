//! Everybody who has a key of one kind.
//!
//! One step of a server's `SCAN` gives some people, in no order, and what it gives is not the same again once keys have
//! gone. So the people of the step in hand are kept in memory, in their order, and a position names the step and how far
//! they are dealt with. In another process, where they are not in memory, the step is taken again from its beginning.

use std::sync::{Arc, Mutex, PoisonError};

use redis::{Value, cmd};

use super::chart::Chart;
use super::position::{Kind, Spot};
use crate::model::RecipientId;
use crate::store::StoreError;
use crate::store::redis::Inner;
use crate::store::redis::reply::{Reply, damaged, int};
use crate::store::redis::router::Lane;

/// Keys a server looks at in one step, of which only some are of the kind: about half a millisecond of its time.
const STEP: u32 = 2000;

/// The people of one step.
#[derive(Debug)]
pub(super) struct Step {
    /// In the order of their ids, each once.
    pub(super) people: Vec<RecipientId>,
    /// Where the next step begins; zero after the last.
    pub(super) next: u64,
}

/// The step in hand.
#[derive(Debug, Default)]
pub(in crate::store::redis) struct Scanned(Mutex<Option<(Kind, Spot, Arc<Step>)>>);

impl Scanned {
    fn get(&self, kind: Kind, spot: Spot) -> Option<Arc<Step>> {
        let scanned = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, _, step) = scanned.as_ref().filter(|(known, at, _)| (*known, *at) == (kind, spot))?;
        Some(Arc::clone(step))
    }

    fn keep(&self, kind: Kind, spot: Spot, step: Arc<Step>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((kind, spot, step));
    }
}

impl Inner {
    /// The step at a spot, and the spot itself: another one if what was dealt with of it is not known any more.
    pub(super) async fn step(
        &self,
        kind: Kind,
        spot: Spot,
        chart: &Chart,
    ) -> Result<(Arc<Step>, Spot), StoreError> {
        let begin = Spot { done: None, ..spot };
        if let Some(step) = self.scanned.get(kind, begin) {
            return Ok((step, spot));
        }
        let server = chart.servers.get(spot.server).ok_or_else(|| damaged("a server"))?;
        let mut scan = cmd("SCAN");
        scan.arg(spot.cursor).arg("MATCH").arg(format!("{{v*}}:{}:*", kind.letter())).arg("COUNT").arg(STEP);
        let mut reply = Reply::of(self.router.call_on(server, Lane::Control, &scan).await?)?;
        let next = cursor(&reply.next()?)?;
        let (mut people, mut keys) = (Vec::new(), reply.list()?);
        while !keys.is_empty() {
            people.extend(self.person_of(kind, &keys.bytes()?));
        }
        people.sort_unstable();
        people.dedup();
        let step = Arc::new(Step { people, next });
        self.scanned.keep(kind, begin, Arc::clone(&step));
        Ok((step, begin))
    }

    /// Whose key this is; none if it only looks like one.
    fn person_of(&self, kind: Kind, key: &[u8]) -> Option<RecipientId> {
        let who = RecipientId(*key.last_chunk()?);
        (self.partitions.of(who).key(kind.letter(), &who.0) == key).then_some(who)
    }
}

/// Cursors take all 64 bits.
fn cursor(value: &Value) -> Result<u64, StoreError> {
    match value {
        Value::BulkString(text) => std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()),
        number => int(number).ok().and_then(|number| number.try_into().ok()),
    }
    .ok_or_else(|| damaged("a cursor"))
}
