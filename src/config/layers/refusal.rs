//! From serde's complaint to a sentence about a key.

use serde_path_to_error::{Error, Path, Segment};
use toml::Value;

use super::{KeyPath, Layers};
use crate::config::Invalid;

/// Keys whose value is never repeated, whatever is wrong with it.
const SECRET_KEYS: [&str; 5] = ["key", "password", "secret", "secrets", "url"];

/// A misspelt key is at least this similar to the one that was meant (0 to 1, Jaro–Winkler).
const SIMILAR: f64 = 0.8;

/// Longest value that is repeated, in characters.
const LONGEST_SHOWN: usize = 80;

impl Layers {
    /// The sentence for a value that did not become a configuration.
    pub(super) fn refuse(&self, error: &Error<toml::de::Error>) -> Invalid {
        let message = error.inner().message();
        let path = key_path(error.path());
        if message.starts_with("unknown field") {
            return self.unknown(path, message);
        }
        if let Some(field) = message.strip_prefix("missing field ") {
            let origin = self.origin_of(&path);
            let key = display(&[path.as_slice(), &[field.trim_matches('`').to_owned()]].concat());
            return Invalid::Missing { key, origin };
        }
        let secret = path.iter().any(|key| SECRET_KEYS.contains(&key.as_str()) || key.ends_with("_secret"));
        let found = self.value_at(&path).filter(|_| !secret).map(shown);
        Invalid::Value {
            key: display(&path),
            origin: self.origin_of(&path),
            found,
            expected: expectation(message),
        }
    }

    fn unknown(&self, mut path: KeyPath, message: &str) -> Invalid {
        let origin = self.origin_of(&path);
        let mut names = message.split('`').skip(1).step_by(2);
        let unknown = names.next().unwrap_or_default().to_owned();
        let likely = most_similar(&unknown, names);
        let key = display(&path);
        let similar = likely.map(|name| {
            path.pop();
            path.push(name.to_owned());
            display(&path)
        });
        Invalid::UnknownKey { key, origin, similar }
    }
}

fn most_similar<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let rated = known.map(|name| (strsim::jaro_winkler(&unknown.to_lowercase(), name), name));
    rated.filter(|(rate, _)| *rate >= SIMILAR).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

fn key_path(path: &Path) -> KeyPath {
    let segments = path.iter().filter_map(|segment| match segment {
        Segment::Map { key } => Some(key.clone()),
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    segments.collect()
}

/// A path as one writes it in TOML; elements of lists are counted from 0.
pub(in crate::config) fn display(path: &[String]) -> String {
    let bare = |key: &str| key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    let quoted = path.iter().map(|key| if bare(key) { key.clone() } else { format!("{key:?}") });
    quoted.collect::<Vec<_>>().join(".")
}

fn shown(value: &Value) -> String {
    match value {
        Value::Table(_) => "a table".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        value => {
            let text = value.to_string();
            let short: String = text.chars().take(LONGEST_SHOWN).collect();
            if short.len() < text.len() { format!("{short}…") } else { short }
        }
    }
}

/// What would be right, in words of this file rather than of Rust's types.
fn expectation(message: &str) -> String {
    let expected = message.split_once("expected ").map_or(message, |(_, expected)| expected);
    let plain = match expected {
        "usize" | "u64" => "a whole number, 0 or more",
        "u32" => "a whole number from 0 to 4294967295",
        "u16" => "a whole number from 0 to 65535",
        "a string" | "path string" => "text in quotes",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "a table",
        "socket address" | "invalid socket address syntax" => {
            "an address and port such as \"127.0.0.1:8080\" or \"[::1]:8080\""
        }
        table if table.starts_with("struct ") => "a table",
        name if name.starts_with("must be ") => return name.replacen("must be", "a name that is", 1),
        other => other,
    };
    plain.to_owned()
}
