//! What a letter carries so that its bounce can be told from a forged one.
//!
//! A report of a bounce is an ordinary mail that anybody may send, and what it says stops mail to a person. So each letter
//! carries, in its header `X-Vigie-Return` and (with `verp`) in its envelope sender, who it was written to, signed; a report
//! that brings none of both back changes nothing. Whoever reads their own mail can stop mail to themselves with it, and
//! to nobody else.
//!
//! ```text
//! key id u16 | recipient 16 bytes | tag: the first 10 bytes of HMAC-SHA-256 over "vigie-return", 0 and all before it
//! ```
//!
//! In lower-case base32 that is 45 characters of the 64 that stand before the `@` of an address (RFC 5321), and mail
//! servers that lose upper case do it no harm.

use data_encoding::BASE32_NOPAD;

use super::{KeyRing, Kind, NoKey};
use crate::model::{Grantee, Name, RecipientId};

/// Characters of such a text.
pub const RETURN_LENGTH: usize = 45;

/// Bytes of the tag: enough that nobody finds one by sending mails.
const SHORT_TAG: usize = 10;

/// Keeps these tags apart from those of tokens, whose first byte is their version.
const DOMAIN: &[u8] = b"vigie-return\0";

/// Signs whom a brand writes to.
///
/// # Errors
/// No key signs for this brand.
pub fn sign_return(brand: &Name, recipient: RecipientId, ring: &KeyRing) -> Result<String, NoKey> {
    let key = ring.newest(&Grantee::Brand(brand.clone()), Kind::Open)?;
    let signed = signed(key.id(), recipient);
    let tag = key.tag(&[DOMAIN, &signed].concat());
    Ok(BASE32_NOPAD.encode(&[&signed[..], &tag[..SHORT_TAG]].concat()).to_ascii_lowercase())
}

/// Whose letter to whom this came back from; none if it is not what [`sign_return`] made.
pub fn read_return(text: &str, ring: &KeyRing) -> Option<(Name, RecipientId)> {
    if text.len() != RETURN_LENGTH {
        return None;
    }
    let bytes = BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).ok()?;
    let (id, rest) = bytes.split_first_chunk::<2>()?;
    let (recipient, tag) = rest.split_first_chunk::<16>()?;
    let (id, recipient) = (u16::from_be_bytes(*id), RecipientId(*recipient));
    let key = ring.find(id, Kind::Open)?;
    let Grantee::Brand(brand) = key.owner() else { return None };
    key.begins(&[DOMAIN, &signed(id, recipient)].concat(), tag).then(|| (brand.clone(), recipient))
}

fn signed(key: u16, recipient: RecipientId) -> [u8; 18] {
    let mut signed = [0; 18];
    signed[..2].copy_from_slice(&key.to_be_bytes());
    signed[2..].copy_from_slice(&recipient.0);
    signed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Key;

    fn ring() -> KeyRing {
        let brand = Grantee::Brand("acme".parse().expect("a name"));
        let key = Key::new(7, brand, vec![Kind::Open], true, &[9; 32]).expect("long enough");
        KeyRing::new(vec![key], Vec::new()).expect("one key")
    }

    #[test]
    fn what_was_signed_is_read_whatever_becomes_of_its_case() {
        let (brand, who): (Name, _) = ("acme".parse().expect("a name"), RecipientId([3; 16]));
        let text = sign_return(&brand, who, &ring()).expect("there is a key");
        assert_eq!(text.len(), RETURN_LENGTH);
        assert_eq!(read_return(&text, &ring()), Some((brand.clone(), who)));
        assert_eq!(read_return(&text.to_ascii_uppercase(), &ring()), Some((brand, who)));
    }

    #[test]
    fn nothing_else_is() {
        let (brand, who): (Name, _) = ("acme".parse().expect("a name"), RecipientId([3; 16]));
        let text = sign_return(&brand, who, &ring()).expect("there is a key");
        for at in 0..RETURN_LENGTH {
            let mut forged = text.clone().into_bytes();
            forged[at] = if forged[at] == b'a' { b'b' } else { b'a' };
            let forged = String::from_utf8(forged).expect("letters");
            assert_eq!(read_return(&forged, &ring()), None, "{forged}");
        }
        for other in ["", "a", &"é".repeat(22), &text[1..]] {
            assert_eq!(read_return(other, &ring()), None);
        }
        assert_eq!(read_return(&text, &KeyRing::default()), None);
        assert!(sign_return(&"other".parse().expect("a name"), who, &ring()).is_err());
    }
}
