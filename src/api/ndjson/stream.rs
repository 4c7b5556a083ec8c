//! Both directions of a bulk request: the body as it arrives, the answers as they leave.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame as HttpFrame};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::Gone;
use crate::listener::PATIENCE;

/// Bytes of answers that may wait for the client to read them. Many clients write a whole body before they read
/// anything: this much (some 15 000 lines at the least) they may do so.
const ANSWERS_WAITING: u32 = 4 * 1024 * 1024;

/// What comes next from the client.
pub(in crate::api) enum Frame {
    /// Bytes.
    Data(Bytes),
    /// Nothing right now: a good moment to do what was read.
    Pause,
    /// The end, as announced.
    End,
    /// The client has gone, was silent for too long, or we are stopping.
    Broken,
}

/// The body as it arrives.
pub(in crate::api) struct Reader {
    body: Body,
    shutdown: CancellationToken,
    /// Whether the last frame was a pause, so that the next one is worth waiting for.
    paused: bool,
}

impl Reader {
    pub(in crate::api) fn new(body: Body, shutdown: CancellationToken) -> Self {
        Self { body, shutdown, paused: false }
    }

    /// The next frame. Answers [`Frame::Pause`] once before it would wait.
    pub(in crate::api) async fn next(&mut self) -> Frame {
        let paused = self.paused;
        let frame = tokio::select! {
            biased;
            () = self.shutdown.cancelled() => return Frame::Broken,
            frame = tokio::time::timeout(PATIENCE, self.body.frame()) => frame,
            () = std::future::ready(()), if !paused => {
                self.paused = true;
                return Frame::Pause;
            }
        };
        self.paused = false;
        match frame {
            Ok(Some(Ok(frame))) => frame.into_data().map_or(Frame::Pause, Frame::Data),
            Ok(None) => Frame::End,
            Ok(Some(Err(_))) | Err(_) => Frame::Broken,
        }
    }
}

/// Where answers are put.
pub(in crate::api) struct Answers<P> {
    waiting: mpsc::UnboundedSender<Message>,
    /// Bounds what waits, in bytes.
    room: Arc<Semaphore>,
    _place: Arc<P>,
}

/// What the stream is told.
enum Message {
    /// Some answers, and the room they take until they are written.
    Answers { bytes: Bytes, _room: OwnedSemaphorePermit },
    /// Every line was answered.
    Complete,
}

/// The answers as a response body: fails unless it was completed, so that a client cannot take a part for the whole.
pub(in crate::api) struct AnswerStream<P> {
    waiting: mpsc::UnboundedReceiver<Message>,
    complete: bool,
    _place: Arc<P>,
}

/// A bounded way for answers. The place is given up when both its ends are gone.
pub(in crate::api) fn answers<P>(place: P) -> (Answers<P>, AnswerStream<P>) {
    let (sender, waiting) = mpsc::unbounded_channel();
    let room = Arc::new(Semaphore::new(ANSWERS_WAITING as usize));
    let place = Arc::new(place);
    let answers = Answers { waiting: sender, room, _place: Arc::clone(&place) };
    (answers, AnswerStream { waiting, complete: false, _place: place })
}

impl<P> Answers<P> {
    /// Sends some answers, waiting for a client that reads slowly.
    pub(in crate::api) async fn send(&self, answers: Bytes) -> Result<(), Gone> {
        let bytes = u32::try_from(answers.len()).unwrap_or(u32::MAX).min(ANSWERS_WAITING);
        let room = Arc::clone(&self.room).acquire_many_owned(bytes);
        let permit = tokio::time::timeout(PATIENCE, room).await.map_err(|_| Gone)?.map_err(|_| Gone)?;
        self.waiting.send(Message::Answers { bytes: answers, _room: permit }).map_err(|_| Gone)
    }

    /// Says that every line was answered.
    pub(in crate::api) fn complete(self) {
        // A client that has gone does not care.
        let _ = self.waiting.send(Message::Complete);
    }
}

impl<P> HttpBody for AnswerStream<P> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<HttpFrame<Bytes>, io::Error>>> {
        if self.complete {
            return Poll::Ready(None);
        }
        self.waiting.poll_recv(context).map(|message| match message {
            Some(Message::Answers { bytes, .. }) => Some(Ok(HttpFrame::data(bytes))),
            Some(Message::Complete) => {
                self.complete = true;
                None
            }
            None => Some(Err(io::Error::other("the request ended before every line was answered"))),
        })
    }
}
