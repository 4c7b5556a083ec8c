//! The store's [`Log`].

use async_trait::async_trait;
use tokio::sync::watch;

use super::super::RedisStore;
use super::super::inner::Inner;
use super::super::keys::EVENTS;
use super::super::library::functions;
use super::super::reply::{Reply, damaged};
use super::super::router::{Lane, Place};
use super::announcer::heard;
use super::entry::{self, EntryId};
use crate::model::{Event, Position, Told};
use crate::store::{Heard, Log, StoreError};

/// A page of the stream.
pub(super) struct Page {
    /// The oldest entry, if there is one.
    oldest: Option<EntryId>,
    /// The last entry there ever was.
    pub(super) newest: EntryId,
    /// Some that were there were let go.
    trimmed: bool,
    told: Vec<Told>,
    /// Entries that are not events: a page of nothing else is not the end.
    strange: Option<EntryId>,
}

impl Inner {
    /// Entries after an id.
    pub(super) async fn told(&self, after: Option<EntryId>, limit: usize) -> Result<Page, StoreError> {
        let mut call = redis::cmd("FCALL");
        let after = after.unwrap_or(EntryId::BEFORE_ALL);
        call.arg(&functions().told).arg(1).arg(EVENTS).arg(after.redis()).arg(limit);
        let answer = self.router.call(Lane::Control, Place::of(EVENTS.as_bytes()), call).await?;
        let mut reply = Reply::of(answer)?;
        let oldest = EntryId::parse(&reply.text()?);
        let newest = EntryId::parse(&reply.text()?).ok_or_else(|| damaged("an entry's id"))?;
        let trimmed = reply.int()? == 1;
        let (mut told, mut strange) = (Vec::new(), None);
        while !reply.is_empty() {
            match entry::read(&mut reply)? {
                (_, Some(event)) => told.push(event),
                (id, None) => strange = Some(id),
            }
        }
        Ok(Page { oldest, newest, trimmed, told, strange })
    }

    async fn events_after(&self, after: Option<Position>, limit: usize) -> Result<Heard, StoreError> {
        let mut from = match &after {
            None => None,
            Some(position) => match EntryId::parse(position.as_str()) {
                Some(id) => Some(id),
                None => return Ok(Heard::Gone { before: EntryId::BEFORE_ALL.position() }),
            },
        };
        loop {
            let page = self.told(from, limit).await?;
            let before = page.oldest.map_or(page.newest, EntryId::before);
            let missed = page.trimmed && from < Some(before);
            if after.is_some() && (missed || from > Some(page.newest)) {
                return Ok(Heard::Gone { before: before.position() });
            }
            if page.told.is_empty() && page.strange.is_some() {
                from = page.strange;
                continue;
            }
            return Ok(Heard::Events(page.told));
        }
    }
}

#[async_trait]
impl Log for RedisStore {
    /// Also while memory is short.
    async fn announce(&self, event: Event) -> Result<(), StoreError> {
        let inner = self.open_store()?;
        let last = super::tell(&inner.router, inner.rules.keep_events, &[&event]).await?;
        heard(&inner.events.newest, last);
        Ok(())
    }

    async fn events(&self, after: Option<Position>, limit: usize) -> Result<Heard, StoreError> {
        self.open_store()?.events_after(after, limit).await
    }

    /// What others told is heard of within a quarter of a second.
    fn newest(&self) -> watch::Receiver<Position> {
        self.inner.events.newest.subscribe()
    }
}
