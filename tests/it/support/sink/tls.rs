//! A certificate authority of the test's own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;
use vigie::clock::Clock;

const DAY: Duration = Duration::from_hours(24);

/// Signs one server certificate; its own is in a PEM file.
pub struct Authority {
    /// Shakes hands with its certificate.
    pub acceptor: TlsAcceptor,
    directory: tempfile::TempDir,
}

impl Authority {
    /// An authority and a server certificate for `host`.
    pub fn certifying(host: &str) -> Self {
        Self::signing(&CertificateParams::new(vec![host.to_owned()]).expect("a host name"))
    }

    /// The same, with a certificate that was to be renewed days ago: of its ninety days two are left.
    pub fn neglecting(host: &str) -> Self {
        let mut server = CertificateParams::new(vec![host.to_owned()]).expect("a host name");
        let now = SystemTime::from(Clock::system().now());
        (server.not_before, server.not_after) = ((now - 88 * DAY).into(), (now + 2 * DAY).into());
        Self::signing(&server)
    }

    fn signing(server: &CertificateParams) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are fine names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_key = KeyPair::generate().expect("a key");
        let ca = params.self_signed(&ca_key).expect("a root");
        let issuer = Issuer::new(params, ca_key);
        let key = KeyPair::generate().expect("a key");
        let certificate = server.signed_by(&key, &issuer).expect("a certificate");

        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("ca.pem"), ca.pem()).expect("the directory is ours");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("it knows the default versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("the key belongs to the certificate");
        Self { acceptor: TlsAcceptor::from(Arc::new(config)), directory }
    }

    /// Where the authority's own certificate is.
    pub fn ca_file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }
}
