//! The body of the request: first only what the gateway needs to know whether it can read the feed, the rest when it
//! has said so. Otherwise its refusal could be lost behind what it does not read any more.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::{mpsc, oneshot};

/// The gateway decides with this many bytes.
const FIRST: usize = 64 * 1024;

/// Pieces of a file as a body.
pub(super) struct Pieces {
    source: mpsc::Receiver<io::Result<Bytes>>,
    sent: usize,
    /// Comes when the gateway has answered.
    answered: Option<oneshot::Receiver<()>>,
}

impl Pieces {
    pub(super) fn new(source: mpsc::Receiver<io::Result<Bytes>>, answered: oneshot::Receiver<()>) -> Self {
        Self { source, sent: 0, answered: Some(answered) }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.sent >= FIRST
            && let Some(answered) = &mut self.answered
        {
            if Pin::new(answered).poll(context).is_pending() {
                return Poll::Pending;
            }
            self.answered = None;
        }
        self.source.poll_recv(context).map(|piece| {
            piece.map(|piece| {
                piece.map(|bytes| {
                    self.sent += bytes.len();
                    Frame::data(bytes)
                })
            })
        })
    }
}
