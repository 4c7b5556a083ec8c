//! Files and variables laid over one another, remembering who set what.

mod refusal;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;
use std::sync::LazyLock;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::environment::{BrandVariables, Variable};
use super::{DEFAULT, Invalid, Origin, SAMPLE_BRAND};

/// The path of a key, one element per table.
pub(super) type KeyPath = Vec<String>;

/// The sample brand.
const SAMPLE: &str = "demo";

/// `brands` and a name: so many elements of a path lead to a brand's own keys.
pub(super) const BRAND_PATH: usize = 2;

/// The kinds of a partner's values; no partner ships in the default file.
static PARTNER: LazyLock<Table> = LazyLock::new(|| {
    let sample = "purposes = []\nhashed_pixel = false\nquota_per_second = 1\nquota_per_day = 1";
    sample.parse().expect("a literal that is TOML")
});

/// The kinds of values of limits and of a warm-up, which the defaults have none of.
static LIMITS: LazyLock<Table> = LazyLock::new(|| {
    let sample = "[limits]\nrate_per_second = 1.0\nper_day = 1\n\
                  [warmup]\nfrom = \"\"\nfirst_day = 1\ngrowth = 1.5\nuntil_per_day = 1\ndays = 1";
    sample.parse().expect("a literal that is TOML")
});

/// The kinds of a brand's values: those of the sample brand, of its lists, of its limits, and of the relay.
static BRAND: LazyLock<Table> = LazyLock::new(|| {
    let [default, mut sample]: [Table; 2] =
        [DEFAULT, SAMPLE_BRAND].map(|text| text.parse().expect("a file of ours that is TOML"));
    sample.extend(default.get("relay").map(|relay| ("relay".to_owned(), relay.clone())));
    sample.insert("dkim".to_owned(), Value::Array(Vec::new()));
    sample.extend(LIMITS.clone());
    sample
});

/// Everything read so far.
#[derive(Debug)]
pub(super) struct Layers {
    merged: Table,
    /// Who set each value that is not a table.
    origins: BTreeMap<KeyPath, Origin>,
}

impl Layers {
    /// The default file and the sample brand's alone.
    pub(super) fn embedded() -> Result<Self, Invalid> {
        let mut layers = Self::nothing();
        layers.add_text(&[], DEFAULT, &Origin::Default)?;
        layers.add_text(&["brands", SAMPLE], SAMPLE_BRAND, &Origin::Default)?;
        Ok(layers)
    }

    /// A brand's own file alone: its keys are those of `[brands.NAME]`.
    pub(super) fn of_brand(file: &Path) -> Result<Self, Invalid> {
        let mut layers = Self::nothing();
        layers.add_file(file)?;
        Ok(layers)
    }

    fn nothing() -> Self {
        Self { merged: Table::new(), origins: BTreeMap::new() }
    }

    /// Lays a file over what was read before.
    pub(super) fn add_file(&mut self, path: &Path) -> Result<(), Invalid> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Invalid::Unreadable { file: path.to_owned(), source })?;
        self.add_text(&[], &text, &Origin::File(path.to_owned()))
    }

    fn add_text(&mut self, at: &[&str], text: &str, origin: &Origin) -> Result<(), Invalid> {
        let table: Table = text.parse().map_err(|error| syntax(text, origin, &error))?;
        let at: KeyPath = at.iter().map(|key| (*key).to_owned()).collect();
        for (key, value) in table {
            self.set([at.as_slice(), &[key]].concat(), value, origin);
        }
        Ok(())
    }

    /// Lays the `VIGIE__…` variables over what was read before, in the order of their names. Returns those of brands:
    /// they are laid over the brands' folders, too. A brand that only has a folder gets no table of them.
    pub(super) fn add_environment(
        &mut self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<BrandVariables, Invalid> {
        let ours = environment.into_iter().filter_map(|(name, text)| Variable::ours(&name, text));
        let mut variables: Vec<Variable> = ours.collect();
        variables.sort_by(|a, b| a.name.cmp(&b.name));
        let (brands, others): (Vec<_>, Vec<_>) =
            variables.into_iter().partition(|variable| variable.brand().is_some());
        for variable in &others {
            self.add_variable(&variable.path, variable)?;
        }
        let brands = BrandVariables(brands);
        for variable in &brands.0 {
            if !variable.brand().is_some_and(|name| self.is_left_to_a_folder(name, &brands)) {
                self.add_variable(&variable.path, variable)?;
            }
        }
        Ok(brands)
    }

    /// Lays a brand's variables over its file.
    pub(super) fn add_brand_variables(&mut self, name: &str, all: &BrandVariables) -> Result<(), Invalid> {
        for variable in all.of(name) {
            self.add_variable(&variable.path[BRAND_PATH..], variable)?;
        }
        Ok(())
    }

    fn add_variable(&mut self, path: &[String], variable: &Variable) -> Result<(), Invalid> {
        let value = variable.value(self.shape_of(&variable.path, path))?;
        self.set(path.to_vec(), value, &Origin::Variable(variable.name.clone()));
        Ok(())
    }

    /// Whether a brand has no table that its variables could be laid over, and comes from a folder: it has one, or its
    /// variables do not say who writes.
    fn is_left_to_a_folder(&self, name: &str, variables: &BrandVariables) -> bool {
        let table = ["brands", name].map(str::to_owned);
        let folders = self.value_at(&["brand_folders", "dir"].map(str::to_owned)).and_then(Value::as_str);
        let Some(folders) = folders.filter(|dir| !dir.is_empty() && self.value_at(&table).is_none()) else {
            return false;
        };
        let says_who_writes = variables.of(name).any(|variable| variable.path[BRAND_PATH..] == ["from"]);
        !says_who_writes || Path::new(folders).join(name).is_dir()
    }

    /// The brands that have tables in files.
    pub(super) fn brands_in_files(&self) -> BTreeSet<String> {
        let in_files = self.origins.iter().filter(|(_, origin)| matches!(origin, Origin::File(_)));
        let brand = |path: &KeyPath| Some(path.get(1)?.clone()).filter(|_| path[0] == "brands");
        in_files.filter_map(|(path, _)| brand(path)).collect()
    }

    /// What kind of value belongs at a key: what is there (`here`), or what samples have there.
    fn shape_of(&self, path: &[String], here: &[String]) -> Option<&Value> {
        self.value_at(here).or_else(|| match path {
            [section, _, key, rest @ ..] if section == "brands" => {
                rest.iter().try_fold(BRAND.get(key)?, |value, key| value.get(key.as_str()))
            }
            [section, _, key] if section == "partners" => PARTNER.get(key),
            [section, _, _, key] if section == "limits" => LIMITS.get(section)?.get(key),
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
