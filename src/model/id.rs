//! Identifiers: who a recipient is to the store, which send, which claim, and the names of brands and campaigns.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A person, as the store knows them: 16 bytes that cannot be turned back into an address without the identity key.
///
/// The first bytes of HMAC-SHA-256(identity key, lower-case hex SHA-256 of the normalised address); a partner who
/// only has the SHA-256 of an address therefore reaches the same id. Made by [`crate::token::Identity`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecipientId(pub [u8; 16]);

/// One send, for tokens and the store: derived from its brand and its public reference, so that the same reference
/// pushed twice is the same send wherever it arrives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SendId(pub [u8; 16]);

/// One claim: chosen by the claimant and used as the request id, so that a request sent twice gets the same answer.
/// Together with the [`SendId`] it is the fence that keeps a stale lease holder from changing anything.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClaimId(pub [u8; 16]);

impl RecipientId {
    /// The partition of this recipient among `partitions`: its first two bytes, big-endian, modulo the count.
    pub fn partition(&self, partitions: u16) -> u16 {
        u16::from_be_bytes([self.0[0], self.0[1]]) % partitions
    }
}

impl SendId {
    /// No send: what a token that belongs to no particular mail carries.
    pub const NONE: Self = Self([0; 16]);

    /// The id of the send that `brand` calls `reference`: the first 16 bytes of SHA-256(brand, 0, reference).
    pub fn derive(brand: &Name, reference: &str) -> Self {
        let hash =
            Sha256::new().chain_update(brand.as_str()).chain_update([0]).chain_update(reference).finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        Self(id)
    }
}

impl ClaimId {
    /// A fresh claim id from the operating system's random numbers.
    pub fn random() -> Self {
        Self(*uuid::Uuid::now_v7().as_bytes())
    }
}

/// Hexadecimal text, serde and `Debug` for a 16-byte id; none of them reveals more than the id itself.
macro_rules! hex_id {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(const_hex::Buffer::<16>::new().format(&self.0))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl FromStr for $name {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                let mut id = [0; 16];
                match text.is_ascii().then(|| const_hex::decode_to_slice(text, &mut id)) {
                    Some(Ok(())) if text.len() == 32 => Ok(Self(id)),
                    _ => Err(BadName::new("32 hexadecimal digits")),
                }
            }
        }
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
hex_id!(RecipientId);
hex_id!(SendId);
hex_id!(ClaimId);

/// The name of a brand, a partner, a campaign or a template: 1–64 of `a–z 0–9 . _ -`, starting with a letter or digit.
///
/// Names become metric labels, file names and key parts, hence the narrow alphabet. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

/// A text that is not a valid name or id; says what one looks like.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be {expected}")]
pub struct BadName {
    expected: &'static str,
}

impl BadName {
    pub(super) const fn new(expected: &'static str) -> Self {
        Self { expected }
    }
}

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let fits = matches!(text.len(), 1..=64)
            && text.bytes().all(|b| plain(b) || matches!(b, b'.' | b'_' | b'-'))
            && text.bytes().next().is_some_and(plain);
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(BadName::new("1 to 64 of a-z, 0-9, '.', '_' and '-', starting with a letter or digit"))
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Name {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_narrow_alphabet() {
        for good in ["demo", "a", "wave-2026.03", "0_x"] {
            assert_eq!(good.parse::<Name>().expect(good).as_str(), good);
        }
        for bad in ["", "Demo", "-a", "a b", "a/b", "é", "a\n", &"x".repeat(65)] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?} must be refused");
        }
    }

    #[test]
    fn ids_survive_their_text_form() {
        let id = SendId::derive(&"demo".parse().expect("a name"), "s-1");
        assert_eq!(id.to_string().parse::<SendId>(), Ok(id));
        assert!("+0000000000000000000000000000000".parse::<SendId>().is_err(), "a sign is no digit");
    }

    #[test]
    fn the_brand_is_part_of_a_sends_identity() {
        let (a, b) = ("a".parse().expect("a name"), "ab".parse().expect("a name"));
        assert_ne!(SendId::derive(&a, "bc"), SendId::derive(&b, "c"));
    }
}
