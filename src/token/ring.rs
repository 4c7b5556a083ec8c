//! The key ring: which keys sign and verify, for whom and for what.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{Kind, TAG};
use crate::model::{Grantee, Name};

/// One signing key. Its `Debug` shows no secret.
#[derive(Clone)]
pub struct Key {
    id: u16,
    owner: Grantee,
    kinds: Vec<Kind>,
    signs: bool,
    /// The key schedule, computed once and cloned for each tag.
    mac: Hmac<Sha256>,
}

/// Shortest secret that is accepted: the output length of SHA-256 (RFC 2104 section 3).
const SHORTEST_SECRET: usize = 32;

impl Key {
    /// A key from its secret. `signs` is false for keys that only verify (before all gateways know a new key, or
    /// after it was replaced).
    pub fn new(
        id: u16,
        owner: Grantee,
        kinds: Vec<Kind>,
        signs: bool,
        secret: &[u8],
    ) -> Result<Self, RingError> {
        if secret.len() < SHORTEST_SECRET {
            return Err(RingError::Short(id));
        }
        let mac = Hmac::new_from_slice(secret).expect("HMAC takes keys of every length");
        Ok(Self { id, owner, kinds, signs, mac })
    }

    /// The number tokens name this key by.
    pub const fn id(&self) -> u16 {
        self.id
    }

    /// Whose tokens it signs.
    pub const fn owner(&self) -> &Grantee {
        &self.owner
    }

    /// The first 16 bytes of HMAC-SHA-256 over `bytes`.
    pub(super) fn tag(&self, bytes: &[u8]) -> [u8; TAG] {
        let full = self.mac.clone().chain_update(bytes).finalize().into_bytes();
        let mut tag = [0; TAG];
        tag.copy_from_slice(&full[..TAG]);
        tag
    }

    /// Whether `tag` is this key's tag of `bytes`, in constant time.
    pub(super) fn verifies(&self, bytes: &[u8], tag: &[u8]) -> bool {
        tag.len() == TAG && self.mac.clone().chain_update(bytes).verify_truncated_left(tag).is_ok()
    }
}

impl Key {
    /// Whether this key's tag of `bytes` begins like this, in constant time. Who asks says how long is enough.
    pub(super) fn begins(&self, bytes: &[u8], tag: &[u8]) -> bool {
        self.mac.clone().chain_update(bytes).verify_truncated_left(tag).is_ok()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("owner", &self.owner)
            .field("kinds", &self.kinds)
            .finish_non_exhaustive()
    }
}

/// Signs a brand's payment links: another purpose, another key, so that a tracking key cannot forge a payment page.
#[derive(Clone)]
pub struct Seal(Hmac<Sha256>);

impl Seal {
    /// A seal from its secret.
    pub fn new(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("HMAC takes keys of every length"))
    }

    /// The whole HMAC-SHA-256 over `text`.
    pub fn sign(&self, text: &str) -> [u8; 32] {
        self.0.clone().chain_update(text).finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal")
    }
}

/// All keys, sorted by id.
#[derive(Debug, Clone, Default)]
pub struct KeyRing {
    keys: Vec<Key>,
    seals: Vec<(Name, Seal)>,
}

/// A ring that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RingError {
    /// Two keys with one id.
    #[error("key {0} stands in the ring twice: give each key its own id")]
    Twice(u16),
    /// A guessable secret.
    #[error("key {0} has a secret shorter than 32 bytes: make a new one with `vigie key new`")]
    Short(u16),
}

/// Nobody signs for this owner and kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key ring has no signing key of {owner:?} for {kind:?} tokens")]
pub struct NoKey {
    /// For whom a key is missing.
    pub owner: Grantee,
    /// For which kind of token.
    pub kind: Kind,
}

impl KeyRing {
    /// A ring of these keys, and the seals of brands' payment links.
    pub fn new(mut keys: Vec<Key>, seals: Vec<(Name, Seal)>) -> Result<Self, RingError> {
        keys.sort_by_key(Key::id);
        match keys.windows(2).find(|pair| pair[0].id == pair[1].id) {
            Some(pair) => Err(RingError::Twice(pair[0].id)),
            None => Ok(Self { keys, seals }),
        }
    }

    /// The key that may have signed a token of this kind.
    pub(super) fn find(&self, id: u16, kind: Kind) -> Option<&Key> {
        let at = self.keys.binary_search_by_key(&id, Key::id).ok()?;
        Some(&self.keys[at]).filter(|key| key.kinds.contains(&kind))
    }

    /// The signing key with the highest id for this owner and kind: rotation adds a key with a higher id.
    pub fn newest(&self, owner: &Grantee, kind: Kind) -> Result<&Key, NoKey> {
        let fits = |key: &&Key| key.signs && key.owner == *owner && key.kinds.contains(&kind);
        self.keys.iter().rev().find(fits).ok_or_else(|| NoKey { owner: owner.clone(), kind })
    }

    /// The seal of a brand's payment links.
    pub fn seal(&self, brand: &Name) -> Option<&Seal> {
        self.seals.iter().find(|(name, _)| name == brand).map(|(_, seal)| seal)
    }
}
