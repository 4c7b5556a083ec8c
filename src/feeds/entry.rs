//! What a line says, field by field.

use std::fmt::Display;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value};

use super::Fault;
use super::field::{Fact, Field};
use crate::hours::Zone;
use crate::model::{Amount, Currency, Name, OnDeadline};

/// A send as a line of a feed means it, in the words of `POST /v1/sends`; what it leaves out is for the import to say.
/// Not `Debug`: it holds an address.
#[derive(Clone, Default, PartialEq)]
pub struct Entry {
    /// The producer's own id.
    pub id: Option<String>,
    /// Who writes.
    pub brand: Option<Name>,
    /// The named group.
    pub campaign: Option<Name>,
    /// Which template.
    pub template: Option<Name>,
    /// The debt file.
    pub case: Option<String>,
    /// The address.
    pub email: Option<String>,
    /// The person's name.
    pub name: Option<String>,
    /// The template's variables.
    pub vars: Map<String, Value>,
    /// Not before this moment.
    pub not_before: Option<Timestamp>,
    /// When `on_deadline` happens.
    pub deadline: Option<Timestamp>,
    /// What happens then.
    pub on_deadline: Option<OnDeadline>,
    /// The person's time zone.
    pub zone: Option<String>,
    /// Higher goes first.
    pub priority: Option<i16>,
    /// What the line says of the case.
    pub facts: CaseFacts,
}

/// What a line says of its case, in the words of `PUT /v1/cases/{brand}/{case}`. Not `Debug`: attributes may be
/// personal.
#[derive(Clone, Default, PartialEq)]
pub struct CaseFacts {
    /// What is owed, as a decimal number.
    pub amount: Option<Amount>,
    /// In which currency (ISO 4217).
    pub currency: Option<Currency>,
    /// When it was due.
    pub due_date: Option<Date>,
    /// The person's time zone.
    pub zone: Option<String>,
    /// The person's language.
    pub language: Option<String>,
    /// When the case goes to the call centre.
    pub deadline: Option<Timestamp>,
    /// The first letter's reference.
    pub letter_reference: Option<String>,
    /// The first letter's date.
    pub letter_date: Option<Date>,
    /// Whatever else is known.
    pub attributes: Map<String, Value>,
}

impl Entry {
    /// Sets a field.
    pub(super) fn set(&mut self, field: &Field, value: Value) -> Result<(), Fault> {
        match field {
            Field::Id => self.id = Some(text(field, value)?),
            Field::Brand => self.brand = Some(parsed::<Name>(field, value)?),
            Field::Campaign => self.campaign = Some(parsed(field, value)?),
            Field::Template => self.template = Some(parsed(field, value)?),
            Field::Case => self.case = Some(text(field, value)?),
            Field::Email => self.email = Some(text(field, value)?),
            Field::Name => self.name = Some(text(field, value)?),
            Field::NotBefore => self.not_before = Some(moment(field, value)?),
            Field::Deadline => self.deadline = Some(moment(field, value)?),
            Field::OnDeadline => self.on_deadline = Some(on_deadline(field, value)?),
            Field::Zone => self.zone = Some(zone(field, value)?),
            Field::Priority => self.priority = Some(priority(field, value)?),
            Field::Var(name) => drop(self.vars.insert(name.clone(), value)),
            Field::Fact(fact) => self.facts.set(field, fact, value)?,
            Field::Nothing => {}
        }
        Ok(())
    }

    /// The text of a field, as a template puts it in; empty if it was not set.
    pub(super) fn shown(&self, field: &Field) -> String {
        fn or_empty(value: Option<&impl ToString>) -> String {
            value.map(ToString::to_string).unwrap_or_default()
        }
        match field {
            Field::Id => or_empty(self.id.as_ref()),
            Field::Brand => or_empty(self.brand.as_ref()),
            Field::Campaign => or_empty(self.campaign.as_ref()),
            Field::Template => or_empty(self.template.as_ref()),
            Field::Case => or_empty(self.case.as_ref()),
            Field::Email => or_empty(self.email.as_ref()),
            Field::Name => or_empty(self.name.as_ref()),
            Field::NotBefore => or_empty(self.not_before.as_ref()),
            Field::Deadline => or_empty(self.deadline.as_ref()),
            Field::Zone => or_empty(self.zone.as_ref()),
            Field::Priority => or_empty(self.priority.as_ref()),
            Field::Var(name) => self.vars.get(name).map(plain).unwrap_or_default(),
            Field::Fact(fact) => self.facts.shown(fact),
            Field::OnDeadline | Field::Nothing => String::new(),
        }
    }
}

impl CaseFacts {
    fn set(&mut self, field: &Field, fact: &Fact, value: Value) -> Result<(), Fault> {
        match fact {
            Fact::Amount => self.amount = Some(parsed(field, value)?),
            Fact::Currency => self.currency = Some(parsed(field, value)?),
            Fact::DueDate => self.due_date = Some(day(field, value)?),
            Fact::Zone => self.zone = Some(zone(field, value)?),
            Fact::Language => self.language = Some(text(field, value)?),
            Fact::Deadline => self.deadline = Some(moment(field, value)?),
            Fact::LetterReference => self.letter_reference = Some(text(field, value)?),
            Fact::LetterDate => self.letter_date = Some(day(field, value)?),
            Fact::Attribute(name) => drop(self.attributes.insert(name.clone(), value)),
        }
        Ok(())
    }

    fn shown(&self, fact: &Fact) -> String {
        let day = |day: Option<Date>| day.map(|day| day.to_string()).unwrap_or_default();
        match fact {
            Fact::Amount => self.amount.as_ref().map(|amount| amount.as_str().to_owned()).unwrap_or_default(),
            Fact::Currency => self.currency.map(|currency| currency.code().to_owned()).unwrap_or_default(),
            Fact::DueDate => day(self.due_date),
            Fact::Zone => self.zone.clone().unwrap_or_default(),
            Fact::Language => self.language.clone().unwrap_or_default(),
            Fact::Deadline => self.deadline.map(|at| at.to_string()).unwrap_or_default(),
            Fact::LetterReference => self.letter_reference.clone().unwrap_or_default(),
            Fact::LetterDate => day(self.letter_date),
            Fact::Attribute(name) => self.attributes.get(name).map(plain).unwrap_or_default(),
        }
    }

    /// Whether the line says nothing of its case.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A value as text, where it is one thing.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn text(field: &Field, value: Value) -> Result<String, Fault> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(Fault::of(field.to_string(), "must be text")),
    }
}

fn parsed<T: FromStr<Err: Display>>(field: &Field, value: Value) -> Result<T, Fault> {
    text(field, value)?.parse().map_err(|error: T::Err| Fault::of(field.to_string(), error.to_string()))
}

fn moment(field: &Field, value: Value) -> Result<Timestamp, Fault> {
    let wrong =
        "must be a moment with its zone, such as 2026-03-01T09:00:00+01:00; a mapping can read others";
    text(field, value)?.parse().map_err(|_| Fault::of(field.to_string(), wrong))
}

fn day(field: &Field, value: Value) -> Result<Date, Fault> {
    let wrong = "must be a day such as 2026-03-01; a mapping can read others";
    text(field, value)?.parse().map_err(|_| Fault::of(field.to_string(), wrong))
}

fn on_deadline(field: &Field, value: Value) -> Result<OnDeadline, Fault> {
    serde_json::from_value(value)
        .map_err(|_| Fault::of(field.to_string(), "must be one of send, handoff and drop"))
}

fn priority(field: &Field, value: Value) -> Result<i16, Fault> {
    let wrong = "must be a whole number from -32768 to 32767";
    text(field, value)?.parse().map_err(|_| Fault::of(field.to_string(), wrong))
}

fn zone(field: &Field, value: Value) -> Result<String, Fault> {
    let zone = text(field, value)?;
    match Zone::named(&zone) {
        Ok(_) => Ok(zone),
        Err(bad) => Err(Fault::of(field.to_string(), format!("must be {bad}"))),
    }
}
