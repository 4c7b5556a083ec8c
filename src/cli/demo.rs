//! `vigie demo`: the whole product in one process, with nothing installed and nothing left behind.
//!
//! Starts a real gateway (embedded store, real listeners on free ports) beside a mail [`sink`], queues letters
//! through the API, plays the mail clients of the people written to, and shows each letter going out with its
//! latency, from the moment the pixel was asked for to the moment the sink had answered 250.

mod show;
pub mod sink;
mod story;

use tokio::sync::mpsc;

use super::scratch::{ANYWHERE, Scratch};
use super::{Exit, Failure};

use sink::{Sink, Taken};
use story::Story;

/// Runs the demonstration.
pub(super) async fn run() -> Result<(), Failure> {
    let sink = Sink::start(ANYWHERE).await;
    let (sink, mails) =
        sink.map_err(|error| Failure::new(Exit::Unavailable, format!("no port for the sink: {error}")))?;
    let scratch = Scratch::start(Some(format!("smtp://{}?tls=none", sink.address()))).await?;
    let told = tell(&scratch, mails).await;
    scratch.end().await?;
    told
}

async fn tell(scratch: &Scratch, mails: mpsc::Receiver<Taken>) -> Result<(), Failure> {
    Story::new(scratch.gateway.addresses(), scratch.key.expose(), mails).await?.tell().await
}
