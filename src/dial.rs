//! From a name to a connection to somebody else's server: look-up, TCP, TLS; and [questions over HTTP](post).
//!
//! Names are given by others and can change what they stand for, so a name is looked up once, its addresses are judged, and
//! the connection is made to one of exactly those: nobody can have us reach what only we can (server-side request forgery).

pub mod post;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use socket2::{SockRef, TcpKeepalive};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::is_internal;

/// A silent peer is probed after this, so that a dead one is noticed before the next `IDLE`.
const KEEPALIVE: Duration = Duration::from_mins(2);

/// Unacknowledged bytes break the connection after this; the kernel would try for a quarter of an hour.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_mins(1);

/// A byte stream, with TLS or without.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DialError {
    /// No address of the host can be connected to.
    #[error("cannot connect: {0}")]
    Unreachable(String),
    /// TLS was refused, by the server or here.
    #[error("no TLS: {0}")]
    Tls(String),
    /// Not within its deadline.
    #[error("no answer in time")]
    Timeout,
    /// All its addresses are in private networks or on this machine.
    #[error("it is in a private network")]
    Internal,
    /// It is not on this machine, and would be spoken to without TLS.
    #[error("without TLS only this machine itself is connected to")]
    Plain,
}

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
        let config =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("it offers a cipher suite for every default protocol version")
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
    ///
    /// # Errors
    /// If it is not, or too late.
    pub async fn handshake(
        &self,
        host: &str,
        stream: TcpStream,
        end: Instant,
    ) -> Result<TlsStream<TcpStream>, DialError> {
        let name =
            ServerName::try_from(host.to_owned()).map_err(|error| DialError::Tls(error.to_string()))?;
        let done = timeout_at(end, self.tls.connect(name, stream)).await;
        done.map_err(|_| DialError::Timeout)?.map_err(|error| untrusted(&error))
    }

    /// Connects before `end`: each of the host's addresses in turn, sharing the time. If `only_here`, none but this
    /// machine's own.
    pub async fn connect(
        &self,
        host: &str,
        port: u16,
        only_here: bool,
        end: Instant,
    ) -> Result<TcpStream, DialError> {
        let found = self.find(host, port, only_here, end).await?;
        let mut problem = String::from("its name has no address");
        for (tried, address) in found.iter().enumerate() {
            let left = end.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(found.len() - tried).unwrap_or(1);
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    return tuned(stream).map_err(|error| DialError::Unreachable(error.kind().to_string()));
                }
                Ok(Err(error)) => problem = error.kind().to_string(),
                Err(_) => problem = String::from("no answer in time"),
            }
        }
        Err(DialError::Unreachable(problem))
    }

    /// The addresses of a host that may be connected to.
    async fn find(
        &self,
        host: &str,
        port: u16,
        only_here: bool,
        end: Instant,
    ) -> Result<Vec<SocketAddr>, DialError> {
        let mut found: Vec<SocketAddr> = match timeout_at(end, lookup_host((host, port))).await {
            Ok(Ok(found)) => found.collect(),
            Ok(Err(_)) | Err(_) => Vec::new(),
        };
        if only_here && found.iter().any(|address| !address.ip().is_loopback()) {
            return Err(DialError::Plain);
        }
        let known = !found.is_empty();
        found.retain(|address| !(self.public_only && is_internal(address.ip())));
        if known && found.is_empty() {
            return Err(DialError::Internal);
        }
        // A name may have any number of addresses.
        found.truncate(8);
        Ok(found)
    }
}

/// What TLS itself refuses, and what merely broke.
fn untrusted(error: &std::io::Error) -> DialError {
    let refused = error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>);
    if refused { DialError::Tls(error.to_string()) } else { DialError::Unreachable(error.kind().to_string()) }
}

fn tuned(stream: TcpStream) -> std::io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    Ok(stream)
}
