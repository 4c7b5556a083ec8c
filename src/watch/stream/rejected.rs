//! `vigie:sends:rejected`: what was refused, with its problem, where its producer can read it.
//!
//! It holds the send as it came, address and all: the producer's own data in the producer's own Redis, never logged, and
//! gone after a week. While it
//! cannot be written (its server of a cluster is away, Redis has no memory) nothing new is read: what was refused must not
//! be lost either.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisResult, cmd};

use super::entry::Entry;
use super::link::{PATIENCE, Servers};
use super::{REJECTED, Verdict};

/// Rejections that are kept, about; older ones make room.
const KEPT: usize = 100_000;

/// And for so long: they hold addresses, and `forget` does not reach them.
const KEPT_FOR: Duration = Duration::from_hours(7 * 24);

/// An entry without the field `send`.
const NO_SEND: &str = r#"{"type":"urn:vigie:problem:invalid-field","title":"Unprocessable Entity","status":422,"detail":"the entry has no field `send`; XADD vigie:sends * send <JSON>","field":"send"}"#;

/// An entry that was delivered too often.
pub(super) const GAVE_UP: &str = r#"{"type":"urn:vigie:problem:gave-up","title":"Internal Server Error","status":500,"detail":"every attempt at this entry ended before it was decided, most likely by its own content; nothing is known about its effect, look it up and push it again"}"#;

/// What an entry without a send gets.
pub(super) fn no_send() -> Verdict {
    Verdict::Rejected(NO_SEND.to_owned())
}

/// The stream of rejections. In a cluster it may live on another server than the sends; its connection is opened when it is
/// needed.
pub(super) struct Rejected {
    servers: Servers,
    connection: Option<MultiplexedConnection>,
}

impl Rejected {
    pub(super) fn new(servers: Servers) -> Self {
        Self { servers, connection: None }
    }

    /// Writes these down; only then may their entries be acknowledged.
    pub(super) async fn put(&mut self, refused: &[(Entry, String)]) -> RedisResult<()> {
        if refused.is_empty() {
            return Ok(());
        }
        let mut connection = self.connect().await?;
        let mut all = redis::pipe();
        for (entry, problem) in refused {
            let send = entry.send.as_deref().unwrap_or_default();
            all.cmd("XADD").arg(REJECTED).arg("MAXLEN").arg("~").arg(KEPT).arg("*");
            all.arg("id").arg(&entry.id).arg("problem").arg(problem).arg("send").arg(send).ignore();
        }
        all.exec_async(&mut connection).await?;
        self.connection = Some(connection);
        Ok(())
    }

    /// Removes what has been kept for long enough, by the server's own time, which the ids are made of.
    pub(super) async fn expire(&mut self) -> RedisResult<()> {
        let mut connection = self.connect().await?;
        let (seconds, _): (u64, u64) = cmd("TIME").query_async(&mut connection).await?;
        let oldest = 1000 * seconds.saturating_sub(KEPT_FOR.as_secs());
        // Not `~`, which would leave the last hundred for ever.
        let mut trim = cmd("XTRIM");
        trim.arg(REJECTED).arg("MINID").arg(oldest).exec_async(&mut connection).await?;
        self.connection = Some(connection);
        Ok(())
    }

    /// The connection, taken out; it is put back only if all went well: a failed one is not used again.
    async fn connect(&mut self) -> RedisResult<MultiplexedConnection> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => self.servers.owner_of(REJECTED, PATIENCE).await,
        }
    }
}
