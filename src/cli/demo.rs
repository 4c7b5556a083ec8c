//! `vigie demo`: the whole product in one process, with nothing installed and nothing left behind.
//!
//! Starts a real gateway (embedded store unless `VIGIE__STORE__…` names another, real listeners on free ports) beside a mail [`sink`], queues letters
//! through the API, plays the mail clients of the people written to, and shows each letter going out with its
//! latency, from the moment the pixel was asked for to the moment the sink had answered 250.

mod show;
pub mod sink;
mod story;

use std::ffi::OsString;

use tokio::sync::mpsc;

use super::scratch::{ANYWHERE, Scratch, Variables};
use super::{Exit, Failure};

use sink::{Sink, Taken};
use story::Story;

/// Runs the demonstration.
pub(super) async fn run() -> Result<(), Failure> {
    let sink = Sink::start(ANYWHERE).await;
    let (sink, mails) =
        sink.map_err(|error| Failure::new(Exit::Unavailable, format!("no port for the sink: {error}")))?;
    let relay = Some(format!("smtp://{}?tls=none", sink.address()));
    let scratch = Scratch::start(relay, variables_of_the_store()).await?;
    let told = tell(&scratch, mails).await;
    scratch.end().await?;
    told
}

async fn tell(scratch: &Scratch, mails: mpsc::Receiver<Taken>) -> Result<(), Failure> {
    let mut story = Story::new(scratch.gateway.addresses(), scratch.key.expose(), mails).await?;
    let told = story.tell(&scratch.store).await;
    // The store may be one that stays.
    let forgotten = story.forget().await;
    told.and(forgotten)
}

/// What the environment says about the store, and of nothing else.
fn variables_of_the_store() -> Variables {
    let ours = |name: &OsString| name.to_string_lossy().to_ascii_lowercase().starts_with("vigie__store__");
    std::env::vars_os().filter(|(name, _)| ours(name)).collect()
}
