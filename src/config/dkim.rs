//! `[brands.NAME.dkim]`: what a brand's mails are signed with.

use std::fmt;
use std::path::PathBuf;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::redact::Secret;

/// One DKIM signature (RFC 6376). A brand may have several: verifiers take the one they understand.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dkim {
    /// The name of the key in DNS: `SELECTOR._domainkey.DOMAIN`.
    pub selector: String,
    /// The domain that signs; empty means the domain of `from`.
    #[serde(default)]
    pub domain: String,
    /// The private key's PEM file, RSA or Ed25519; this or `key`.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// The private key itself, as PEM: for the environment.
    #[serde(default)]
    pub key: Option<Secret>,
}

/// One table, or a list of them.
pub(super) fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Dkim>, D::Error> {
    struct OneOrMany;
    impl<'de> Visitor<'de> for OneOrMany {
        type Value = Vec<Dkim>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table with selector and key_file, or a list of such tables")
        }
        fn visit_map<A: MapAccess<'de>>(self, one: A) -> Result<Vec<Dkim>, A::Error> {
            Dkim::deserialize(MapAccessDeserializer::new(one)).map(|one| vec![one])
        }
        fn visit_seq<A: SeqAccess<'de>>(self, many: A) -> Result<Vec<Dkim>, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(many))
        }
    }
    deserializer.deserialize_any(OneOrMany)
}
