//! API keys: who calls, and what they may do.

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::Problem;
use crate::config::{ApiKey, Role};
use crate::model::Name;
use crate::redact::Secret;

/// All keys, by the SHA-256 of each; the keys themselves are nowhere.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    known: Vec<([u8; 32], Access)>,
}

/// What the holder of a key may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The key's public half, for logs.
    pub key: String,
    /// What it may do.
    pub role: Role,
    /// The one brand it may act for; none for roles that are not bound to a brand.
    pub brand: Option<Name>,
}

/// A key in the configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Not what `vigie key new` prints.
    #[error("key {0}: hash must be sha256: and 64 hexadecimal digits, as `vigie key new` prints it")]
    Hash(String),
    /// A producer that may push for nobody.
    #[error("key {0}: the role producer needs a brand")]
    NoBrand(String),
    /// A brand where it would mean nothing.
    #[error("key {0}: only the role producer has a brand")]
    SpareBrand(String),
}

impl Keys {
    /// The keys of the configuration.
    ///
    /// # Errors
    /// [`BadKey`] for the first key that cannot be used.
    pub fn new(configured: &[ApiKey]) -> Result<Self, BadKey> {
        let known = configured.iter().map(|key| Ok((hash(key)?, access(key)?))).collect::<Result<_, _>>()?;
        Ok(Self { known })
    }

    /// Also admits this key itself (given from outside, as `VIGIE_OPERATOR_KEY`) as an operator's.
    #[must_use]
    pub fn with_operator(mut self, id: &str, key: &Secret) -> Self {
        let access = Access { key: id.to_owned(), role: Role::Operator, brand: None };
        self.known.push((Sha256::digest(key.expose()).into(), access));
        self
    }

    /// Who presents the key in these headers.
    pub(super) fn authenticate(&self, headers: &HeaderMap) -> Result<&Access, Problem> {
        const NONE: &str = "give an API key as `Authorization: Bearer <key>`; `vigie key new` makes one";
        let header = headers.get(header::AUTHORIZATION).ok_or(Problem::unauthorized(NONE))?;
        let (scheme, key) =
            header.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Problem::unauthorized(NONE))?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Problem::unauthorized(NONE));
        }
        self.of(key.trim()).ok_or(Problem::unauthorized("this API key is not known"))
    }

    /// Whose key this is. Compares with every known key, in the same time for all.
    pub(super) fn of(&self, key: &str) -> Option<&Access> {
        let presented: [u8; 32] = Sha256::digest(key).into();
        let mut at = u64::MAX;
        for (index, (hash, _)) in (0_u64..).zip(&self.known) {
            let equal: Choice = presented.ct_eq(hash);
            at.conditional_assign(&index, equal);
        }
        self.known.get(usize::try_from(at).ok()?).map(|(_, access)| access)
    }
}

impl Access {
    /// Whether it may act for this brand.
    pub(super) fn covers(&self, brand: &Name) -> bool {
        match self.role {
            Role::Operator => true,
            Role::Producer => self.brand.as_ref() == Some(brand),
            Role::Signals => false,
        }
    }
}

fn hash(key: &ApiKey) -> Result<[u8; 32], BadKey> {
    let bad = || BadKey::Hash(key.id.clone());
    let hex = key.hash.strip_prefix("sha256:").filter(|hex| hex.len() == 64).ok_or_else(bad)?;
    const_hex::decode_to_array(hex).map_err(|_| bad())
}

fn access(key: &ApiKey) -> Result<Access, BadKey> {
    match (key.role, &key.brand) {
        (Role::Producer, None) => Err(BadKey::NoBrand(key.id.clone())),
        (Role::Signals | Role::Operator, Some(_)) => Err(BadKey::SpareBrand(key.id.clone())),
        (role, brand) => Ok(Access { key: key.id.clone(), role, brand: brand.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(role: Role, brand: Option<&str>, key: &str) -> ApiKey {
        ApiKey {
            id: "k1".into(),
            hash: format!("sha256:{}", const_hex::encode(Sha256::digest(key))),
            role,
            brand: brand.map(|name| name.parse().expect("a name")),
        }
    }

    fn present(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().expect("a header"))])
    }

    #[test]
    fn a_key_is_known_by_its_hash_alone() {
        let producer = configured(Role::Producer, Some("demo"), "vk_1");
        let keys = Keys::new(&[producer]).expect("keys").with_operator("env", &Secret::new("vk_2"));
        let who = |value| keys.authenticate(&present(value)).map(|access| access.role).ok();
        assert_eq!(who("Bearer vk_1"), Some(Role::Producer));
        assert_eq!(who("bearer  vk_2"), Some(Role::Operator));
        for bad in ["Bearer vk_3", "Bearer ", "Bearer", "Basic vk_1", "vk_1", "Bearer vk_1 vk_2"] {
            assert_eq!(who(bad), None, "{bad}");
        }
        assert!(keys.authenticate(&HeaderMap::new()).is_err());
        assert!(Keys::default().authenticate(&present("Bearer x")).is_err(), "no keys, no entry");
    }

    #[test]
    fn keys_that_mean_nothing_are_refused() {
        let no_hash = ApiKey { hash: "sha256:12".into(), ..configured(Role::Operator, None, "x") };
        assert_eq!(Keys::new(&[no_hash]).unwrap_err(), BadKey::Hash("k1".into()));
        let nobody = configured(Role::Producer, None, "x");
        assert_eq!(Keys::new(&[nobody]).unwrap_err(), BadKey::NoBrand("k1".into()));
        let spare = configured(Role::Signals, Some("demo"), "x");
        assert_eq!(Keys::new(&[spare]).unwrap_err(), BadKey::SpareBrand("k1".into()));
    }
}
