//! Both directions of a bulk request: the body as it arrives, the answers as they leave.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame as HttpFrame};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Gone;
use crate::listener::PATIENCE;

/// Batches of answers that may wait for the client to read them.
const ANSWERS_WAITING: usize = 16;

/// What comes next from the client.
pub(super) enum Frame {
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
pub(super) struct Reader {
    body: Body,
    shutdown: CancellationToken,
    /// Whether the last frame was a pause, so that the next one is worth waiting for.
    paused: bool,
}

impl Reader {
    pub(super) fn new(body: Body, shutdown: CancellationToken) -> Self {
        Self { body, shutdown, paused: false }
    }

    /// The next frame. Answers [`Frame::Pause`] once before it would wait.
    pub(super) async fn next(&mut self) -> Frame {
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
pub(super) struct Answers(mpsc::Sender<Option<Bytes>>);

/// The answers as a response body: fails unless it was completed, so that a client cannot take a part for the whole.
pub(super) struct AnswerStream {
    waiting: mpsc::Receiver<Option<Bytes>>,
    complete: bool,
}

/// A bounded way for answers.
pub(super) fn answers() -> (Answers, AnswerStream) {
    let (sender, waiting) = mpsc::channel(ANSWERS_WAITING);
    (Answers(sender), AnswerStream { waiting, complete: false })
}

impl Answers {
    /// Sends some answers, waiting for a client that reads slowly.
    pub(super) async fn send(&self, answers: Bytes) -> Result<(), Gone> {
        self.0.send_timeout(Some(answers), PATIENCE).await.map_err(|_| Gone)
    }

    /// Says that every line was answered.
    pub(super) async fn complete(self) {
        // A client that has gone does not care.
        let _ = self.0.send_timeout(None, PATIENCE).await;
    }
}

impl HttpBody for AnswerStream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<HttpFrame<Bytes>, io::Error>>> {
        if self.complete {
            return Poll::Ready(None);
        }
        self.waiting.poll_recv(context).map(|answers| match answers {
            Some(Some(answers)) => Some(Ok(HttpFrame::data(answers))),
            Some(None) => {
                self.complete = true;
                None
            }
            None => Some(Err(io::Error::other("the request ended before every line was answered"))),
        })
    }
}
