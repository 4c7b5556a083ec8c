//! `[handoff]`: the file for the call centre.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// `[handoff]`: where cases are written down that left e-mail.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handoff {
    /// The directory; empty: nothing is written. A relative one starts at `data.dir`.
    pub dir: PathBuf,
}

impl Handoff {
    /// Where to write, if at all, where vigie keeps its own files in `data`.
    pub fn below(&self, data: &Path) -> Option<PathBuf> {
        if self.dir.as_os_str().is_empty() { None } else { Some(data.join(&self.dir)) }
    }
}
