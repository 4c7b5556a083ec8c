//! One thread's life: accept, serve, drain.

use std::io;
use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::aside::Aside;
use super::client::{Peer, Proxies};
use super::connection::{self, LAST_CALL};
use super::introduction::{self, Speaker};
use super::limits::{Guest, Limits};
use super::metrics::Metrics;
use super::origins::Origins;
use super::tracker::Tracker;
use super::unsubscribe::Unsubscriber;
use crate::config::{self, ProxyProtocol};
use crate::telemetry::Registry;

/// Between two attempts to accept when the process has no file or memory left for a connection.
const BACK_OFF: Duration = Duration::from_millis(100);

/// hyper's own floor for its read buffer.
const SMALLEST_BUFFER: usize = 8192;

/// What all threads of the edge share.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) tracker: Arc<Tracker>,
    pub(super) aside: Aside,
    pub(super) unsubscriber: Unsubscriber,
    pub(super) proxies: Proxies,
    pub(super) origins: Origins,
    pub(super) metrics: Metrics,
    pub(super) max_target: usize,
    limits: Arc<Limits>,
    pub(super) patience: Duration,
    drain: Duration,
    pub(super) http: http1::Builder,
    introductions: ProxyProtocol,
}

impl Door {
    pub(super) fn new(
        config: &config::Edge,
        tracker: Arc<Tracker>,
        unsubscriber: Unsubscriber,
        aside: Aside,
        registry: &Registry,
    ) -> Self {
        let mut http = http1::Builder::new();
        // The pulse of each connection does what hyper's own timer would, once per connection.
        http.header_read_timeout(None).max_buf_size(config.max_head.max(SMALLEST_BUFFER));
        http.max_header_size(config.max_head);
        // Answers are small: copying 43 bytes behind the head is cheaper than a vectored write.
        http.writev(false);
        Self {
            tracker,
            aside,
            unsubscriber,
            proxies: Proxies::new(config),
            origins: Origins::new(&config.origins),
            metrics: Metrics::new(registry),
            max_target: config.max_target,
            limits: Arc::new(Limits::new(config.max_connections, config.max_connections_per_address)),
            patience: config.header_timeout,
            drain: config.request_timeout,
            http,
            introductions: config.proxy_protocol,
        }
    }

    /// Whether a connection from this address may introduce another: where nobody is trusted by name, all are.
    fn may_introduce(&self, address: IpAddr) -> bool {
        !self.proxies.any_trusted() || self.proxies.trust(address)
    }
}

/// Accepts and serves on one socket until `stop`, then drains.
pub(super) async fn serve(listener: TcpListener, door: Arc<Door>, stop: CancellationToken) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let connections = TaskTracker::new();
    accept_all(&listener, &door, &connections, &stop).await;
    drop(listener);
    connections.close();
    if timeout(door.drain, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "closing connections that did not finish in time");
    }
    Ok(())
}

/// Accepts one connection after the other until `stop`. A thread that waits for a permit holds one connection and leaves
/// the rest to the kernel; it takes no permit before it has one, or idle threads would keep permits from busy ones. What
/// was accepted is served, whatever comes meanwhile: when we stop, permits are free soon.
async fn accept_all(
    listener: &tokio::net::TcpListener,
    door: &Arc<Door>,
    connections: &TaskTracker,
    stop: &CancellationToken,
) {
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) if door.introductions == ProxyProtocol::Off => {
                match door.limits.admit(peer.ip()) {
                    Some(guest) => {
                        let places = (guest, door.limits.any().await);
                        let peer = door.proxies.peer(Some(peer.ip()));
                        connections.spawn(entertain(stream, peer, places, Arc::clone(door), stop.clone()));
                    }
                    None => door.metrics.crowded.inc(),
                }
            }
            Ok((stream, peer)) if door.may_introduce(peer.ip()) => {
                let permit = door.limits.any().await;
                connections.spawn(introduce(stream, peer.ip(), permit, Arc::clone(door), stop.clone()));
            }
            Ok(_) => door.metrics.unintroduced.inc(),
            Err(error) if gone(&error) => {}
            Err(error) => {
                door.metrics.accept_failed.inc();
                tracing::warn!(%error, "cannot accept a connection");
                sleep(BACK_OFF).await;
            }
        }
    }
}

/// Hears from a load balancer who speaks on this connection, and serves it if there is room for that one.
async fn introduce(
    mut stream: TcpStream,
    balancer: IpAddr,
    permit: OwnedSemaphorePermit,
    door: Arc<Door>,
    stop: CancellationToken,
) {
    let introduction = timeout(door.patience, introduction::read(&mut stream, door.introductions));
    let speaker = tokio::select! {
        biased;
        heard = introduction => match heard {
            Ok(Ok(speaker)) => speaker,
            _ => return door.metrics.unintroduced.inc(),
        },
        () = last_call(&stop) => return,
    };
    let (address, peer) = match speaker {
        Speaker::Client(address) => (address, door.proxies.peer(Some(address))),
        Speaker::Balancer => (balancer, door.proxies.peer(Some(balancer))),
        Speaker::Unknown => (balancer, door.proxies.peer(None)),
    };
    match door.limits.admit(address) {
        Some(guest) => entertain(stream, peer, (guest, permit), door, stop).await,
        None => door.metrics.crowded.inc(),
    }
}

/// Serves one connection; its places are free again however that ends.
async fn entertain(
    stream: TcpStream,
    peer: Peer,
    places: (Guest, OwnedSemaphorePermit),
    door: Arc<Door>,
    stop: CancellationToken,
) {
    let _counted = door.metrics.connection();
    connection::serve(stream, peer, &door, stop).await;
    drop(places);
}

/// When nobody may begin to speak any more.
async fn last_call(stop: &CancellationToken) {
    stop.cancelled().await;
    sleep(LAST_CALL).await;
}

/// Whether an error of `accept` is one connection's own: the client left before we came.
fn gone(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
