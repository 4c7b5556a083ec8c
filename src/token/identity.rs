//! From an address to a [`RecipientId`], and nowhere back.

use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::model::RecipientId;

/// The identity key: two gateways that share it know a person by the same id; nobody without it can tell whose id
/// one is.
#[derive(Clone)]
pub struct Identity(Hmac<Sha256>);

/// Digits of a SHA-256 in hexadecimal.
const HEX: usize = 64;

/// Not a deliverable address; says what is wrong without repeating it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// It does not follow the grammar of RFC 5321 addresses, or is longer than 254 bytes.
    #[error("is not an e-mail address like name@example.org")]
    Grammar,
    /// Its domain is no valid internationalised domain name.
    #[error("has a domain that is not a valid domain name")]
    Domain,
    /// Not 64 hexadecimal digits.
    #[error("is not a SHA-256 in hexadecimal (64 digits) of a normalised address")]
    Hash,
}

impl Identity {
    /// An identity from its secret.
    pub fn new(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("HMAC takes keys of every length"))
    }

    /// The recipient behind an address.
    pub fn of_address(&self, address: &str) -> Result<RecipientId, BadAddress> {
        let hash = Sha256::digest(normalise(address)?);
        Ok(self.of_hex(const_hex::encode(hash).as_bytes()))
    }

    /// The recipient behind the SHA-256 of a normalised address, in hexadecimal of either case.
    pub fn of_hash(&self, hash: &str) -> Result<RecipientId, BadAddress> {
        if hash.len() != HEX || !hash.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(BadAddress::Hash);
        }
        Ok(self.of_hex(hash.to_ascii_lowercase().as_bytes()))
    }

    /// The recipient behind bytes that may be such a hash or anything else, at the price of one HMAC either way: the time
    /// it takes says nothing about them.
    pub fn of_anything(&self, bytes: &[u8]) -> Option<RecipientId> {
        let is_hash = bytes.len() == HEX && bytes.iter().all(u8::is_ascii_hexdigit);
        let mut hex = [b'0'; HEX];
        if is_hash {
            hex.copy_from_slice(bytes);
            hex.make_ascii_lowercase();
        }
        let recipient = std::hint::black_box(self.of_hex(&hex));
        is_hash.then_some(recipient)
    }

    /// Tells two identity keys apart without giving one away: gateways on one store must have the same.
    pub fn fingerprint(&self) -> [u8; 8] {
        let full = self.0.clone().chain_update("vigie: which identity key is this?").finalize().into_bytes();
        let mut print = [0; 8];
        print.copy_from_slice(&full[..8]);
        print
    }

    fn of_hex(&self, hex: &[u8]) -> RecipientId {
        let full = self.0.clone().chain_update(hex).finalize().into_bytes();
        let mut id = [0; 16];
        id.copy_from_slice(&full[..16]);
        RecipientId(id)
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

/// The form of an address that identifies a person: trimmed, lower-cased, the domain in ASCII (IDNA, UTS 46).
///
/// Also the check that it is an address at all; quoted local parts and address literals are refused, no mailbox
/// provider hands them out and every parser disagrees about them.
pub fn normalise(address: &str) -> Result<String, BadAddress> {
    let trimmed = address.trim();
    let (local, domain) = trimmed.rsplit_once('@').ok_or(BadAddress::Grammar)?;
    if local.contains(['"', '@', '[', ']']) || !domain.contains('.') {
        return Err(BadAddress::Grammar);
    }
    let domain = idna::domain_to_ascii_strict(domain).map_err(|_| BadAddress::Domain)?;
    let normal = format!("{}@{}", local.to_lowercase(), domain.to_ascii_lowercase());
    if normal.len() > 254 || lettre::Address::from_str(&normal).is_err() {
        return Err(BadAddress::Grammar);
    }
    Ok(normal)
}
