//! Lines of NDJSON: an object's members as fields, or as columns.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Fault;
use super::entry::Entry;
use super::field::Field;

/// Sets what an object in the words of `POST /v1/sends` says; `case` may be the case's name or an object with what is
/// known of it, `name` among it.
pub(super) fn spread(members: Map<String, Value>, entry: &mut Entry) -> Result<(), Fault> {
    for (name, value) in members {
        match (name.as_str(), value) {
            (_, Value::Null) => {}
            ("vars", Value::Object(vars)) => entry.vars.extend(vars),
            ("vars", _) => return Err(Fault::of("vars", "must be an object")),
            ("case", Value::Object(case)) => nested("case", case, entry)?,
            ("to", Value::Object(to)) => nested("to", to, entry)?,
            (name, value) => set(name, value, entry)?,
        }
    }
    Ok(())
}

fn nested(prefix: &str, members: Map<String, Value>, entry: &mut Entry) -> Result<(), Fault> {
    for (name, value) in members {
        let name = if (prefix, name.as_str()) == ("case", "name") {
            prefix.into()
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            Value::Null => {}
            Value::Object(inner) if matches!(name.as_str(), "case.first_letter" | "case.attributes") => {
                nested(&name, inner, entry)?;
            }
            value => set(&name, value, entry)?,
        }
    }
    Ok(())
}

fn set(name: &str, value: Value, entry: &mut Entry) -> Result<(), Fault> {
    let field: Field = name.parse().map_err(|problem: String| Fault::of(name, problem))?;
    entry.set(&field, value)
}

/// Every value that is no object, by its dotted name.
pub(super) fn leaves(members: Map<String, Value>) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    let mut open: Vec<(String, Value)> = members.into_iter().collect();
    while let Some((name, value)) = open.pop() {
        match value {
            Value::Null => {}
            Value::Object(inner) => {
                open.extend(inner.into_iter().map(|(key, value)| (format!("{name}.{key}"), value)));
            }
            value => drop(leaves.insert(name, value)),
        }
    }
    leaves
}

/// A value as a template shows it.
pub(super) fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
