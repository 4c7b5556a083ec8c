//! Bulk requests: one JSON object per line in, one answer per line out, in the same order, in bounded memory.
//!
//! A line that is torn, too long or wrong is answered with its problem and its number; the others live. Lines are
//! handed on in batches: when a batch is full, and whenever the client has nothing more to read right now, so a slow
//! stream is answered line by line and a fast one at the speed of the store. Answers go out while the body is still
//! being read; a client that sends more than some 15 000 lines must read them meanwhile, or both sides wait and we give
//! up first. That makes bulk requests heavier than others, so only a few of them are served at the same time.

mod split;
mod stream;

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::sync::OwnedSemaphorePermit;

use super::guard::Seat;
use super::{Limits, Problem};
use split::{Line, Splitter};
pub(super) use stream::{Answers, Frame, Reader, answers};

/// A batch is handed on when its lines have this many bytes together.
const BATCH_BYTES: usize = 1024 * 1024;

/// What is known of a line that was refused, and why it was.
pub(super) type Refused = (Map<String, Value>, Problem);

/// The answer to one line: status and members of the answer, or what is known of the line and its problem.
pub(super) type Answer = Result<(StatusCode, Map<String, Value>), Refused>;

/// What is done with lines.
#[async_trait]
pub(super) trait Work: Send + Sync + 'static {
    /// A line that was understood.
    type Item: Send;

    /// Understands one line, without I/O; a problem is this line's answer.
    fn read(&self, line: &[u8]) -> Result<Self::Item, Refused>;

    /// Does a batch, answering each item in order.
    async fn finish(&self, items: Vec<Self::Item>) -> Vec<Answer>;
}

/// Answers a bulk request with a stream. The work runs in a task of its own, so that what was handed to the store
/// is finished also when the client has gone.
///
/// # Errors
/// 503 if there are enough bulk requests already.
pub(super) fn respond<W: Work>(work: W, body: Body, seat: Seat) -> Result<Response, Problem> {
    let permit = seat.bulk()?;
    let reader = Reader::new(body, seat.tasks.shutdown.clone());
    let (limits, tracker) = (seat.limits, seat.tasks.tracker.clone());
    let (answers, stream) = answers((seat, permit));
    let bulk = Bulk { work, limits, batch: Batch::default(), answers };
    tracker.spawn(bulk.run(reader));
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::new(stream)).into_response())
}

/// What a bulk request occupies until its last answer is read.
type Place = (Seat, OwnedSemaphorePermit);

/// One bulk request under way.
struct Bulk<W: Work> {
    work: W,
    limits: Limits,
    batch: Batch<W::Item>,
    answers: Answers<Place>,
}

/// Lines read but not yet done.
struct Batch<I> {
    lines: Vec<(u64, Result<I, Refused>)>,
    bytes: usize,
}

impl<I> Default for Batch<I> {
    fn default() -> Self {
        Self { lines: Vec::new(), bytes: 0 }
    }
}

/// The client has gone: nobody reads answers any more.
pub(in crate::api) struct Gone;

impl<W: Work> Bulk<W> {
    /// Reads to the end. Ends the answers properly only if every line was answered.
    async fn run(mut self, mut reader: Reader) {
        let mut splitter = Splitter::new(self.limits.max_line);
        loop {
            let frame = reader.next().await;
            let went_well = match frame {
                Frame::Data(bytes) => self.take(&mut splitter, &bytes).await,
                Frame::Pause => self.flush().await,
                Frame::End => {
                    let ended = self.end(splitter).await;
                    if ended.is_ok() {
                        self.answers.complete();
                    }
                    return;
                }
                Frame::Broken => {
                    // Complete lines live; the torn one behind them was never said.
                    let _ = self.flush().await;
                    return;
                }
            };
            if went_well.is_err() {
                return;
            }
        }
    }

    async fn take(&mut self, splitter: &mut Splitter, mut bytes: &[u8]) -> Result<(), Gone> {
        while let Some((line, rest)) = splitter.next(bytes) {
            bytes = rest;
            self.line(line);
            if self.batch.lines.len() >= self.limits.batch || self.batch.bytes >= BATCH_BYTES {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn end(&mut self, splitter: Splitter) -> Result<(), Gone> {
        if let Some(line) = splitter.end() {
            self.line(line);
        }
        self.flush().await
    }

    fn line(&mut self, line: Line) {
        let (number, read) = match line {
            Line::Whole(number, bytes) => {
                self.batch.bytes += bytes.len();
                (number, self.work.read(&bytes))
            }
            Line::TooLong(number) => {
                let detail = format!("line {number} is longer than {} bytes", self.limits.max_line);
                (number, Err((Map::new(), Problem::too_large(detail))))
            }
        };
        self.batch.lines.push((number, read));
    }

    /// Does what was read and answers it.
    async fn flush(&mut self) -> Result<(), Gone> {
        if self.batch.lines.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        let mut places = Vec::with_capacity(batch.lines.len());
        let mut items = Vec::new();
        for (number, read) in batch.lines {
            places.push((number, read.map(|item| items.push(item)).err()));
        }
        let mut done = self.work.finish(items).await.into_iter();
        let mut text = Vec::new();
        for (number, refused) in places {
            let answer = refused.map_or_else(|| done.next().unwrap_or_else(unanswered), Err);
            render(&mut text, number, answer);
        }
        self.answers.send(Bytes::from(text)).await
    }
}

/// For a batch that answered fewer items than it was given.
fn unanswered() -> Answer {
    Err((Map::new(), Problem::internal()))
}

fn render(text: &mut Vec<u8>, number: u64, answer: Answer) {
    let line = match answer {
        Ok((status, mut members)) => {
            members.insert("status".into(), status.as_u16().into());
            members
        }
        Err((mut members, problem)) => {
            members.insert("status".into(), problem.status().as_u16().into());
            members.insert("problem".into(), serde_json::to_value(problem).unwrap_or_default());
            members
        }
    };
    let numbered = serde_json::json!({ "line": number });
    let all: Map<String, Value> = numbered.as_object().cloned().into_iter().flatten().chain(line).collect();
    // Writing JSON made of maps into memory cannot fail.
    let _ = serde_json::to_writer(&mut *text, &all);
    text.push(b'\n');
}

/// One work shared by requests.
#[async_trait]
impl<W: Work> Work for Arc<W> {
    type Item = W::Item;

    fn read(&self, line: &[u8]) -> Result<Self::Item, Refused> {
        W::read(self, line)
    }

    async fn finish(&self, items: Vec<Self::Item>) -> Vec<Answer> {
        W::finish(self, items).await
    }
}
