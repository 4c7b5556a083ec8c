//! TLS to the relay: the system's roots, and `relay.ca` beside them.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::decision::Stage;
use super::reply::{Break, Trouble};
use super::target::RelayError;

/// Trusts the system's roots, if they are asked for, and those in `ca`.
pub(super) fn connector(system: bool, ca: Option<&Path>) -> Result<TlsConnector, RelayError> {
    let mut roots = RootCertStore::empty();
    if system {
        // A machine without roots can still have `relay.ca`; without both, every handshake says what is missing.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if let Some(path) = ca {
        let bad = |problem: String| RelayError::Ca { path: path.display().to_string(), problem };
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| bad(error.to_string()))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| bad(error.to_string()))?;
            roots.add(certificate).map_err(|error| bad(error.to_string()))?;
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("it offers a cipher suite for every default protocol version")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Shakes hands; the certificate must be valid and name the configured host.
pub(super) async fn handshake(
    connector: &TlsConnector,
    name: &ServerName<'static>,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, Trouble> {
    connector.connect(name.clone(), stream).await.map_err(|error| trouble(&error))
}

/// What TLS itself refuses is for an operator; a connection that merely broke is not.
fn trouble(error: &io::Error) -> Trouble {
    let refused = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match refused {
        Some(rustls::Error::InvalidCertificate(problem)) => {
            Trouble::misconfigured(format!("the relay's certificate is not accepted: {problem}"))
        }
        Some(problem) => Trouble::misconfigured(format!("the relay's TLS is not accepted: {problem}")),
        None => Trouble::Broke(Stage::StartTls, Break::Closed),
    }
}
