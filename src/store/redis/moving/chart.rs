//! The servers as they are now. A cursor of `SCAN` means something to one run of one server only, and all that was
//! scanned was scanned in vain if keys have moved behind one's back: so places in a scan carry a mark of both.

use sha2::{Digest, Sha256};

use crate::store::StoreError;
use crate::store::redis::Inner;
use crate::store::redis::reply::damaged;
use crate::store::redis::router::{Lane, Server};

/// The servers.
pub(super) struct Chart {
    /// In an order that stays while the mark does.
    pub(super) servers: Vec<Server>,
    /// Another one for other servers, for a server that was restarted, and for partitions that have moved.
    pub(super) mark: u64,
}

impl Inner {
    /// Asks all servers who they are.
    pub(super) async fn chart(&self) -> Result<Chart, StoreError> {
        let mut servers = self.router.servers().await?;
        servers.sort_by_key(Server::name);
        let mut hash = Sha256::new();
        for server in &servers {
            let mut info = redis::cmd("INFO");
            info.arg("server");
            let info = self.router.call_on(server, Lane::Control, &info).await?;
            let info: String =
                redis::from_redis_value(info).map_err(|_| damaged("what it says of itself"))?;
            let run = info.lines().find_map(|line| line.strip_prefix("run_id:")).unwrap_or_default();
            hash.update(server.name());
            hash.update(run);
        }
        for partition in self.partitions.all() {
            hash.update(self.router.owner(partition.place).map(|server| server.name()).unwrap_or_default());
        }
        let mark = hash.finalize().first_chunk().copied().unwrap_or_default();
        Ok(Chart { servers, mark: u64::from_be_bytes(mark) })
    }
}
