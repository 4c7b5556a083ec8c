//! LMTP (RFC 2033): a mail server delivers here what comes back to brands' return paths.
//!
//! The peer is the operator's own mail server, yet what it brings was written by anybody: lines, mails, connections and
//! time are bounded, and nothing of a mail is shown or kept. It must never bounce a bounce, so whatever it brings is
//! taken: reports, forgeries, notices of absence, spam; [`Bounces`] tells them apart. Only while the store is away is a
//! mail refused for now (451), and the mail server keeps it and comes again.

mod lines;
mod session;

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bounces::Bounces;
use crate::config::LmtpAddress;
use session::{Peer, Session};

/// Connections at the same time; more wait in the kernel's backlog.
const CONNECTIONS: usize = 32;

/// After a failed `accept` (usually: no file descriptors left), the next one is tried after this.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// A bound socket.
pub enum Door {
    /// Of the network.
    Tcp(TcpListener),
    /// Of this machine.
    Unix(UnixListener),
}

impl Door {
    /// Binds it. A socket file that an earlier process left is replaced; everybody on the machine may connect, so the
    /// directory it is in says who can.
    ///
    /// # Errors
    /// The address is in use, or the directory is not there.
    pub async fn bind(address: &LmtpAddress) -> io::Result<Self> {
        match address {
            LmtpAddress::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp),
            LmtpAddress::Unix(path) => {
                remove_left(path).await?;
                let listener = UnixListener::bind(path)?;
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
                Ok(Self::Unix(listener))
            }
        }
    }

    async fn accept(&self) -> io::Result<Peer> {
        Ok(match self {
            Self::Tcp(listener) => Box::pin(listener.accept().await?.0),
            Self::Unix(listener) => Box::pin(listener.accept().await?.0),
        })
    }
}

/// Removes a socket at which nobody listens any more.
async fn remove_left(path: &Path) -> io::Result<()> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    if is_socket && tokio::net::UnixStream::connect(path).await.is_err() {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

/// Takes mails in until `stop`, then until those under way are answered.
pub async fn serve(door: Door, bounces: Bounces, stop: CancellationToken) {
    let (permits, sessions) = (Arc::new(Semaphore::new(CONNECTIONS)), TaskTracker::new());
    while let Some((peer, permit)) = stop.run_until_cancelled(next(&door, &permits)).await {
        let session = Session::new(peer, bounces.clone(), stop.clone());
        sessions.spawn(async move {
            // The mail server comes again with whatever was not answered.
            let _ = session.run().await;
            drop(permit);
        });
    }
    drop(door);
    sessions.close();
    sessions.wait().await;
}

/// The next connection, and the permit that counts it.
async fn next(door: &Door, permits: &Arc<Semaphore>) -> (Peer, OwnedSemaphorePermit) {
    let permit = Arc::clone(permits).acquire_owned().await.expect("this semaphore is never closed");
    loop {
        match door.accept().await {
            Ok(peer) => return (peer, permit),
            Err(error) => {
                tracing::warn!(%error, "cannot accept an LMTP connection");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}
