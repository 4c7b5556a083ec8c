//! Signed tokens: what a pixel, a link, a page or an unsubscribe address carries, and how it is told from a forgery.
//!
//! A token is base64url (no padding) of, integers big-endian:
//!
//! ```text
//! version u8 = 1 | kind u8 | key id u16 | expires u32 (days since 1970, 0 never) | recipient 16 bytes
//!   | send 16 bytes (zero: none) | purpose u8 | destination, UTF-8 (clicks only)
//!   | tag: the first 16 bytes of HMAC-SHA-256 over all before it
//! ```
//!
//! Everything a request needs is inside and under the tag, so the edge answers from memory and a link's destination
//! cannot be changed. Keys live in a [`KeyRing`]; each is valid for stated kinds and one brand or partner.

mod identity;
mod order;
mod returned;
mod ring;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use identity::{BadAddress, Identity, normalise};
pub use order::{BadOrder, Minted, Order};
pub use returned::{RETURN_LENGTH, read_return, sign_return};
pub use ring::{Key, KeyRing, NoKey, RingError, Seal};

use crate::model::{Grantee, RecipientId, SendId};

/// Longest token text: with `/o/` before and `.gif` behind it fits the smallest `edge.max_target` that is allowed.
pub const LONGEST: usize = 2040;

const VERSION: u8 = 1;
const HEAD: usize = 24;
const SEND: usize = 16;
const TAG: usize = 16;
/// Fixed bytes before the destination.
const FIXED: usize = HEAD + SEND + 1;
/// Bytes of the longest token, decoded.
const LONGEST_BYTES: usize = LONGEST / 4 * 3;

/// What a token is for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A pixel in one of our mails.
    Open = 1,
    /// A tracked link.
    Click = 2,
    /// A heartbeat of a webmail or portal page.
    Beacon = 3,
    /// An unsubscribe address.
    Unsubscribe = 4,
    /// A pixel in a partner's newsletter.
    Partner = 5,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Open, Self::Click, Self::Beacon, Self::Unsubscribe, Self::Partner]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

/// What the recipient's consent must cover for this token to have an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Counting only: never makes anybody "online".
    Statistics = 0,
    /// Presence: may release a waiting send.
    Presence = 1,
    /// A link that no person sees: whoever follows it is a scanner.
    Decoy = 2,
    /// Presence, by the link to the page where a case is paid.
    Payment = 3,
}

/// How many days after a letter's date its pixel and its tracked links stay valid: a year and a month, since people come back to a letter when the next one quotes it. It also tells a letter's age from its token.
pub const LINK_DAYS: Day = 400;

/// What a valid token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it is for.
    pub kind: Kind,
    /// The day it stops being valid; none means never.
    pub expires: Option<Day>,
    /// Whose mailbox it was made for.
    pub recipient: RecipientId,
    /// The mail it was made for, if any.
    pub send: Option<SendId>,
    /// What it may be used for.
    pub purpose: Purpose,
    /// Where a click leads; empty for other kinds.
    pub destination: String,
}

/// Days since 1970-01-01 in UTC.
pub type Day = u32;

/// The day of a moment.
pub fn day(at: Timestamp) -> Day {
    Day::try_from(at.as_second().div_euclid(86_400)).unwrap_or(0)
}

/// A token that says nothing; the variant is a metric label, never an answer to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not base64url, too long or too short, an unknown version, or bytes that make no sense.
    #[error("malformed")]
    Malformed,
    /// Signed with a key that is not in the ring, or not valid for this kind.
    #[error("unknown key")]
    UnknownKey,
    /// The tag does not fit.
    #[error("forged")]
    Forged,
    /// Valid once.
    #[error("expired")]
    Expired,
    /// Valid, but for another endpoint.
    #[error("wrong kind")]
    WrongKind,
}

impl Refused {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; 5] =
        [Self::Malformed, Self::UnknownKey, Self::Forged, Self::Expired, Self::WrongKind];

    /// The word for metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::Forged => "forged",
            Self::Expired => "expired",
            Self::WrongKind => "wrong_kind",
        }
    }
}

impl Token {
    /// Signs this token with the newest key that `owner` has for its kind.
    pub fn mint(&self, ring: &KeyRing, owner: &Grantee) -> Result<String, NoKey> {
        let key = ring.newest(owner, self.kind)?;
        let mut bytes = Vec::with_capacity(FIXED + self.destination.len() + TAG);
        bytes.extend([VERSION, self.kind as u8]);
        bytes.extend(key.id().to_be_bytes());
        bytes.extend(self.expires.unwrap_or(0).to_be_bytes());
        bytes.extend(self.recipient.0);
        bytes.extend(self.send.unwrap_or(SendId::NONE).0);
        bytes.push(self.purpose as u8);
        bytes.extend(self.destination.as_bytes());
        let tag = key.tag(&bytes);
        bytes.extend(tag);
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads and verifies a token for one kind of endpoint, without allocating unless it has a destination.
    /// Returns with it whose key signed it.
    pub fn verify<'ring>(
        text: &[u8],
        kind: Kind,
        today: Day,
        ring: &'ring KeyRing,
    ) -> Result<(Self, &'ring Key), Refused> {
        Self::verify_any(text, &[kind], today, ring)
    }

    /// [`verify`](Self::verify) for an endpoint that takes tokens of several kinds.
    pub fn verify_any<'ring>(
        text: &[u8],
        kinds: &[Kind],
        today: Day,
        ring: &'ring KeyRing,
    ) -> Result<(Self, &'ring Key), Refused> {
        let (token, key) = Self::read(text, ring)?;
        if !kinds.contains(&token.kind) {
            return Err(Refused::WrongKind);
        }
        if token.expires.is_some_and(|expires| expires <= today) {
            return Err(Refused::Expired);
        }
        Ok((token, key))
    }

    /// Reads a token and checks its tag, but neither its kind nor its age: for `vigie token inspect`.
    pub fn read<'ring>(text: &[u8], ring: &'ring KeyRing) -> Result<(Self, &'ring Key), Refused> {
        let mut buffer = [0; LONGEST_BYTES];
        if text.len() > LONGEST {
            return Err(Refused::Malformed);
        }
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut buffer).map_err(|_| Refused::Malformed)?;
        let signed_length =
            length.checked_sub(TAG).filter(|signed| *signed >= FIXED).ok_or(Refused::Malformed)?;
        let (signed, tag) = buffer[..length].split_at(signed_length);
        let kind = Kind::from_byte(signed[1]).filter(|_| signed[0] == VERSION).ok_or(Refused::Malformed)?;
        let id = u16::from_be_bytes(part(signed, 2));
        let key = ring.find(id, kind).ok_or(Refused::UnknownKey)?;
        if !key.verifies(signed, tag) {
            return Err(Refused::Forged);
        }
        Ok((Self::parse(kind, signed)?, key))
    }

    /// Takes apart bytes whose tag was right.
    fn parse(kind: Kind, signed: &[u8]) -> Result<Self, Refused> {
        let expires = Some(Day::from_be_bytes(part(signed, 4))).filter(|day| *day != 0);
        let send = Some(SendId(part(signed, HEAD))).filter(|send| *send != SendId::NONE);
        let purpose = match signed[FIXED - 1] {
            0 => Purpose::Statistics,
            1 => Purpose::Presence,
            2 if kind == Kind::Click => Purpose::Decoy,
            3 if kind == Kind::Click => Purpose::Payment,
            _ => return Err(Refused::Malformed),
        };
        let destination = std::str::from_utf8(&signed[FIXED..]).map_err(|_| Refused::Malformed)?.to_owned();
        if destination.is_empty() == (kind == Kind::Click) {
            return Err(Refused::Malformed);
        }
        Ok(Self { kind, expires, recipient: RecipientId(part(signed, 8)), send, purpose, destination })
    }

    /// How many days ago the letter was dated that it was rendered into, as its own expiry tells; none if it belongs to
    /// no letter or was given another expiry than letters give.
    pub fn days_old(&self, today: Day) -> Option<u32> {
        self.send?;
        LINK_DAYS.checked_sub(self.expires?.checked_sub(today)?)
    }
}

/// The key id that a token names, whether or not it tells the truth: to say which key is missing.
pub fn named_key(text: &[u8]) -> Option<u16> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() >= FIXED + TAG)?;
    Some(u16::from_be_bytes(part(&bytes, 2)))
}

/// `N` bytes at `from`.
fn part<const N: usize>(bytes: &[u8], from: usize) -> [u8; N] {
    bytes[from..from + N].try_into().expect("the caller checked that the fixed part is complete")
}

#[cfg(test)]
mod tests;
