//! The secrets of one installation: made on the first start, never a default, never shown.
//!
//! | file under `data.dir` | holds |
//! | --- | --- |
//! | `secrets.toml` | the identity key, a token key per brand or partner, a payment seal per brand, the key of watched mailboxes |
//! | `operator.key` | the operator's API key, unless `VIGIE_OPERATOR_KEY` brings one |
//!
//! Both belong to vigie's user alone (mode 0600); a file that others may read is refused rather than repaired,
//! because nobody knows who read it. What is missing is made under a lock and appears whole or not at all, so that
//! two gateways started together on one directory end up with the same secrets. What is there is never changed: a
//! brand that is new gets its keys appended, and a rotation is the operator's own edit (the file's header says how).

mod account;
mod api_key;
mod error;
mod keyring;
mod private;
mod vault;

use std::path::{Path, PathBuf};

pub use account::{Access, Account, OAuth, Protection};
pub use api_key::{NewApiKey, Operator, hash};
pub use error::Error;
pub use vault::{Unopened, Vault};

use crate::config::Config;
use crate::model::{Grantee, Name};
use crate::redact::Secret;
use crate::token::{Identity, KeyRing};

use self::keyring::Entries;
use self::private::{Lock, PrivateFile};

/// The key ring's file under `data.dir`.
const SECRETS_FILE: &str = "secrets.toml";

/// The operator key's file under `data.dir`.
const OPERATOR_FILE: &str = "operator.key";

/// What signs, verifies and recognises.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// Turns addresses into recipient ids.
    pub identity: Identity,
    /// Signs and verifies tokens and payment links.
    pub ring: KeyRing,
    /// Seals what opens watched mailboxes.
    pub vault: Vault,
}

/// Everything a gateway needs to start.
#[derive(Debug)]
pub struct Prepared {
    /// Identity and key ring.
    pub secrets: Secrets,
    /// The operator's key: one more entry beside `api.keys`.
    pub operator: Operator,
    /// Files made or extended just now: tell the operator where they are, and that they want a backup.
    pub made: Vec<PathBuf>,
}

impl Secrets {
    /// Reads the key ring of an installation that was started before; makes nothing.
    pub fn read(dir: &Path) -> Result<Self, Error> {
        let file = dir.join(SECRETS_FILE);
        let text = PrivateFile::new(&file).read()?.ok_or_else(|| Error::Missing { file: file.clone() })?;
        Entries::parse(&file, &text)?.build(&file)
    }
}

/// Reads the installation's secrets, and makes those that are missing: on the first start all of them, later the
/// keys of `owners` that are new ([`owners`] of the configuration). `operator` is the value of `VIGIE_OPERATOR_KEY`, which replaces the file.
pub fn prepare(dir: &Path, owners: &[Grantee], operator: Option<&str>) -> Result<Prepared, Error> {
    private::make_directory(dir)?;
    let mut made = Vec::new();
    let secrets = prepare_ring(dir, owners, &mut made)?;
    let operator = match operator {
        Some(text) => Operator::from_environment(text)?,
        None => prepare_operator(dir, &mut made)?,
    };
    Ok(Prepared { secrets, operator, made })
}

/// The operator's key as the gateway on this directory made it, if it made one; makes nothing.
pub fn operator_key(dir: &Path) -> Result<Option<Secret>, Error> {
    let text = PrivateFile::new(&dir.join(OPERATOR_FILE)).read()?;
    Ok(text.map(|text| Secret::new(text.trim())))
}

/// Reads the key ring again, for a gateway that runs and knows people by `identity`. With `extend` the keys of `owners` that
/// are missing are made first, in one step, as [`prepare`] does; then the file is among those returned.
///
/// # Errors
/// As [`prepare`]; also if the file is another installation's now.
pub fn again(
    dir: &Path,
    owners: &[Grantee],
    extend: bool,
    identity: &Identity,
) -> Result<(KeyRing, Vec<PathBuf>), Error> {
    let mut made = Vec::new();
    let secrets = if extend { prepare_ring(dir, owners, &mut made)? } else { Secrets::read(dir)? };
    if secrets.identity.fingerprint() != identity.fingerprint() {
        let what = "[identity] is not what this gateway was started with: bring the old one back".to_owned();
        return Err(Error::Entry { file: dir.join(SECRETS_FILE), what });
    }
    Ok((secrets.ring, made))
}

/// Everybody in the configuration who needs keys at the start: brands with tables, and partners.
pub fn owners(config: &Config) -> Vec<Grantee> {
    let brands = config.brands.keys().cloned().map(Grantee::Brand);
    brands.chain(config.partners.keys().cloned().map(Grantee::Partner)).collect()
}

/// Reads the ring; takes the lock only if something is missing, so that a read-only directory that is complete works.
fn prepare_ring(dir: &Path, owners: &[Grantee], made: &mut Vec<PathBuf>) -> Result<Secrets, Error> {
    let path = dir.join(SECRETS_FILE);
    let file = PrivateFile::new(&path);
    let present = file.read()?;
    if let Some(text) = &present {
        let keys = Entries::parse(&path, text)?;
        if keys.missing(owners).is_empty() {
            return keys.build(&path);
        }
    }
    let _lock = Lock::take(dir)?;
    // Another process may have made them while this one waited.
    let text = file.read()?.map_or_else(keyring::fresh, Ok)?;
    let missing = Entries::parse(&path, &text)?.missing(owners);
    let text = keyring::extended(&path, text, &missing)?;
    let secrets = Entries::parse(&path, &text)?.build(&path)?;
    if file.replace(&text)? {
        made.push(path);
    }
    Ok(secrets)
}

fn prepare_operator(dir: &Path, made: &mut Vec<PathBuf>) -> Result<Operator, Error> {
    let path = dir.join(OPERATOR_FILE);
    let file = PrivateFile::new(&path);
    if let Some(text) = file.read()? {
        return Operator::from_file(&path, &text);
    }
    let _lock = Lock::take(dir)?;
    let text = match file.read()? {
        Some(text) => text,
        None => format!("{}\n", NewApiKey::random(crate::config::Role::Operator)?.text.expose()),
    };
    if file.replace(&text)? {
        made.push(path.clone());
    }
    Operator::from_file(&path, &text)
}

/// The secret of a brand's payment links, in base64url: for its payment page.
///
/// # Errors
/// If the installation has no secrets yet, or none for this brand.
pub fn payment_secret(dir: &Path, brand: &Name) -> Result<Secret, Error> {
    let file = dir.join(SECRETS_FILE);
    let text = PrivateFile::new(&file).read()?.ok_or_else(|| Error::Missing { file: file.clone() })?;
    let secret = Entries::parse(&file, &text)?.seal_of(brand);
    secret.ok_or_else(|| Error::Entry {
        file,
        what: format!("there is no seal of the brand {brand}: start `vigie serve` once with it to make it"),
    })
}

/// Reads another secret's file, which must belong to its owner alone as those of vigie do.
pub fn read_private(file: &Path) -> Result<Secret, Error> {
    let text = PrivateFile::new(file).read()?.map(Secret::new);
    let missing = std::io::ErrorKind::NotFound.into();
    text.ok_or_else(|| Error::Read { file: file.to_owned(), source: missing })
}

/// Fresh random bytes, as base64url.
fn random_secret() -> Result<String, Error> {
    use base64::Engine;
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests;
