//! Why a gateway does not start.

use crate::store::StoreError;

/// Why a gateway does not start, in one sentence, sorted by who has to act.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration asks for something that cannot be.
    #[error("{0}")]
    Configuration(String),
    /// Something the gateway needs is not there: an address in use, a store that is locked.
    #[error("{0}")]
    Unavailable(String),
    /// Another gateway runs on this store.
    #[error("{0}")]
    InUse(String),
    /// What the store holds is damaged.
    #[error("{0}")]
    Damaged(String),
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::InUse(_) => Self::InUse(error.to_string()),
            StoreError::Unfit(_) => Self::Configuration(error.to_string()),
            StoreError::Damaged(_) => Self::Damaged(error.to_string()),
            StoreError::Unavailable(_) | StoreError::CannotWait(_) | StoreError::Full(_) => {
                Self::Unavailable(error.to_string())
            }
        }
    }
}
