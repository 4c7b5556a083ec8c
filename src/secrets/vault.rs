//! What we were given to get into mailboxes lies in stores sealed: ChaCha20-Poly1305, with a key of `secrets.toml`.
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | the version of all this, 1 |
//! | 4 | which key: the beginning of a hash of it |
//! | 12 | nonce, random |
//! | rest | the [`Account`] as JSON, encrypted, and 16 bytes that prove it |
//!
//! Version, key and the person's id are proved with it: sealed bytes that were moved to somebody else do not open. Random
//! nonces of 96 bits may be used with one key four thousand million times; a mailbox takes one, and one for each refresh
//! token.
//!
//! It is aws-lc that encrypts: it is in the program anyway, for TLS.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use super::account::Account;
use super::error::Error;
use crate::model::{RecipientId, Sealed};

const VERSION: u8 = 1;

/// Version, key and nonce.
const HEAD: usize = 1 + MARK + NONCE_LEN;

/// Bytes that name the key.
const MARK: usize = 4;

/// Seals accounts and opens them. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    key: Arc<LessSafeKey>,
    mark: [u8; MARK],
}

/// Sealed bytes that do not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unopened {
    /// They were sealed with another key.
    #[error("it was sealed with another key: all gateways on one store need the same data/secrets.toml")]
    OtherKey,
    /// They are not what was sealed for this person, or by a later version.
    #[error("it is damaged, or was sealed by a later version of vigie")]
    Damaged,
}

impl Vault {
    /// The vault of this secret, of at least 32 bytes.
    pub fn new(secret: &[u8]) -> Self {
        let key = Zeroizing::new(derive(secret, b"vigie mailboxes: key"));
        let key = UnboundKey::new(&CHACHA20_POLY1305, &*key).expect("a hash has the length of the key");
        let [a, b, c, d, ..] = derive(secret, b"vigie mailboxes: mark");
        Self { key: Arc::new(LessSafeKey::new(key)), mark: [a, b, c, d] }
    }

    /// Seals a person's account.
    ///
    /// # Errors
    /// If the operating system gives no random numbers.
    pub fn seal(&self, who: RecipientId, account: &Account) -> Result<Sealed, Error> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(Error::Random)?;
        // Its growing would leave copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(4096));
        serde_json::to_writer(&mut *text, account).expect("an account is plain data");
        let proved = Aad::from(self.proved(who));
        let tag = self.key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), proved, &mut text);
        let tag = tag.expect("an account is shorter than 256 GiB");
        let parts: [&[u8]; 5] = [&[VERSION], &self.mark, &nonce, &text, tag.as_ref()];
        Ok(Sealed::new(parts.concat()))
    }

    /// Opens what was sealed for this person.
    ///
    /// # Errors
    /// If it was not, or not with this key.
    pub fn open(&self, who: RecipientId, sealed: &Sealed) -> Result<Account, Unopened> {
        let (head, rest) = sealed.as_bytes().split_first_chunk::<HEAD>().ok_or(Unopened::Damaged)?;
        let [version, a, b, c, d, nonce @ ..] = *head;
        if version != VERSION {
            return Err(Unopened::Damaged);
        }
        if [a, b, c, d] != self.mark {
            return Err(Unopened::OtherKey);
        }
        let mut text = Zeroizing::new(rest.to_vec());
        let proved = Aad::from(self.proved(who));
        let opened = self.key.open_in_place(Nonce::assume_unique_for_key(nonce), proved, &mut text);
        let text = opened.map_err(|_| Unopened::Damaged)?;
        serde_json::from_slice(text).map_err(|_| Unopened::Damaged)
    }

    /// What is proved beside the account.
    fn proved(&self, who: RecipientId) -> [u8; 1 + MARK + 16] {
        let mut proved = [VERSION; 1 + MARK + 16];
        proved[1..=MARK].copy_from_slice(&self.mark);
        proved[1 + MARK..].copy_from_slice(&who.0);
        proved
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

/// A key for one purpose.
pub(super) fn derive(secret: &[u8], purpose: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(purpose);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Secret;
    use crate::secrets::{Access, OAuth, Protection};

    fn account() -> Account {
        Account {
            host: "imap.example.org".into(),
            port: 993,
            tls: Protection::Implicit,
            user: Secret::new("marie@example.org"),
            access: Access::OAuth(OAuth {
                token_url: "https://login.example.org/token".into(),
                client_id: "vigie".into(),
                client_secret: Some(Secret::new("client-hunter2")),
                refresh_token: Secret::new("refresh-hunter2"),
                scope: None,
            }),
            proof: "form 3".into(),
            since: "2026-03-02T10:00:00Z".parse().expect("a time"),
        }
    }

    fn who(n: u8) -> RecipientId {
        RecipientId([n; 16])
    }

    #[test]
    fn what_is_sealed_opens_and_shows_nothing() {
        let vault = Vault::new(&[7; 32]);
        for access in [account().access, Access::Password(Secret::new("hunter2"))] {
            let account = Account { access, ..account() };
            let sealed = vault.seal(who(1), &account).expect("sealed");
            assert_eq!(vault.open(who(1), &sealed).as_ref(), Ok(&account));
            let bytes = String::from_utf8_lossy(sealed.as_bytes()).into_owned();
            let shown = format!("{bytes} {sealed:?} {vault:?} {account:?}");
            for secret in ["hunter2", "marie"] {
                assert!(!shown.contains(secret), "{shown}");
            }
            assert_ne!(sealed, vault.seal(who(1), &account).expect("sealed"), "the nonce is new each time");
        }
    }

    #[test]
    fn nothing_else_opens() {
        let vault = Vault::new(&[7; 32]);
        let sealed = vault.seal(who(1), &account()).expect("sealed");
        assert_eq!(vault.open(who(2), &sealed), Err(Unopened::Damaged), "another person's");
        assert_eq!(Vault::new(&[8; 32]).open(who(1), &sealed), Err(Unopened::OtherKey));
        for at in 0..sealed.as_bytes().len() {
            let mut bytes = sealed.as_bytes().to_vec();
            bytes[at] ^= 1;
            assert!(vault.open(who(1), &Sealed::new(bytes)).is_err(), "changed at {at}");
            let cut = Sealed::new(&sealed.as_bytes()[..at]);
            assert!(vault.open(who(1), &cut).is_err(), "cut at {at}");
        }
    }
}
