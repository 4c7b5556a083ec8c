//! Files and variables laid over one another, remembering who set what.

mod refusal;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::LazyLock;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::environment::Variable;
use super::{DEFAULT, Invalid, Origin};

/// The path of a key, one element per table.
pub(super) type KeyPath = Vec<String>;

/// The kinds of a partner's values; no partner ships in the default file.
static PARTNER: LazyLock<Table> = LazyLock::new(|| {
    let sample = "purposes = []\nhashed_pixel = false\nquota_per_second = 1\nquota_per_day = 1";
    sample.parse().expect("a literal that is TOML")
});

/// What kind of value a brand's lists are, which the sample brand does not have.
static LIST: Value = Value::Array(Vec::new());

/// Everything read so far.
#[derive(Debug)]
pub(super) struct Layers {
    merged: Table,
    /// Who set each value that is not a table.
    origins: BTreeMap<KeyPath, Origin>,
}

impl Layers {
    /// The default file alone.
    pub(super) fn embedded() -> Result<Self, Invalid> {
        let mut layers = Self { merged: Table::new(), origins: BTreeMap::new() };
        layers.add_text(DEFAULT, &Origin::Default)?;
        Ok(layers)
    }

    /// Lays a file over what was read before.
    pub(super) fn add_file(&mut self, path: &Path) -> Result<(), Invalid> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Invalid::Unreadable { file: path.to_owned(), source })?;
        self.add_text(&text, &Origin::File(path.to_owned()))
    }

    fn add_text(&mut self, text: &str, origin: &Origin) -> Result<(), Invalid> {
        let table: Table = text.parse().map_err(|error| syntax(text, origin, &error))?;
        for (key, value) in table {
            self.set(vec![key], value, origin);
        }
        Ok(())
    }

    /// Lays the `VIGIE__…` variables over what was read before, in the order of their names.
    pub(super) fn add_environment(
        &mut self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(), Invalid> {
        let ours = environment.into_iter().filter_map(|(name, text)| Variable::ours(&name, text));
        let mut variables: Vec<Variable> = ours.collect();
        variables.sort_by(|a, b| a.name.cmp(&b.name));
        for variable in variables {
            let value = variable.value(self.shape_of(&variable.path))?;
            let origin = Origin::Variable(variable.name);
            self.set(variable.path, value, &origin);
        }
        Ok(())
    }

    /// What kind of value belongs at a key: what is there, or what the sample brand has there.
    fn shape_of(&self, path: &[String]) -> Option<&Value> {
        self.value_at(path).or_else(|| match path {
            [section, _, key] if section == "brands" && (key == "dkim" || key == "first_letters") => {
                Some(&LIST)
            }
            [section, _, key] if section == "brands" => {
                self.merged.get("brands")?.get("demo")?.get(key.as_str())
            }
            [section, _, key] if section == "partners" => PARTNER.get(key),
            _ => None,
        })
    }

    /// Sets a value; tables are merged key by key, anything else replaces what was there.
    fn set(&mut self, path: KeyPath, value: Value, origin: &Origin) {
        match value {
            Value::Table(table) if !table.is_empty() => {
                for (key, value) in table {
                    self.set([path.as_slice(), &[key]].concat(), value, origin);
                }
            }
            Value::Table(_) if self.value_at(&path).is_some_and(Value::is_table) => {}
            value => {
                put(&mut self.merged, &path, value);
                self.origins.retain(|known, _| !known.starts_with(&path) && !path.starts_with(known));
                self.origins.insert(path, origin.clone());
            }
        }
    }

    fn value_at(&self, path: &[String]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.merged.get(first)?, |value, key| match value {
            Value::Array(list) => list.get(key.parse::<usize>().ok()?),
            value => value.get(key.as_str()),
        })
    }

    /// Who set a key, or the table or list it is in.
    fn origin_of(&self, path: &[String]) -> Origin {
        let above = (1..=path.len()).rev().find_map(|length| self.origins.get(&path[..length]));
        let below = || self.origins.iter().rfind(|(known, _)| known.starts_with(path));
        above.or_else(|| below().map(|(_, origin)| origin)).cloned().unwrap_or(Origin::Default)
    }

    /// Turns the merged tables into the typed configuration.
    pub(super) fn read<T: DeserializeOwned>(self) -> Result<T, Invalid> {
        serde_path_to_error::deserialize(Value::Table(self.merged.clone()))
            .map_err(|error| self.refuse(&error))
    }
}

/// Puts a value into nested tables; what stands in the way and is no table is replaced by one.
fn put(table: &mut Table, path: &[String], value: Value) {
    let [first, rest @ ..] = path else { return };
    if rest.is_empty() {
        table.insert(first.clone(), value);
        return;
    }
    let next = table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new()));
    if !next.is_table() {
        *next = Value::Table(Table::new());
    }
    if let Value::Table(next) = next {
        put(next, rest, value);
    }
}

fn syntax(text: &str, origin: &Origin, error: &toml::de::Error) -> Invalid {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Invalid::Syntax {
        origin: origin.clone(),
        line: before.matches('\n').count() + 1,
        column,
        message: error.message().lines().collect::<Vec<_>>().join(", "),
    }
}
