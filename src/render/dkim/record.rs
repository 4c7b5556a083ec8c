//! What has to be published for a signature to be found.

use std::fmt;

use super::{BadKey, SigningKey};
use crate::redact::Secret;

/// Longest piece of a TXT record, in bytes (RFC 1035 section 3.3).
const LONGEST_PIECE: usize = 255;

/// A TXT record. Formats as a line of a zone file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its name: `SELECTOR._domainkey.DOMAIN`.
    pub name: String,
    /// Its text.
    pub text: String,
}

impl Record {
    /// The record for a private key in PEM.
    ///
    /// # Errors
    /// If it is no key that can sign mails.
    pub fn of_key(pem: &Secret, selector: &str, domain: &str) -> Result<Self, BadKey> {
        Ok(SigningKey::from_pem(pem)?.record(selector, domain))
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}. IN TXT", self.name)?;
        let mut rest = self.text.as_str();
        while !rest.is_empty() {
            let (piece, next) = rest.split_at(rest.len().min(LONGEST_PIECE));
            write!(f, " \"{piece}\"")?;
            rest = next;
        }
        Ok(())
    }
}
