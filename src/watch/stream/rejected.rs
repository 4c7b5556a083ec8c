//! `vigie:sends:rejected`: what was refused, with its problem, where its producer can read it.
//!
//! It holds the send as it came, address and all: the producer's own data in the producer's own Redis, never logged. While it
//! cannot be written (its server of a cluster is away, Redis has no memory) nothing new is read: what was refused must not
//! be lost either.

use redis::RedisResult;
use redis::aio::MultiplexedConnection;

use super::entry::Entry;
use super::link::{PATIENCE, Servers};
use super::{REJECTED, Verdict};

/// Rejections that are kept, about; older ones make room.
const KEPT: usize = 100_000;

/// An entry without the field `send`.
const NO_SEND: &str = r#"{"type":"urn:vigie:problem:invalid-field","title":"Unprocessable Entity","status":422,"detail":"the entry has no field `send`; XADD vigie:sends * send <JSON>","field":"send"}"#;

/// An entry that was delivered too often.
pub(super) const GAVE_UP: &str = r#"{"type":"urn:vigie:problem:gave-up","title":"Internal Server Error","status":500,"detail":"every attempt at this entry ended before it was decided, most likely by its own content; nothing is known about its effect, look it up and push it again"}"#;

/// What an entry without a send gets.
pub(super) fn no_send() -> Verdict {
    Verdict::Rejected(NO_SEND.to_owned())
}

/// The stream of rejections. In a cluster it may live on another server than the sends; its connection is opened by the
/// first rejection.
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
        // Taken out, and put back only if all went well: a failed connection is not used again.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.servers.owner_of(REJECTED, PATIENCE).await?,
        };
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
}
