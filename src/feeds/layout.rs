//! A mapping that has met its feed: which cell goes where.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::entry::Entry;
use super::field::Field;
use super::mapping::{BadMapping, Column, Mapping};
use super::{Fault, PROBLEM, object};
use crate::config::Others;

/// Which cell of a feed goes where.
pub struct Layout {
    mapping: Arc<Mapping>,
    /// Of CSV, in order; of NDJSON none.
    columns: Vec<String>,
    places: HashMap<String, usize>,
    /// Where each column goes, if anywhere.
    plan: Vec<Option<Column>>,
}

impl Layout {
    /// The layout of NDJSON, whose lines name their members themselves.
    pub fn of_objects(mapping: Arc<Mapping>) -> Self {
        Self { mapping, columns: Vec::new(), places: HashMap::new(), plan: Vec::new() }
    }

    /// Whether the first record of CSV names the columns.
    pub fn has_header(mapping: &Mapping) -> bool {
        !mapping.no_header
    }

    /// The layout of CSV whose first record is this: the header line, unless the mapping says that there is none.
    ///
    /// # Errors
    /// Columns that are missing, meet in one field or are no field; all of them at once.
    pub fn of_columns(mapping: Arc<Mapping>, first: &[String]) -> Result<Self, BadMapping> {
        let columns: Vec<String> = if mapping.no_header {
            (1..=first.len()).map(|number| number.to_string()).collect()
        } else {
            first.to_vec()
        };
        let mut wrong = missing(&mapping, &columns);
        let mut plan = Vec::with_capacity(columns.len());
        for column in &columns {
            plan.push(place(&mapping, column).unwrap_or_else(|problem| {
                wrong.push(problem);
                None
            }));
        }
        wrong.extend(twice(&plan));
        if !gives_address(&mapping, &plan) && wrong.is_empty() {
            wrong.push("no column is `to.email`: name one so, or map one to it".into());
        }
        if !wrong.is_empty() {
            return Err(BadMapping::new(wrong.join("; ")));
        }
        let places = columns.iter().enumerate().map(|(at, column)| (column.clone(), at)).collect();
        Ok(Self { mapping, columns, places, plan })
    }

    /// The columns, of CSV.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The entry of a CSV record.
    ///
    /// # Errors
    /// The first field at fault.
    pub fn entry(&self, cells: &[String]) -> Result<Entry, Fault> {
        let empty = |cell: &String| cell.is_empty();
        if cells.len() < self.columns.len() || !cells[self.columns.len()..].iter().all(empty) {
            let problem = format!("has {} columns where the header has {}", cells.len(), self.columns.len());
            return Err(Fault::line(problem));
        }
        let mut entry = self.begin()?;
        for (column, cell) in self.plan.iter().zip(cells) {
            if let Some(column) = column {
                column.put(cell, &mut entry)?;
            }
        }
        self.end(entry, |name| self.places.get(name).map(|at| cells[*at].clone()))
    }

    /// The entry of a line of NDJSON.
    ///
    /// # Errors
    /// The first field at fault.
    pub fn entry_of(&self, mut members: Map<String, Value>) -> Result<Entry, Fault> {
        members.remove(PROBLEM);
        let mut entry = self.begin()?;
        if self.mapping.columns.is_empty() {
            object::spread(members, &mut entry)?;
            return self.end(entry, |_| None);
        }
        let leaves = object::leaves(members);
        for (name, value) in &leaves {
            match (place(&self.mapping, name), value) {
                (Ok(None), _) => {}
                (Ok(Some(column)), Value::String(text)) => column.put(text, &mut entry)?,
                (Ok(Some(column)), value) => column.put_value(value, &mut entry)?,
                (Err(problem), _) => return Err(Fault::of(name.clone(), problem)),
            }
        }
        self.end(entry, |name| leaves.get(name).map(object::shown))
    }

    fn begin(&self) -> Result<Entry, Fault> {
        let mut entry = Entry::default();
        for (field, value) in &self.mapping.constants {
            entry.set(field, value.clone())?;
        }
        Ok(entry)
    }

    /// Fills the templates, and looks whether the id gives somebody away.
    fn end(&self, mut entry: Entry, column: impl Fn(&str) -> Option<String>) -> Result<Entry, Fault> {
        for (field, template) in &self.mapping.templates {
            let value = |name: &str| {
                column(name)
                    .unwrap_or_else(|| name.parse().map(|field| entry.shown(&field)).unwrap_or_default())
            };
            let (text, empty) = template.fill(value);
            match (field, empty) {
                (Field::Id | Field::Case, Some(name)) => {
                    return Err(Fault::of(field.to_string(), format!("cannot be made: `{name}` is empty")));
                }
                _ if text.is_empty() => {}
                _ => entry.set(field, text.into())?,
            }
        }
        match (&entry.id, &entry.email) {
            (Some(id), Some(email)) if contains(id, email) => {
                Err(Fault::of("id", "contains the address: ids are seen where addresses must not be"))
            }
            _ => Ok(entry),
        }
    }
}

impl Column {
    fn put(&self, cell: &str, entry: &mut Entry) -> Result<(), Fault> {
        let value = match (cell.trim(), &self.default) {
            ("", None) => return Ok(()),
            ("", Some(default)) => default.clone(),
            (text, _) => self.cell.read(text).map_err(|problem| self.fault(problem))?,
        };
        self.fields.iter().try_for_each(|field| entry.set(field, value.clone().into()))
    }

    /// Puts what is no text.
    fn put_value(&self, value: &Value, entry: &mut Entry) -> Result<(), Fault> {
        self.fields.iter().try_for_each(|field| entry.set(field, value.clone()))
    }

    fn fault(&self, problem: String) -> Fault {
        Fault::of(self.fields.first().map(ToString::to_string).unwrap_or_default(), problem)
    }
}

/// Where a column goes; what is wrong with it, if it may not be there.
fn place(mapping: &Mapping, name: &str) -> Result<Option<Column>, String> {
    if name == PROBLEM {
        return Ok(None);
    }
    if let Some(column) = mapping.columns.get(name) {
        return Ok(Some(column.clone()));
    }
    if mapping.columns.is_empty() {
        let field = name.parse().map(Column::plain).map(Some);
        return field.map_err(|problem: String| format!("the column `{name}` {problem}"));
    }
    match mapping.others {
        Others::Ignore => Ok(None),
        Others::Vars if name.is_empty() => Ok(None),
        Others::Vars => Ok(Some(Column::plain(Field::Var(name.to_owned())))),
        Others::Refuse => Err(format!("the column `{name}` is not in the mapping")),
    }
}

/// Columns that the mapping names and the feed lacks.
fn missing(mapping: &Mapping, columns: &[String]) -> Vec<String> {
    let lacking = mapping.columns.keys().filter(|name| !columns.contains(name));
    lacking.map(|name| format!("the feed has no column `{name}`")).collect()
}

/// Fields that two columns give.
fn twice(plan: &[Option<Column>]) -> Vec<String> {
    let mut given = HashSet::new();
    let fields = plan.iter().flatten().flat_map(|column| &column.fields);
    fields.filter(|field| !given.insert(*field)).map(|field| format!("two columns are `{field}`")).collect()
}

fn gives_address(mapping: &Mapping, plan: &[Option<Column>]) -> bool {
    let mut fields = plan.iter().flatten().flat_map(|column| &column.fields);
    let mut others = mapping
        .constants
        .iter()
        .map(|(field, _)| field)
        .chain(mapping.templates.iter().map(|(field, _)| field));
    fields.any(|field| *field == Field::Email) || others.any(|field| *field == Field::Email)
}

fn contains(id: &str, email: &str) -> bool {
    let email = email.trim().to_lowercase();
    !email.is_empty() && id.to_lowercase().contains(&email)
}
