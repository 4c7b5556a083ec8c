//! The text of `INFO`.

use std::collections::HashMap;

/// `INFO`, by the names of its fields.
pub(super) struct Info<'a>(HashMap<&'a str, &'a str>);

impl<'a> Info<'a> {
    /// Reads lines of `name:value`; headings and whatever else is passed over.
    pub(super) fn parse(text: &'a str) -> Self {
        Self(text.lines().filter_map(|line| line.trim_end().split_once(':')).collect())
    }

    /// A field; empty where the server has none of that name.
    pub(super) fn text(&self, field: &str) -> &'a str {
        self.0.get(field).copied().unwrap_or_default()
    }

    /// Major and minor version of Redis, or of the Redis that a Valkey says it equals (7.2.4).
    pub(super) fn version(&self) -> (u32, u32) {
        let mut parts = self.text("redis_version").split('.').map(|part| part.parse().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    }
}
