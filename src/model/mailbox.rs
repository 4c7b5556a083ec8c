//! Watched mailboxes, as far as the store knows them: whose, and sealed bytes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::RecipientId;

/// How to get into a person's mailbox, encrypted: [`Vault`](crate::secrets::Vault) made it, and nobody without its key
/// can read it. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Arc<[u8]>);

/// The mailboxes of some people.
pub type Mailboxes = BTreeMap<RecipientId, Sealed>;

impl Sealed {
    /// Wraps sealed bytes.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sealed bytes", self.0.len())
    }
}
