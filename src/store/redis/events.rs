//! `vigie:events`: the log of events as a stream, for gateways and for whoever else reads it.
//!
//! Each entry has the fields `event` (`send.sent`, `send.failed`, …) and `data`, a JSON object, together the `type` and `data`
//! of a Standard Webhook; and `id`, `brand`, `at`. Nothing in them says who was written to.
//!
//! ```text
//!  step, in one function ──▶ state and `{v<p>}:e` (the outbox)      together or not at all
//!                                     │
//!  the gateway that called  ──────────┼── XADD vigie:events, then HDEL     soon: `announcer`
//!  the partition's gateway  ──────────┘   whatever is left after `LEFT`    if that one was killed: `outbox`
//! ```
//!
//! So an event is told after its step and never instead of it, at least once, and by whoever lives; two entries of the same
//! event have the same `id`. Of a cluster the outbox lies in the slot of its partition and the stream in one slot, which is why
//! there are two steps.
//!
//! A gateway hears of what it told itself at once, and of what others told within [`outbox::LOOK`].

mod announcer;
mod entry;
mod log;
mod outbox;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::Cmd;
use tokio::sync::{Notify, watch};

use self::announcer::{Announcer, Outbox, Waiting};
use self::entry::EntryId;
use super::fault::Fault;
use super::inner::Inner;
use super::keys::{EVENTS, Partition};
use super::library::functions;
use super::reply::{Gone, Reply, bytes};
use super::router::{Lane, Place, Router};
use crate::model::{Event, Position};
use crate::store::StoreError;
use crate::store::time::timestamp;

/// What a gateway knows of the log.
pub(super) struct Events {
    announcer: Announcer,
    newest: watch::Sender<Position>,
    /// Partitions whose outbox has something that only a look will show.
    told: Mutex<BTreeSet<u16>>,
    look: Notify,
    /// Events that were told instead of whoever should have.
    left: AtomicU64,
}

impl Events {
    /// Nothing is known yet.
    pub(super) fn start(router: &Router, keep: u64) -> Self {
        let newest = watch::Sender::new(EntryId::BEFORE_ALL.position());
        let announcer = Announcer::start(announcer::publisher(router.clone(), keep, newest.clone()));
        Self { announcer, newest, told: Mutex::default(), look: Notify::new(), left: AtomicU64::new(0) }
    }

    /// Tells what waits, for at most `patience`, and tells no more.
    pub(super) async fn close(&self, patience: Duration) {
        self.announcer.close(patience).await;
    }

    /// Events that this gateway told instead of those that should have.
    pub(super) fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    fn take_told(&self) -> BTreeSet<u16> {
        std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inner {
    /// Tells of the end of a send that is in the outbox of this partition.
    pub(super) fn tell_end(&self, partition: &Partition, gone: Gone) {
        let field = [&gone.send.0[..], &[gone.letter()]].concat();
        let event = gone.ended(timestamp(self.turns.server_now())).event();
        self.events.announcer.tell(Waiting { event, outbox: Some(Outbox::new(partition, field)) });
    }

    /// A function told something other than the end of a send (`announce` in `lua/events.lua`): it is looked for in the
    /// outbox at once, instead of some seconds later.
    pub(super) fn outbox_has(&self, partition: u16) {
        self.events.told.lock().unwrap_or_else(PoisonError::into_inner).insert(partition);
        self.events.look.notify_one();
    }
}

/// Copies events to the stream, in order; answers where the last one stands. Where memory is short a function does it: that
/// an event is told makes room, as it leaves its outbox, and an old one leaves the stream.
async fn tell(router: &Router, keep: u64, events: &[&Event]) -> Result<Option<EntryId>, StoreError> {
    let place = Place::of(EVENTS.as_bytes());
    let commands = events.iter().map(|event| (place, add(keep, event))).collect();
    let mut last = None;
    for (answer, event) in router.many(Lane::Control, commands).await.into_iter().zip(events) {
        let id = match answer {
            Err(Fault::OutOfMemory) => {
                let answer = router.call(Lane::Control, place, fields(tell_call(keep), event)).await?;
                Reply::of(answer)?.text()?
            }
            answer => String::from_utf8(bytes(answer?)?).unwrap_or_default(),
        };
        last = EntryId::parse(&id);
    }
    Ok(last)
}

fn add(keep: u64, event: &Event) -> Cmd {
    let mut add = redis::cmd("XADD");
    add.arg(EVENTS);
    if keep > 0 {
        add.arg("MAXLEN").arg("~").arg(keep);
    }
    add.arg("*");
    fields(add, event)
}

fn tell_call(keep: u64) -> Cmd {
    let mut call = redis::cmd("FCALL");
    call.arg(&functions().tell).arg(1).arg(EVENTS).arg(keep);
    call
}

/// The entry's fields.
fn fields(mut command: Cmd, event: &Event) -> Cmd {
    let data = serde_json::to_string(&event.data).expect("JSON has a JSON form");
    command.arg("event").arg(&event.kind).arg("data").arg(data);
    command
        .arg("id")
        .arg(&event.id)
        .arg("brand")
        .arg(event.brand.as_str())
        .arg("at")
        .arg(event.at.to_string());
    command
}
