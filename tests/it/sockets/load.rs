//! Mail clients that fetch pixels without a pause, and take no excuse.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use vigie::edge::GIF;

use crate::support::gateway::IPHONE;
use crate::support::wait::{SOON, wait_until};

/// Clients that connect anew for each pixel.
const STRANGERS: usize = 6;

/// Clients that keep their connection for as long as they may.
const REGULARS: usize = 4;

type Sender = SendRequest<Full<Bytes>>;

/// A load that has begun. An error of any client fails the test at [`end`](Self::end).
pub(super) struct Load {
    clients: JoinSet<Result<(), String>>,
    pixels: Arc<AtomicU64>,
    enough: Arc<AtomicBool>,
}

impl Load {
    pub(super) fn start(edge: SocketAddr, pixel: &str) -> Load {
        let (pixels, enough) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut clients = JoinSet::new();
        for number in 0..STRANGERS + REGULARS {
            let (pixel, pixels, enough) = (pixel.to_owned(), Arc::clone(&pixels), Arc::clone(&enough));
            clients.spawn(async move {
                let mut kept = None;
                while !enough.load(Ordering::Relaxed) {
                    kept = fetch(edge, &pixel, kept).await?.filter(|_| number >= STRANGERS);
                    pixels.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            });
        }
        Load { clients, pixels, enough }
    }

    /// Waits until so many more pixels were answered.
    pub(super) async fn reaches(&self, more: u64) {
        let aim = self.pixels.load(Ordering::Relaxed) + more;
        wait_until("pixels are answered", SOON, async || {
            (self.pixels.load(Ordering::Relaxed) >= aim).then_some(())
        })
        .await;
    }

    /// Ends it; every pixel must have been answered.
    pub(super) async fn end(mut self) {
        self.enough.store(true, Ordering::Relaxed);
        while let Some(client) = self.clients.join_next().await {
            client.expect("no panic").expect("no client is refused, reset or answered otherwise");
        }
    }
}

/// Fetches the pixel, by the connection that was kept or by a new one, which is returned if it may be kept.
async fn fetch(edge: SocketAddr, pixel: &str, kept: Option<Sender>) -> Result<Option<Sender>, String> {
    let (mut sender, how) = match kept {
        Some(sender) => (sender, "kept"),
        None => (connect(edge).await?, "new"),
    };
    let failed = |error: hyper::Error| format!("on a {how} connection: {error:?}");
    sender.ready().await.map_err(failed)?;
    let request = Request::get(pixel).header(HOST, "t").header(USER_AGENT, IPHONE).body(Full::default());
    let answer = sender.send_request(request.expect("a valid request")).await.map_err(failed)?;
    let (head, body) = answer.into_parts();
    let body = body.collect().await.map_err(failed)?.to_bytes();
    if head.status != StatusCode::OK || body != GIF[..] {
        return Err(format!("on a {how} connection: {}", head.status));
    }
    Ok((!head.headers.contains_key(CONNECTION)).then_some(sender))
}

async fn connect(edge: SocketAddr) -> Result<Sender, String> {
    let stream = TcpStream::connect(edge).await.map_err(|error| format!("not connected: {error}"))?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    // What goes wrong on it is told to who asks.
    tokio::spawn(connection);
    Ok(sender)
}
