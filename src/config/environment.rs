//! `VIGIE__SECTION__KEY`: one key, from the environment.
//!
//! The name's parts are separated by two underscores and read in lower case. A variable is text; it becomes a number,
//! a boolean or a list where the configuration has one at that key, so that a password of digits stays a password.

use std::ffi::{OsStr, OsString};
use std::fmt;

use toml::Value;

use super::layers::KeyPath;
use super::{Invalid, Origin};

const PREFIX: &str = "vigie__";
const SEPARATOR: &str = "__";

/// One of our variables. Its `Debug` shows no value: it may be a secret.
#[derive(Clone)]
pub(super) struct Variable {
    /// Its name as it was given.
    pub(super) name: String,
    /// The key it sets.
    pub(super) path: KeyPath,
    text: OsString,
}

/// The variables of brands, `VIGIE__BRANDS__NAME__…`, in the order of their names.
#[derive(Debug, Clone, Default)]
pub(super) struct BrandVariables(pub(super) Vec<Variable>);

impl BrandVariables {
    /// Those of one brand.
    pub(super) fn of(&self, name: &str) -> impl Iterator<Item = &Variable> {
        self.0.iter().filter(move |variable| variable.brand() == Some(name))
    }
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Variable {
    /// The brand whose key it sets.
    pub(super) fn brand(&self) -> Option<&str> {
        match self.path.as_slice() {
            [section, name, _, ..] if section == "brands" => Some(name),
            _ => None,
        }
    }

    /// The variable, if its name is one of ours.
    pub(super) fn ours(name: &OsStr, text: OsString) -> Option<Self> {
        let name = name.to_str()?.to_owned();
        let lower = name.to_ascii_lowercase();
        let path = lower.strip_prefix(PREFIX)?.split(SEPARATOR).map(str::to_owned).collect();
        Some(Self { name, path, text })
    }

    /// Its value, of the same kind as `shape`; text where there is none.
    pub(super) fn value(&self, shape: Option<&Value>) -> Result<Value, Invalid> {
        let text = self.text.to_str().ok_or_else(|| self.refuse(None, "text in UTF-8"))?;
        let wrong = |expected| self.refuse(Some(format!("{text:?}")), expected);
        match shape {
            Some(Value::Integer(_)) => {
                text.trim().parse().map(Value::Integer).map_err(|_| wrong("a whole number"))
            }
            Some(Value::Float(_)) => text.trim().parse().map(Value::Float).map_err(|_| wrong("a number")),
            Some(Value::Boolean(_)) => {
                text.trim().parse().map(Value::Boolean).map_err(|_| wrong("true or false"))
            }
            Some(Value::Array(_)) => {
                list(text).ok_or_else(|| wrong("a list, as in TOML or separated by commas"))
            }
            _ => Ok(Value::String(text.to_owned())),
        }
    }

    fn refuse(&self, found: Option<String>, expected: &str) -> Invalid {
        Invalid::Value {
            key: self.path.join("."),
            origin: Origin::Variable(self.name.clone()),
            found,
            expected: expected.to_owned(),
        }
    }
}

/// `["a", "b"]`, `[{ id = 1 }]` or `a, b`; nothing is the empty list.
fn list(text: &str) -> Option<Value> {
    let text = text.trim();
    if text.starts_with('[') {
        return text.parse().ok().filter(Value::is_array);
    }
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    Some(Value::Array(items.map(|item| Value::String(item.to_owned())).collect()))
}
