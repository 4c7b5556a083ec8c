//! Private keys: RSA and Ed25519, from PEM.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use super::Record;
use crate::redact::Secret;

/// Bytes of the longest RSA key: verifiers need not take more than 4096 bits (RFC 8301 section 3.2).
const LONGEST: usize = 512;

/// A private key that signs mails. `Debug` shows nothing of it.
pub(super) enum SigningKey {
    Rsa(Box<RsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

/// A text that is no usable private key. Says nothing of what was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// No PEM, or a PEM of something else.
    #[error(
        "is no private key in PEM (\"BEGIN PRIVATE KEY\" or \"BEGIN RSA PRIVATE KEY\"), without a password"
    )]
    Pem,
    /// Another kind or size of key.
    #[error("must be RSA with 2048 to 4096 bits, or Ed25519: make one with `vigie key dkim`")]
    Kind,
}

impl SigningKey {
    /// Reads PKCS#8 or, for RSA, PKCS#1.
    pub(super) fn from_pem(pem: &Secret) -> Result<Self, BadKey> {
        let der = PrivateKeyDer::from_pem_slice(pem.expose().as_bytes()).map_err(|_| BadKey::Pem)?;
        let rsa = |key: RsaKeyPair| (key.public_modulus_len() <= LONGEST).then(|| Self::Rsa(Box::new(key)));
        match &der {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).ok().and_then(rsa),
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                let ed25519 = || Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok();
                let other = || ed25519().map(|key| Self::Ed25519(Box::new(key)));
                RsaKeyPair::from_pkcs8(der).ok().and_then(rsa).or_else(other)
            }
            _ => None,
        }
        .ok_or(BadKey::Kind)
    }

    /// The first half of `a=`, and the `k=` of DNS.
    pub(super) const fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa",
            Self::Ed25519(_) => "ed25519",
        }
    }

    /// Signs the SHA-256 of canonical fields: the same text always gives the same signature.
    pub(super) fn sign(&self, text: &[u8]) -> Vec<u8> {
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature)
                    .expect("the buffer has the key's length");
                signature
            }
            Self::Ed25519(key) => key.sign(digest(&SHA256, text).as_ref()).as_ref().to_vec(),
        }
    }

    /// What DNS has to say of this key.
    pub(super) fn record(&self, selector: &str, domain: &str) -> Record {
        let public = match self {
            Self::Rsa(key) => {
                let info: Option<PublicKeyX509Der<'_>> = key.public_key().as_der().ok();
                STANDARD.encode(&*info.expect("a key that was read can be written"))
            }
            Self::Ed25519(key) => STANDARD.encode(key.public_key()),
        };
        Record {
            name: format!("{selector}._domainkey.{domain}"),
            text: format!("v=DKIM1; k={}; p={public}", self.algorithm()),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.algorithm())
    }
}
