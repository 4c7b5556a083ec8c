//! An import as a request and its answer.

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use super::Shared;
use super::ends::{Gone, Piece, Sink, Source};
use super::request::Wish;
use super::run::Import;
use crate::api::Problem;
use crate::api::guard::Seat;
use crate::api::ndjson::{Answers, Frame, Reader, answers};
use crate::feeds::{Form, Refusal, Report};

/// Answers an import while it runs. It runs in a task of its own, so that what was handed to the store is finished also
/// when the client has gone.
///
/// # Errors
/// 422 if the feed as a whole cannot be read.
pub(super) async fn respond(
    shared: Arc<Shared>,
    wish: Wish,
    body: Body,
    seat: Seat,
    room: OwnedSemaphorePermit,
) -> Result<Response, Problem> {
    let (tracker, shutdown) = (seat.tasks.tracker.clone(), seat.tasks.shutdown.clone());
    let mut source = Reader::new(body, shutdown);
    let import = Import::open(shared, wish.job, &mut source).await;
    let import = import.map_err(|unreadable| Problem::field("", unreadable.0))?;
    let (answers, stream) = answers((seat, room));
    let mut said = Telling { answers, originals: wish.originals, told: Vec::new() };
    tracker.spawn(async move {
        let report = import.run(&mut source, &mut said).await;
        if said.tell(&json!({ "report": report })).await.is_ok() && said.flush().await.is_ok() {
            said.answers.complete();
        }
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::new(stream)).into_response())
}

#[async_trait]
impl Source for Reader {
    async fn next(&mut self) -> Piece {
        match Reader::next(self).await {
            Frame::Data(bytes) => Piece::Data(bytes),
            Frame::Pause => Piece::Pause,
            Frame::End => Piece::End,
            Frame::Broken => {
                Piece::Broken("the feed ends before it is complete, or the gateway stops".into())
            }
        }
    }
}

/// Tells the client, some lines at a time.
struct Telling {
    answers: Answers<(Seat, OwnedSemaphorePermit)>,
    originals: bool,
    told: Vec<u8>,
}

impl Telling {
    async fn tell(&mut self, what: &impl Serialize) -> Result<(), Gone> {
        // Plain data: it cannot fail.
        let _ = serde_json::to_writer(&mut self.told, what);
        self.told.push(b'\n');
        if self.told.len() >= 64 * 1024 { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        let told = Bytes::from(std::mem::take(&mut self.told));
        self.answers.send(told).await.map_err(|_| Gone("nobody reads the answers".into()))
    }
}

#[async_trait]
impl Sink for Telling {
    async fn form(&mut self, form: &Form) -> Result<(), Gone> {
        self.tell(&json!({ "source": form })).await?;
        self.flush().await
    }

    async fn refused(&mut self, refusal: Refusal) -> Result<(), Gone> {
        if self.originals { self.tell(&refusal).await } else { self.tell(&refusal.bare()).await }
    }

    async fn done(&mut self, so_far: &Report) -> Result<(), Gone> {
        self.tell(&json!({ "done": so_far })).await?;
        self.flush().await
    }
}
