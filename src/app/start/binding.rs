//! Where a gateway listens: on sockets that were passed, or on its own.

use std::net::SocketAddr;

use tokio::net::{TcpListener, UnixListener};

use super::super::{Addresses, Sockets, StartError};
use super::{Foundation, unavailable};
use crate::config::LmtpAddress;
use crate::edge::{Edge, Recorder, Unsubscriber};
use crate::lmtp;

/// The listeners, bound before anything can claim: an address in use must not leave half a gateway behind.
pub(super) struct Bound {
    pub(super) edge: Edge,
    /// Writes down who unsubscribes on the edge.
    pub(super) recorder: Recorder,
    pub(super) api: TcpListener,
    pub(super) ops: TcpListener,
    /// For mails that come back, where it is configured.
    pub(super) lmtp: Option<lmtp::Door>,
}

impl Foundation {
    /// Takes over the sockets that were passed, and binds the others.
    pub(super) async fn bind(&self, mut sockets: Sockets) -> Result<Bound, StartError> {
        let (edge, recorder) = self.edge(&mut sockets)?;
        let api = listen(&mut sockets, "api", self.config.api.listen).await?;
        let ops = listen(&mut sockets, "ops", self.config.ops.listen).await?;
        let lmtp = match &self.config.bounces.lmtp {
            None => None,
            Some(at) => Some(lmtp_door(&mut sockets, at).await?),
        };
        sockets.all_taken()?;
        Ok(Bound { edge, recorder, api, ops, lmtp })
    }

    fn edge(&self, sockets: &mut Sockets) -> Result<(Edge, Recorder), StartError> {
        let (unsubscriber, recorder) =
            Unsubscriber::new(self.brands.clone(), self.clock.clone(), &self.registry);
        let (config, registry) = (&self.config.edge, &self.registry);
        let passed = sockets.tcp("edge", config.listen);
        let edge = if passed.is_empty() {
            Edge::bind(config, self.tracker(), unsubscriber, registry)
        } else {
            Edge::on(&passed, config, self.tracker(), unsubscriber, registry)
        };
        Ok((edge.map_err(|error| not_bound("edge.listen", config.listen, &error))?, recorder))
    }
}

impl Bound {
    pub(super) fn addresses(&self) -> Result<Addresses, StartError> {
        let (api, ops) =
            (self.api.local_addr().map_err(unavailable)?, self.ops.local_addr().map_err(unavailable)?);
        Ok(Addresses { edge: self.edge.local_addr(), api, ops })
    }
}

async fn listen(sockets: &mut Sockets, name: &str, at: SocketAddr) -> Result<TcpListener, StartError> {
    let bound = match sockets.one_tcp(name, at) {
        Some(passed) => TcpListener::from_std(passed),
        None => TcpListener::bind(at).await,
    };
    bound.map_err(|error| not_bound(&format!("{name}.listen"), at, &error))
}

async fn lmtp_door(sockets: &mut Sockets, at: &LmtpAddress) -> Result<lmtp::Door, StartError> {
    let passed = match at {
        LmtpAddress::Tcp(address) => {
            let passed = sockets.one_tcp("lmtp", *address).map(TcpListener::from_std);
            passed.map(|socket| socket.map(lmtp::Door::Tcp))
        }
        LmtpAddress::Unix(path) => {
            let passed = sockets.one_unix("lmtp", path).map(UnixListener::from_std);
            passed.map(|socket| socket.map(lmtp::Door::Unix))
        }
    };
    let bound = match passed {
        Some(door) => door,
        None => lmtp::Door::bind(at).await,
    };
    bound.map_err(|error| not_bound("bounces.lmtp", at, &error))
}

fn not_bound(key: &str, at: impl std::fmt::Display, error: &std::io::Error) -> StartError {
    StartError::Unavailable(format!("{key} = \"{at}\" cannot be bound: {error}"))
}
