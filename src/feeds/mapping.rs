//! What the columns of a feed mean, checked as far as it can be without the feed.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::cell::Cell;
use super::entry::Entry;
use super::field::Field;
use super::reader::Wanted;
use super::template::Template;
use crate::config::{self, Fields, Others, ReadColumn};
use crate::model::Name;

/// A mapping that cannot be used, or does not fit the feed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadMapping(String);

impl BadMapping {
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }
}

/// What the columns of a feed mean. The default one knows the header lines of our own names.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    pub(super) wanted: Wanted,
    /// The first line is data, and columns are called `1`, `2`, ….
    pub(super) no_header: bool,
    pub(super) others: Others,
    pub(super) constants: Vec<(Field, Value)>,
    pub(super) columns: BTreeMap<String, Column>,
    pub(super) templates: Vec<(Field, Template)>,
}

/// Where a column goes.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) fields: Vec<Field>,
    pub(super) cell: Cell,
    /// For empty cells.
    pub(super) default: Option<String>,
}

impl Mapping {
    /// The mapping that a configuration or a mapping file describes.
    ///
    /// # Errors
    /// The first name, pattern or value in it that cannot be.
    pub fn new(said: &config::Mapping) -> Result<Self, BadMapping> {
        let wanted = Wanted::of(said).map_err(BadMapping::new)?;
        let columns =
            said.columns.iter().map(|(name, column)| Ok((name.clone(), Column::new(name, column)?)));
        let mapping = Self {
            wanted,
            no_header: !said.header,
            others: said.others,
            constants: said.constants.iter().map(constant).collect::<Result<_, _>>()?,
            columns: columns.collect::<Result<_, BadMapping>>()?,
            templates: said.templates.iter().map(template).collect::<Result<_, _>>()?,
        };
        mapping.check()
    }

    /// How the feed is written, as far as the mapping says.
    pub fn wanted(&self) -> Wanted {
        self.wanted
    }

    fn check(self) -> Result<Self, BadMapping> {
        if self.no_header && self.columns.is_empty() {
            return Err(BadMapping::new(
                "without a header line, `columns` says what is where: \"1\", \"2\", …",
            ));
        }
        let mut given = HashSet::new();
        let columns = self.columns.values().flat_map(|column| &column.fields);
        let constants = self.constants.iter().map(|(field, _)| field);
        let templates = self.templates.iter().map(|(field, _)| field);
        for field in columns.chain(constants).chain(templates) {
            if !given.insert(field) {
                return Err(BadMapping::new(format!("the field {field} is given twice")));
            }
        }
        for (field, template) in &self.templates {
            if *field == Field::Id && template.names().any(|name| self.is_personal(name)) {
                return Err(BadMapping::new("an id must not be made of somebody's address or name"));
            }
        }
        Ok(self)
    }

    /// Whether this name, of a column or a field, says who somebody is.
    fn is_personal(&self, name: &str) -> bool {
        match self.columns.get(name) {
            Some(column) => column.fields.iter().any(Field::is_personal),
            None => name.parse().is_ok_and(|field: Field| field.is_personal()),
        }
    }
}

impl Column {
    fn new(name: &str, column: &config::Column) -> Result<Self, BadMapping> {
        let (names, read) = match column {
            config::Column::Field(field) => (vec![field.as_str()], None),
            config::Column::Read(ReadColumn { field: Fields::One(field), .. }) => {
                (vec![field.as_str()], read_of(column))
            }
            config::Column::Read(ReadColumn { field: Fields::Several(fields), .. }) => {
                (fields.iter().map(String::as_str).collect(), read_of(column))
            }
        };
        let fields = names.into_iter().map(|field| named(&format!("column \"{name}\""), field));
        Ok(Self {
            fields: fields.collect::<Result<_, _>>()?,
            cell: read.map_or(Ok(Cell::Text), Cell::new).map_err(|bad| bad.of(name))?,
            default: read.and_then(|read| read.default.clone()),
        })
    }

    /// Where a column goes that is read as it stands.
    pub(super) fn plain(field: Field) -> Self {
        Self { fields: vec![field], cell: Cell::Text, default: None }
    }
}

impl BadMapping {
    /// The same of a mapping in the configuration.
    #[must_use]
    pub fn in_configuration(self, name: &Name) -> Self {
        Self(format!("`feeds.mappings.{name}`: {}", self.0))
    }

    fn of(self, column: &str) -> Self {
        Self(format!("column \"{column}\": {}", self.0))
    }
}

fn read_of(column: &config::Column) -> Option<&ReadColumn> {
    match column {
        config::Column::Field(_) => None,
        config::Column::Read(read) => Some(read),
    }
}

fn named(whose: &str, field: &str) -> Result<Field, BadMapping> {
    field.parse().map_err(|problem| BadMapping::new(format!("{whose}: `{field}` {problem}")))
}

/// A constant must be a value that its field can have.
fn constant((name, text): (&String, &String)) -> Result<(Field, Value), BadMapping> {
    let field = named("constants", name)?;
    let value = Value::from(text.as_str());
    match Entry::default().set(&field, value.clone()) {
        Ok(()) => Ok((field, value)),
        Err(fault) => Err(BadMapping::new(format!("constants: {fault}"))),
    }
}

fn template((name, text): (&String, &String)) -> Result<(Field, Template), BadMapping> {
    Ok((named("templates", name)?, Template::parse(text)?))
}
