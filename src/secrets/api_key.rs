//! API keys: how they look, and the operator's own.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Error, random_secret};
use crate::config::{ApiKey, Role};
use crate::redact::Secret;

/// Shortest operator key that is accepted from outside, in characters.
const SHORTEST: usize = 20;

/// What the configuration keeps of a key: `sha256:` and the lower-case hex SHA-256 of the whole key.
pub fn hash(key: &str) -> String {
    format!("sha256:{}", const_hex::encode(Sha256::digest(key)))
}

/// A key that was just made: `vg_<role>_<id>_<43 characters of base64url>`.
#[derive(Debug)]
pub struct NewApiKey {
    /// The whole key, to be shown once.
    pub text: Secret,
    /// Its public half, for logs and the configuration: 8 hexadecimal digits.
    pub id: String,
}

impl NewApiKey {
    /// A key from the operating system's random numbers.
    pub fn random(role: Role) -> Result<Self, Error> {
        let mut id = [0; 4];
        getrandom::fill(&mut id).map_err(Error::Random)?;
        let id = const_hex::encode(id);
        let role = match role {
            Role::Producer => "producer",
            Role::Signals => "signals",
            Role::Operator => "operator",
        };
        Ok(Self { text: Secret::new(format!("vg_{role}_{id}_{}", random_secret()?)), id })
    }
}

/// The operator's key: everything may be done with it.
#[derive(Debug)]
pub struct Operator {
    /// The whole key, for commands that talk to the gateway on this machine.
    pub text: Secret,
    /// The entry that belongs beside `api.keys`.
    pub key: ApiKey,
    /// Where it is kept; nothing if it came from the environment.
    pub file: Option<PathBuf>,
}

impl Operator {
    /// The key that `VIGIE_OPERATOR_KEY` brings.
    pub(super) fn from_environment(text: &str) -> Result<Self, Error> {
        let refused = |least| Error::Operator {
            place: "VIGIE_OPERATOR_KEY".to_owned(),
            least,
            remedy: "make one with `vigie key new --role operator`",
        };
        Self::new(text, "environment", None).ok_or_else(|| refused(SHORTEST))
    }

    /// The key that a file holds.
    pub(super) fn from_file(file: &Path, text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let id =
            text.strip_prefix("vg_operator_").and_then(|rest| rest.split('_').next()).unwrap_or("operator");
        let refused = |least| Error::Operator {
            place: file.display().to_string(),
            least,
            remedy: "remove the file to get a new one at the next start",
        };
        Self::new(text, id, Some(file.to_owned())).ok_or_else(|| refused(SHORTEST))
    }

    fn new(text: &str, id: &str, file: Option<PathBuf>) -> Option<Self> {
        let fits = text.len() >= SHORTEST && text.bytes().all(|b| b.is_ascii_graphic());
        let key = ApiKey { id: id.to_owned(), hash: hash(text), role: Role::Operator, brand: None };
        fits.then(|| Self { text: Secret::new(text), key, file })
    }
}
