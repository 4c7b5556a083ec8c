//! From a name to a connection: look-up, TCP, TLS.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use socket2::{SockRef, TcpKeepalive};
use thiserror::Error;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::trouble::Trouble;
use crate::config::is_internal;

/// A silent peer is probed after this, so that a dead one is noticed before the next `IDLE`.
const KEEPALIVE: Duration = Duration::from_mins(2);

/// Unacknowledged bytes break the connection after this; the kernel would try for a quarter of an hour.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_mins(1);

/// Who may be connected to: whose certificates are trusted, and in which networks servers may be. Cheap to clone.
#[derive(Clone)]
pub struct Roots {
    tls: TlsConnector,
    /// Servers may only be where everybody can reach them.
    public_only: bool,
}

/// The file of additional roots cannot be used.
#[derive(Debug, Error)]
#[error("certificates cannot be read from {path}: {problem}")]
pub struct RootsError {
    path: String,
    problem: String,
}

impl Roots {
    /// The system's roots, and those in the PEM file `ca`.
    ///
    /// # Errors
    /// If the file cannot be read, or holds something else.
    pub fn load(ca: Option<&Path>) -> Result<Self, RootsError> {
        let mut roots = RootCertStore::empty();
        // A machine without roots can still have `ca`; without both, every handshake says what is missing.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = ca {
            let bad = |problem: String| RootsError { path: path.display().to_string(), problem };
            let certificates = CertificateDer::pem_file_iter(path).map_err(|error| bad(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| bad(error.to_string()))?;
                roots.add(certificate).map_err(|error| bad(error.to_string()))?;
            }
        }
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring offers a cipher suite for every default protocol version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)), public_only: false })
    }

    /// The same, but connecting to no server in a private network or on this machine, whatever its name says: names
    /// are given by others, and can change what they stand for.
    #[must_use]
    pub fn public_only(self) -> Self {
        Self { public_only: true, ..self }
    }

    /// Shakes hands before `end`; the certificate must be valid and name the host.
    pub(super) async fn handshake(
        &self,
        host: &str,
        stream: TcpStream,
        end: Instant,
    ) -> Result<TlsStream<TcpStream>, Trouble> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| Trouble::Tls(error.to_string()))?;
        let done = timeout_at(end, self.tls.connect(name, stream)).await;
        done.map_err(|_| Trouble::Timeout)?.map_err(|error| Trouble::Tls(error.to_string()))
    }

    /// Connects before `end`: each of the host's addresses in turn, sharing the time. If `only_here`, none but this
    /// machine's own.
    pub(super) async fn connect(
        &self,
        host: &str,
        port: u16,
        only_here: bool,
        end: Instant,
    ) -> Result<TcpStream, Trouble> {
        let found = self.find(host, port, only_here, end).await?;
        let mut problem = String::from("its name has no address");
        for (tried, address) in found.iter().enumerate() {
            let left = end.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(found.len() - tried).unwrap_or(1);
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    return tuned(stream).map_err(|error| Trouble::Unreachable(error.kind().to_string()));
                }
                Ok(Err(error)) => problem = error.kind().to_string(),
                Err(_) => problem = String::from("no answer in time"),
            }
        }
        Err(Trouble::Unreachable(problem))
    }

    /// The addresses of a host that may be connected to.
    async fn find(
        &self,
        host: &str,
        port: u16,
        only_here: bool,
        end: Instant,
    ) -> Result<Vec<SocketAddr>, Trouble> {
        let mut found: Vec<SocketAddr> = match timeout_at(end, lookup_host((host, port))).await {
            Ok(Ok(found)) => found.collect(),
            Ok(Err(_)) | Err(_) => Vec::new(),
        };
        if only_here && found.iter().any(|address| !address.ip().is_loopback()) {
            return Err(Trouble::Unsupported("without TLS only this machine itself is connected to"));
        }
        let known = !found.is_empty();
        found.retain(|address| !(self.public_only && is_internal(address.ip())));
        if known && found.is_empty() {
            return Err(Trouble::Unsupported(
                "it is in a private network, and `watch.allow_private` is false",
            ));
        }
        // A name may have any number of addresses.
        found.truncate(8);
        Ok(found)
    }
}

fn tuned(stream: TcpStream) -> std::io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    Ok(stream)
}
