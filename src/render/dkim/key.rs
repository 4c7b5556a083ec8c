//! Private keys: RSA and Ed25519, from PEM.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use super::Record;
use crate::redact::Secret;

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
        let rsa = |key: RsaKeyPair| Self::Rsa(Box::new(key));
        match &der {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).ok().map(rsa),
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                let ed25519 = || Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok();
                let other = || ed25519().map(|key| Self::Ed25519(Box::new(key)));
                RsaKeyPair::from_pkcs8(der).ok().map(rsa).or_else(other)
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
                let mut signature = vec![0; key.public().modulus_len()];
                // The random numbers hide the key from whoever measures time; the signature does not depend on them.
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature)
                    .expect("the buffer has the key's length, and the system gives random numbers");
                signature
            }
            Self::Ed25519(key) => key.sign(digest(&SHA256, text).as_ref()).as_ref().to_vec(),
        }
    }

    /// What DNS has to say of this key.
    pub(super) fn record(&self, selector: &str, domain: &str) -> Record {
        let public = match self {
            Self::Rsa(key) => subject_public_key_info(key.public().as_ref()),
            Self::Ed25519(key) => key.public_key().as_ref().to_vec(),
        };
        Record {
            name: format!("{selector}._domainkey.{domain}"),
            text: format!("v=DKIM1; k={}; p={}", self.algorithm(), STANDARD.encode(public)),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.algorithm())
    }
}

/// The DER form that verifiers expect in `p=`, around an RSA public key.
fn subject_public_key_info(key: &[u8]) -> Vec<u8> {
    /// SEQUENCE { OID 1.2.840.113549.1.1.1 (rsaEncryption), NULL }
    const RSA: [u8; 15] = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1, 5, 0];
    let bits = tagged(3, &[&[0], key].concat());
    tagged(0x30, &[RSA.as_slice(), &bits].concat())
}

/// A DER element.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let mut element = vec![tag];
    match length {
        [short @ 0..=127] => element.push(*short),
        long => {
            element.push(0x80 | u8::try_from(long.len()).expect("a length has at most 8 bytes"));
            element.extend_from_slice(long);
        }
    }
    element.extend_from_slice(content);
    element
}
