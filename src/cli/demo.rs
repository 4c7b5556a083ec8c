//! `vigie demo`: the whole product in one process, with nothing installed and nothing left behind.
//!
//! Starts a real gateway (embedded store, real listeners on free ports) beside a mail [`sink`], queues letters
//! through the API, plays the mail clients of the people written to, and shows each letter going out with its
//! latency, from the moment the pixel was asked for to the moment the sink had answered 250.

mod show;
pub mod sink;
mod story;

use std::net::{Ipv4Addr, SocketAddr};

use super::exit::Exit;
use crate::app::Gateway;
use crate::clock::Clock;
use crate::config::Config;
use crate::secrets::Secrets;

use sink::Sink;
use story::Story;

/// A free port on loopback.
const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Runs the demonstration.
pub async fn run() -> Result<(), Exit> {
    let directory = tempfile::Builder::new()
        .prefix("vigie-demo-")
        .tempdir()
        .map_err(|error| Exit::unavailable(format!("no temporary directory: {error}")))?;
    let unavailable = |error: &dyn std::fmt::Display| Exit::unavailable(error.to_string());
    let (sink, mails) = Sink::start(ANYWHERE).await.map_err(|error| unavailable(&error))?;
    let config = configuration(&sink, directory.path());
    let secrets = Secrets::open(&config).map_err(|error| unavailable(&error))?;
    let operator_key = secrets.operator_key().expose().to_owned();
    let gateway = Gateway::start(config, secrets, Clock::system()).await?;
    let told = Story::new(gateway.addresses, &operator_key, mails).await;
    let told = match told {
        Ok(mut story) => story.tell().await,
        Err(error) => Err(error),
    };
    gateway.stop().await;
    told
}

/// The default configuration, on free ports, with the sink as relay and everything else in a directory that goes away.
fn configuration(sink: &Sink, directory: &std::path::Path) -> Config {
    let mut config = Config::embedded();
    directory.clone_into(&mut config.data.dir);
    config.edge.listen = ANYWHERE;
    config.api.listen = ANYWHERE;
    config.ops.listen = ANYWHERE;
    config.relay.url = format!("smtp://{}?tls=none", sink.address());
    config
}
