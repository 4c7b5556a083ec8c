//! `vigie ready`: whether the gateway of this configuration takes work, where there is no other client to ask it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hyper::StatusCode;
use tokio::time::timeout;

use super::http::Client;
use super::{Exit, Failure, print};
use crate::config::Config;

/// How long a gateway may take to answer: longer than its store may take to answer it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks `/readyz` of `ops.listen`.
pub(super) async fn run(config: &Config) -> Result<(), Failure> {
    let at = here(config.ops.listen);
    let not_ready = |why: String| Failure::new(Exit::Unavailable, why);
    let asked = async { Client::connect(at, None).await?.get("/readyz").await };
    let answer = timeout(PATIENCE, asked).await;
    let answer = answer.map_err(|_| not_ready(format!("no answer from {at} within {PATIENCE:?}")))?;
    let answer = answer.map_err(|error| not_ready(error.to_string()))?;
    let said = String::from_utf8_lossy(&answer.body);
    match answer.status {
        StatusCode::OK => print(&format!("{}\n", said.trim())),
        _ => Err(not_ready(format!("not ready: {}", said.trim()))),
    }
}

/// Where this machine reaches a listener that may be on all of its addresses.
fn here(listen: SocketAddr) -> SocketAddr {
    let address = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        named => named,
    };
    SocketAddr::new(address, listen.port())
}
