//! What a reading of the folders leaves behind for the next one.

use std::collections::BTreeSet;

use crate::config::Found;
use crate::model::Name;

/// What the last reading went by.
#[derive(Default)]
pub(super) struct Seen {
    /// The folders, each with its version.
    pub(super) found: Found,
    /// Brands whose folder is gone, which was told.
    pub(super) gone: BTreeSet<Name>,
    /// The directory could not be read, which was told.
    pub(super) unreadable: bool,
}
