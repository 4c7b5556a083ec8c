//! `secrets.toml`: how the key ring stands on disk.

use std::fmt::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::vault::derive;
use super::{Error, Secrets, Vault, random_secret};
use crate::model::{Grantee, Name};
use crate::redact::Secret;
use crate::token::{Identity, Key, KeyRing, Kind, Seal};

/// Shortest secret that is accepted, in bytes: the output length of SHA-256 (RFC 2104 section 3).
const SHORTEST: usize = 32;

const HEADER: &str = "\
# The secrets of this vigie. Whoever has them can forge its pixels and links. Keep mode 0600, keep a backup:
# without this file no pixel already sent is recognised, and people in the store are strangers.
#
# [identity] turns addresses into the ids in the store and in tokens. Never change it.
#
# [[keys]] sign tokens: each for one brand (or partner) and the kinds it lists. To replace one:
#   1. Add a [[keys]] entry with a higher id and `signs = false` on every gateway, and restart: now all verify it.
#      A secret is 32 random bytes: openssl rand 32 | basenc --base64url | tr -d =
#   2. Remove `signs = false`, and restart: of a brand's keys the one with the highest id signs.
#   3. Remove the old entry when its mails no longer matter: their pixels and links stop working that moment.
# With a single gateway steps 1 and 2 are one.
#
# [vault] seals what mailbox owners gave us to watch their mailboxes. Without it they have to be registered anew.
#
# [[seals]] sign a brand's payment links; `vigie key payment` prints one for its payment page. Replacing one invalidates the links already sent.
#
# A brand or partner that is new in the configuration gets its entries appended at the next start, a brand with a folder
# when that is read first. Vigie changes nothing else.
";

/// The file, read.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entries {
    identity: IdentityEntry,
    vault: Option<VaultEntry>,
    #[serde(default)]
    keys: Vec<KeyEntry>,
    #[serde(default)]
    seals: Vec<SealEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityEntry {
    secret: Secret,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct VaultEntry {
    secret: Secret,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    id: u16,
    brand: Option<Name>,
    partner: Option<Name>,
    kinds: Vec<Kind>,
    #[serde(default = "yes")]
    signs: bool,
    secret: Secret,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealEntry {
    brand: Name,
    secret: Secret,
}

const fn yes() -> bool {
    true
}

/// What the file lacks, or a brand or partner of the configuration.
#[derive(Debug)]
pub(super) enum Lack {
    /// The vault, in a file of an earlier version: with this secret.
    Vault(Secret),
    /// A token key; the id is the next free one.
    Key(u16, Grantee),
    /// A payment seal.
    Seal(Name),
    /// No id is left for a key of theirs.
    Ids(Grantee),
}

/// A new file with an identity, a vault, and no keys yet.
pub(super) fn fresh() -> Result<String, Error> {
    let (identity, vault) = (random_secret()?, random_secret()?);
    Ok(format!("{HEADER}\n[identity]\nsecret = \"{identity}\"\n\n[vault]\nsecret = \"{vault}\"\n"))
}

/// The file's text with the entries that were missing behind it.
pub(super) fn extended(file: &Path, mut text: String, missing: &[Lack]) -> Result<String, Error> {
    for lack in missing {
        let mut secret = Secret::new(random_secret()?);
        let entry = match lack {
            Lack::Vault(known) => {
                secret = known.clone();
                "[vault]\n".to_owned()
            }
            Lack::Key(id, Grantee::Brand(brand)) => format!(
                "[[keys]]\nid = {id}\nbrand = \"{brand}\"\nkinds = [\"open\", \"click\", \"beacon\", \"unsubscribe\"]\n"
            ),
            Lack::Key(id, Grantee::Partner(partner)) => {
                format!("[[keys]]\nid = {id}\npartner = \"{partner}\"\nkinds = [\"partner\"]\n")
            }
            Lack::Seal(brand) => format!("[[seals]]\nbrand = \"{brand}\"\n"),
            Lack::Ids(Grantee::Brand(name) | Grantee::Partner(name)) => {
                let what = format!("no key id is left for {name}: remove keys that are not needed");
                return Err(Error::Entry { file: file.to_owned(), what });
            }
        };
        write!(text, "\n{entry}secret = \"{}\"\n", secret.expose()).expect("writing to a String cannot fail");
    }
    Ok(text)
}

impl Entries {
    pub(super) fn parse(file: &Path, text: &str) -> Result<Self, Error> {
        toml::from_str(text).map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            Error::Malformed {
                file: file.to_owned(),
                line: before.matches('\n').count() + 1,
                message: error.message().lines().collect::<Vec<_>>().join(", "),
            }
        })
    }

    /// The secret of the vault. In a file of an earlier version it follows from the identity, so that gateways on several
    /// machines, each with a copy of that file, come to the same.
    fn vault_secret(&self) -> Secret {
        let derived = || derive(self.identity.secret.expose().as_bytes(), b"vigie vault");
        let known = self.vault.as_ref().map(|vault| vault.secret.clone());
        known.unwrap_or_else(|| Secret::new(URL_SAFE_NO_PAD.encode(derived())))
    }

    /// The secret of a brand's payment links.
    pub(super) fn seal_of(self, brand: &Name) -> Option<Secret> {
        self.seals.into_iter().find(|seal| seal.brand == *brand).map(|seal| seal.secret)
    }

    /// What is missing here, and what these owners lack.
    pub(super) fn missing(&self, owners: &[Grantee]) -> Vec<Lack> {
        let mut last = self.keys.iter().map(|key| key.id).max().unwrap_or(0);
        let mut missing = Vec::new();
        if self.vault.is_none() {
            missing.push(Lack::Vault(self.vault_secret()));
        }
        for owner in owners {
            if !self.keys.iter().any(|key| key.is_of(owner)) {
                missing.push(match last.checked_add(1) {
                    Some(id) => Lack::Key(id, owner.clone()),
                    None => Lack::Ids(owner.clone()),
                });
                last = last.saturating_add(1);
            }
            if let Grantee::Brand(brand) = owner
                && !self.seals.iter().any(|seal| seal.brand == *brand)
            {
                missing.push(Lack::Seal(brand.clone()));
            }
        }
        missing
    }

    /// Checks every entry and makes the ring.
    pub(super) fn build(self, file: &Path) -> Result<Secrets, Error> {
        let wrong = |what: String| Error::Entry { file: file.to_owned(), what };
        let mut seen = Seen::default();
        let identity = seen.add("[identity]".to_owned(), &self.identity.secret).map_err(wrong)?;
        let vault = seen.add("[vault]".to_owned(), &self.vault_secret()).map_err(wrong)?;
        let mut keys = Vec::new();
        for entry in self.keys {
            let secret = seen.add(format!("key {}", entry.id), &entry.secret).map_err(wrong)?;
            let (id, signs, kinds) = (entry.id, entry.signs, entry.kinds.clone());
            let key = Key::new(id, entry.owner().map_err(wrong)?, kinds, signs, &secret);
            keys.push(key.map_err(|source| Error::Ring { file: file.to_owned(), source })?);
        }
        let mut seals: Vec<(Name, Seal)> = Vec::new();
        for SealEntry { brand, secret } in self.seals {
            let secret = seen.add(format!("the seal of {brand}"), &secret).map_err(wrong)?;
            if seals.iter().any(|(known, _)| *known == brand) {
                return Err(wrong(format!(
                    "the brand {brand} has two seals: remove the one that is not in use"
                )));
            }
            seals.push((brand, Seal::new(&secret)));
        }
        let ring =
            KeyRing::new(keys, seals).map_err(|source| Error::Ring { file: file.to_owned(), source })?;
        Ok(Secrets { identity: Identity::new(&identity), ring, vault: Vault::new(&vault) })
    }
}

impl KeyEntry {
    fn is_of(&self, owner: &Grantee) -> bool {
        match owner {
            Grantee::Brand(brand) => self.brand.as_ref() == Some(brand),
            Grantee::Partner(partner) => self.partner.as_ref() == Some(partner),
        }
    }

    fn owner(self) -> Result<Grantee, String> {
        match (self.brand, self.partner) {
            (Some(brand), None) => Ok(Grantee::Brand(brand)),
            (None, Some(partner)) => Ok(Grantee::Partner(partner)),
            _ => Err(format!("key {} must have either `brand` or `partner`", self.id)),
        }
    }
}

/// The secrets read so far, by what they are for: none may serve two purposes.
#[derive(Default)]
struct Seen(Vec<(String, Vec<u8>)>);

impl Seen {
    fn add(&mut self, what: String, secret: &Secret) -> Result<Vec<u8>, String> {
        let bytes = URL_SAFE_NO_PAD
            .decode(secret.expose())
            .map_err(|_| format!("the secret of {what} is not base64url without padding"))?;
        if bytes.len() < SHORTEST {
            return Err(format!(
                "the secret of {what} has {} bytes: make one of {SHORTEST} random bytes, as the file's header says",
                bytes.len()
            ));
        }
        if let Some((other, _)) = self.0.iter().find(|(_, known)| *known == bytes) {
            return Err(format!("{other} and {what} have the same secret: make a new one for one of them"));
        }
        self.0.push((what, bytes.clone()));
        Ok(bytes)
    }
}
