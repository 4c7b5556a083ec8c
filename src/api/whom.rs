//! Which person a request is about: by address, by its SHA-256, or by the id the store knows.

use super::Problem;
use crate::model::RecipientId;
use crate::token::Identity;

/// What a request may say of a person; exactly one of them.
#[derive(Clone, Copy, Default)]
pub(super) struct Whom<'a> {
    pub(super) email: Option<&'a str>,
    pub(super) email_sha256: Option<&'a str>,
    pub(super) recipient: Option<RecipientId>,
}

impl Whom<'_> {
    /// The person.
    ///
    /// # Errors
    /// 422 if it is no address or hash, or if not exactly one was given.
    pub(super) fn find(self, identity: &Identity) -> Result<RecipientId, Problem> {
        match (self.email, self.email_sha256, self.recipient) {
            (Some(address), None, None) => {
                identity.of_address(address).map_err(|bad| Problem::field("email", bad.to_string()))
            }
            (None, Some(hash), None) => {
                identity.of_hash(hash).map_err(|bad| Problem::field("email_sha256", bad.to_string()))
            }
            (None, None, Some(recipient)) => Ok(recipient),
            (None, None, None) => Err(Problem::field("email", "say who: give email (or what stands for it)")),
            _ => Err(Problem::field("email", "say who in one way only, not in two")),
        }
    }
}
