//! Every command on the stream, each with what it means for the entries.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::streams::StreamPendingReply;
use redis::{Cmd, RedisResult, Value, cmd};

use super::entry::{self, Entry, Pending};
use super::{GROUP, SENDS};

/// This gateway as a consumer of the group, on one connection.
pub(super) struct Group {
    connection: MultiplexedConnection,
    consumer: String,
}

/// What one process claims again, another may take at once: idle for this long.
const LONG_AGO: Duration = Duration::from_hours(24);

impl Group {
    pub(super) fn new(connection: MultiplexedConnection, consumer: &str) -> Self {
        Self { connection, consumer: consumer.to_owned() }
    }

    /// From now on under this name.
    pub(super) fn rename(&mut self, consumer: &str) {
        consumer.clone_into(&mut self.consumer);
    }

    /// Makes the stream and the group where they are missing. The group starts with the oldest entry: what is in the
    /// stream is not done. A Redis without memory refuses this even where there is nothing to make; should the group be
    /// missing, the first read says so.
    pub(super) async fn join(&mut self) -> RedisResult<()> {
        let mut create = cmd("XGROUP");
        create.arg("CREATE").arg(SENDS).arg(GROUP).arg(0).arg("MKSTREAM");
        match create.exec_async(&mut self.connection).await {
            Err(error) if matches!(error.code(), Some("BUSYGROUP" | "OOM")) => Ok(()),
            made => made,
        }
    }

    /// Waits for new entries, at most for `block`; they are pending with this consumer from now on.
    pub(super) async fn read(&mut self, most: usize, block: Duration) -> RedisResult<Vec<Entry>> {
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(GROUP).arg(&self.consumer).arg("COUNT").arg(most);
        read.arg("BLOCK").arg(millis(block)).arg("STREAMS").arg(SENDS).arg(">");
        self.ask(&read).await.map(entry::of_one_stream)
    }

    /// Entries that have been pending with anybody, untouched, for at least `idle`; oldest first.
    pub(super) async fn stuck(&mut self, idle: Duration, most: usize) -> RedisResult<Vec<Pending>> {
        let mut look = cmd("XPENDING");
        look.arg(SENDS).arg(GROUP).arg("IDLE").arg(millis(idle)).arg("-").arg("+").arg(most);
        self.ask(&look).await.map(entry::pending)
    }

    /// Entries that are pending with this consumer; oldest first.
    pub(super) async fn own(&mut self, most: usize) -> RedisResult<Vec<Pending>> {
        let mut look = cmd("XPENDING");
        look.arg(SENDS).arg(GROUP).arg("-").arg("+").arg(most).arg(&self.consumer);
        self.ask(&look).await.map(entry::pending)
    }

    /// How many are pending with this consumer.
    pub(super) async fn own_number(&mut self) -> RedisResult<usize> {
        let mut look = cmd("XPENDING");
        look.arg(SENDS).arg(GROUP);
        let all: StreamPendingReply = look.query_async(&mut self.connection).await?;
        let StreamPendingReply::Data(all) = all else { return Ok(0) };
        let own = all.consumers.iter().find(|consumer| consumer.name == self.consumer);
        Ok(own.map_or(0, |own| own.pending))
    }

    /// Takes entries over that are still idle for so long, and counts that as one more delivery of each. Of two that try,
    /// one gets them.
    pub(super) async fn claim(&mut self, ids: &[String], idle: Duration) -> RedisResult<Vec<Entry>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut claim = self.xclaim(idle);
        self.ask(claim.arg(ids)).await.map(entry::entries)
    }

    /// Says that these are still being worked on.
    pub(super) async fn keep(&mut self, ids: &[String]) -> RedisResult<()> {
        let mut keep = self.xclaim(Duration::ZERO);
        self.ask(keep.arg(ids).arg("JUSTID")).await.map(drop)
    }

    /// As [`keep`](Self::keep), and clears them of suspicion: an attempt at them ended in good order.
    pub(super) async fn keep_cleared(&mut self, ids: &[String]) -> RedisResult<()> {
        let mut keep = self.xclaim(Duration::ZERO);
        self.ask(keep.arg(ids).arg("RETRYCOUNT").arg(1).arg("JUSTID")).await.map(drop)
    }

    /// Leaves them to whoever looks next.
    pub(super) async fn give_back(&mut self, ids: &[String]) -> RedisResult<()> {
        self.put_off(ids, LONG_AGO).await
    }

    /// Leaves them, as untouched for so long, and clears them of suspicion.
    pub(super) async fn put_off(&mut self, ids: &[String], idle: Duration) -> RedisResult<()> {
        let mut give = self.xclaim(Duration::ZERO);
        give.arg(ids).arg("IDLE").arg(millis(idle)).arg("RETRYCOUNT").arg(1).arg("JUSTID");
        self.ask(&give).await.map(drop)
    }

    /// These are done: gone from the stream, and not pending any more. In this order: an entry that is pending but gone is
    /// forgotten by whoever claims it next, one that is not pending but there would stay for ever. Not in a transaction,
    /// which a Redis without memory refuses.
    pub(super) async fn done(&mut self, ids: &[String]) -> RedisResult<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut both = redis::pipe();
        both.cmd("XDEL").arg(SENDS).arg(ids).ignore().cmd("XACK").arg(SENDS).arg(GROUP).arg(ids).ignore();
        both.exec_async(&mut self.connection).await
    }

    /// Entries in the stream: what is not done.
    pub(super) async fn length(&mut self) -> RedisResult<i64> {
        cmd("XLEN").arg(SENDS).query_async(&mut self.connection).await
    }

    /// Takes this consumer's name from the group, unless something is pending with it.
    pub(super) async fn leave(&mut self) -> RedisResult<()> {
        if self.own(1).await?.is_empty() {
            self.remove(&self.consumer.clone()).await?;
        }
        Ok(())
    }

    /// Removes consumers that have been silent for so long and have nothing pending. Nobody reads under such a name any
    /// more: see [`super::STRANGER_AFTER`].
    pub(super) async fn tidy(&mut self, silent: Duration) -> RedisResult<()> {
        let mut look = cmd("XINFO");
        look.arg("CONSUMERS").arg(SENDS).arg(GROUP);
        let consumers: redis::streams::StreamInfoConsumersReply =
            look.query_async(&mut self.connection).await?;
        for consumer in consumers.consumers {
            let gone = consumer.pending == 0 && consumer.idle as u128 > silent.as_millis();
            if gone && consumer.name != self.consumer {
                self.remove(&consumer.name).await?;
            }
        }
        Ok(())
    }

    async fn remove(&mut self, consumer: &str) -> RedisResult<()> {
        let mut remove = cmd("XGROUP");
        remove.arg("DELCONSUMER").arg(SENDS).arg(GROUP).arg(consumer);
        let lost: u64 = remove.query_async(&mut self.connection).await?;
        if lost > 0 {
            tracing::error!(lost, "a consumer was removed with entries pending; they stay in vigie:sends");
        }
        Ok(())
    }

    fn xclaim(&self, idle: Duration) -> Cmd {
        let mut claim = cmd("XCLAIM");
        claim.arg(SENDS).arg(GROUP).arg(&self.consumer).arg(millis(idle));
        claim
    }

    async fn ask(&mut self, command: &Cmd) -> RedisResult<Value> {
        command.query_async(&mut self.connection).await
    }
}

/// Whole milliseconds, as Redis takes them.
fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
