//! A whole gateway for the length of one command: free ports, a directory that goes away.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use tempfile::TempDir;

use super::{Exit, Failure};
use crate::app::{Gateway, Sockets};
use crate::clock::Clock;
use crate::config::{Config, StoreUrl};
use crate::redact::Secret;
use crate::secrets;

/// A free port on loopback.
pub(super) const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Variables `VIGIE__SECTION__KEY` with their values.
pub(super) type Variables = Vec<(OsString, OsString)>;

/// A running gateway that nothing is left of.
pub(super) struct Scratch {
    /// The gateway.
    pub(super) gateway: Gateway,
    /// Its operator's key.
    pub(super) key: Secret,
    /// Where its sends are.
    pub(super) store: StoreUrl,
    directory: TempDir,
}

impl Scratch {
    /// Starts a gateway with the default configuration and these variables; its mails go to `relay`, or else to an outbox
    /// in its directory. In a store of others it is a guest.
    pub(super) async fn start(relay: Option<String>, variables: Variables) -> Result<Self, Failure> {
        let directory = tempfile::Builder::new().prefix("vigie-").tempdir().map_err(no_room)?;
        let config = configuration(relay, variables, directory.path())?;
        let prepared = secrets::prepare(&config.data.dir, &secrets::owners(&config), None)?;
        let key = prepared.operator.text.clone();
        let store = config.store.url.clone();
        // The whole configuration is in that future.
        let gateway = Box::pin(Gateway::start(config, prepared, Clock::system(), Sockets::none())).await?;
        Ok(Self { gateway, key, store, directory })
    }

    /// Stops the gateway and removes its directory.
    pub(super) async fn end(self) -> Result<(), Failure> {
        self.gateway.stop().await;
        self.directory.close().map_err(no_room)
    }
}

fn configuration(relay: Option<String>, variables: Variables, directory: &Path) -> Result<Config, Failure> {
    let mut config = Config::load(&[], variables)?;
    config.store.guest = true;
    directory.clone_into(&mut config.data.dir);
    config.edge.listen = ANYWHERE;
    config.api.listen = ANYWHERE;
    config.ops.listen = ANYWHERE;
    config.relay.url = relay.unwrap_or(config.relay.url);
    Ok(config)
}

#[expect(clippy::needless_pass_by_value, reason = "used as a function for map_err")]
fn no_room(error: std::io::Error) -> Failure {
    Failure::new(Exit::Unavailable, format!("a temporary directory is needed, but: {error}"))
}
