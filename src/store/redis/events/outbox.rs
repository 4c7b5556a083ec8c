//! What nobody told: of a gateway that was killed, or whose answer was lost. Found in the outboxes of our partitions.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::{Value, cmd};

use super::super::cases::case_of;
use super::super::inner::Inner;
use super::super::library::functions;
use super::super::reply::{Gone, Reply, damaged};
use super::super::router::Lane;
use super::announcer::{Outbox, heard, take_out};
use crate::model::Event;
use crate::store::StoreError;
use crate::store::time::{Millis, NEVER, timestamp};

/// How often a gateway looks whether others told something.
pub(super) const LOOK: Duration = Duration::from_millis(250);

/// After so many looks it looks through the outboxes of its partitions: every two seconds.
const SWEEP: u32 = 8;

/// What is in an outbox for longer than this, in milliseconds, its gateway did not tell: it lives no more, or Redis is slow.
const LEFT: Millis = 3000;

/// Events taken out of one outbox in one go.
const AT_ONCE: usize = 128;

impl Inner {
    /// Follows the log, and tells what was left, until the store is closed.
    pub(in crate::store::redis) async fn follow_events(self: Arc<Self>) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for round in 0u32.. {
            tokio::select! {
                _ = look.tick() => {}
                () = self.events.look.notified() => {}
            }
            for partition in self.events.take_told() {
                report(&self.clear(partition, 0, NEVER).await);
            }
            if round % SWEEP == 0 {
                self.sweep().await;
            }
            if let Ok(page) = self.told(None, 0).await {
                heard(&self.events.newest, Some(page.newest));
            }
        }
    }

    /// Tells what was left in the outboxes of our partitions.
    async fn sweep(&self) {
        let ours = self.turns.our_partitions();
        let ask = |number: &u16| {
            let partition = &self.partitions.all()[usize::from(*number)];
            let mut exists = cmd("EXISTS");
            exists.arg(format!("{}:e", partition.tag));
            (partition.place, exists)
        };
        let found = self.router.many(Lane::Control, ours.iter().map(ask).collect()).await;
        let left = self.turns.server_now() - LEFT;
        for (partition, found) in ours.into_iter().zip(found) {
            if matches!(found, Ok(Value::Int(1))) {
                let told = self.clear(partition, left, left).await;
                if let Ok(told @ 1..) = told {
                    self.events.left.fetch_add(told, Ordering::Relaxed);
                }
                report(&told);
            }
        }
    }

    /// Tells what is in an outbox since before these moments: ends of sends, and all else. Answers how much it was.
    async fn clear(&self, partition: u16, ends: Millis, others: Millis) -> Result<u64, StoreError> {
        let partition = &self.partitions.all()[usize::from(partition)];
        let mut told = 0;
        loop {
            let mut call = partition.fcall(&functions().outbox);
            call.arg(AT_ONCE).arg(ends).arg(others);
            let mut reply = Reply::of(self.call(Lane::Control, partition, call).await?)?;
            let mut found = Vec::new();
            while !reply.is_empty() {
                let (field, what) = (reply.bytes()?, reply.bytes()?);
                match read(&field, &what) {
                    Ok(event) => found.push((event, Outbox::new(partition, field))),
                    // It stays there, for a version that can; the others go on.
                    Err(error) => tracing::error!(%error, outbox = partition.tag, "an event cannot be told"),
                }
            }
            // Found in no order.
            found.sort_by_key(|(event, _)| event.at);
            if found.is_empty() {
                return Ok(told);
            }
            told += found.len() as u64;
            let (events, outboxes): (Vec<_>, Vec<_>) = found.into_iter().unzip();
            let last =
                super::tell(&self.router, self.rules.keep_events, &events.iter().collect::<Vec<_>>()).await?;
            heard(&self.events.newest, last);
            self.let_cases_go(&events).await;
            take_out(&self.router, outboxes.into_iter()).await;
            if events.len() < AT_ONCE {
                return Ok(told);
            }
        }
    }

    /// Cases that were closed need not be found for ever. While Redis does not take it, an entry stays, and is taken over by
    /// whoever opens a case under that name.
    async fn let_cases_go(&self, told: &[Event]) {
        let closed =
            told.iter().filter(|event| matches!(event.kind.as_str(), "case.settled" | "case.handed_off"));
        let expire =
            closed.filter_map(|event| case_of(&event.id)).map(|case| self.expire_case(case)).collect();
        self.router.many(Lane::Control, expire).await;
    }
}

fn report(told: &Result<u64, StoreError>) {
    if let Err(error) = told {
        tracing::debug!(%error, "an outbox is late");
    }
}

/// An event as `lua/events.lua` wrote it.
fn read(field: &[u8], what: &[u8]) -> Result<Event, StoreError> {
    let strange = || damaged("an event that can be read");
    let (kind, rest) = what.split_first().ok_or_else(strange)?;
    let rest = std::str::from_utf8(rest).map_err(|_| strange())?;
    let mut parts = rest.splitn(if *kind == b'S' { 3 } else { 4 }, ' ');
    let mut part = || parts.next().ok_or_else(strange);
    let at = timestamp(part()?.parse().map_err(|_| strange())?);
    if *kind == b'S' {
        let (attempts, rest) = (part()?.parse().map_err(|_| strange())?, part()?);
        let [flow, reference, detail] =
            rest.splitn(3, '\0').collect::<Vec<_>>().try_into().map_err(|_| strange())?;
        let gone = Gone::of(field, flow, reference, attempts, detail).ok_or_else(strange)?;
        return Ok(gone.ended(at).event());
    }
    let (kind, brand, data) = (part()?.to_owned(), part()?, part()?);
    let id = String::from_utf8(field.to_vec()).map_err(|_| strange())?;
    let brand = brand.parse().map_err(|_| strange())?;
    Ok(Event { id, kind, at, brand, data: serde_json::from_str(data).map_err(|_| strange())? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SendId;

    #[test]
    fn what_a_function_wrote_is_read_as_the_event_it_tells() {
        let send = SendId([7; 16]);
        let field = [&send.0[..], b"s"].concat();
        let end = read(&field, b"S1772442000123 2 demo/wave\0s 1\x00250 2.0.0 ok").expect("readable");
        assert_eq!((end.id, end.kind.as_str()), (format!("{send}-sent"), "send.sent"));
        assert_eq!(end.data["id"], "s 1");
        assert_eq!(end.data["campaign"], "wave");
        assert_eq!(end.data["attempts"], 2);
        assert_eq!(end.data["detail"], "250 2.0.0 ok");
        assert_eq!(end.at.as_millisecond(), 1_772_442_000_123);
        let case = read(b"c-1", br#"J1772442000123 case.settled demo {"case":"a b"}"#).expect("readable");
        assert_eq!(
            (case.id.as_str(), case.kind.as_str(), case.brand.as_str()),
            ("c-1", "case.settled", "demo")
        );
        assert_eq!(case.data["case"], "a b");
        for bad in [&b""[..], b"S1 2", b"X", b"J1 a b {", b"Jx a b {}"] {
            assert!(read(&field, bad).is_err(), "{bad:?}");
        }
    }
}
