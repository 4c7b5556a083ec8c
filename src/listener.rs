//! How the private listeners (API, operations) serve HTTP/1.1: bounded connections, bounded heads, patient but not
//! endless with slow peers, and a stop that lets answers under way be finished.
//!
//! The public edge has its own loop: it answers strangers and works under other limits.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections of each at the same time; beyond it new ones wait in the kernel's backlog.
pub const CONNECTIONS: usize = 1024;

/// Most bytes of a request's head, and of a body read at a time; larger heads get 431.
const MAX_HEAD: usize = 16 * 1024;

/// A head must arrive within this, an idle connection is closed after it, and a peer that acknowledges nothing we
/// send for so long is given up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// After a failed `accept` (usually: no file descriptors left), the next one is tried after this.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// When we stop, a connection that has not asked for anything yet has this long: its request may be on the way.
const LAST_CALL: Duration = Duration::from_secs(1);

/// Serves `router` on a bound socket until `shutdown`, then until the requests under way are answered.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        let (stream, permit) = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        connections.spawn(connection(stream, permit, router.clone(), shutdown.clone()));
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// The next connection, and the permit that counts it.
async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = Arc::clone(permits).acquire_owned().await.expect("this semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    _permit: OwnedSemaphorePermit,
    router: Router,
    shutdown: CancellationToken,
) {
    let socket = socket2::SockRef::from(&stream);
    if stream.set_nodelay(true).and_then(|()| socket.set_tcp_user_timeout(Some(PATIENCE))).is_err() {
        return; // The peer has gone already.
    }
    let asked = Arc::new(AtomicBool::new(false));
    let (heard, answer) = (Arc::clone(&asked), TowerToHyperService::new(router));
    let desk = service_fn(move |request| {
        heard.store(true, Ordering::Relaxed);
        answer.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), desk);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match timeout(LAST_CALL, connection.as_mut()).await {
                Ok(ended) => ended,
                Err(_) if asked.load(Ordering::Relaxed) => connection.await,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
