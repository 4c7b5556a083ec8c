//! What a template sees.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::Object;
use serde_json::{Map, Value as Json};

use super::Unfit;
use super::formats::{self, Length};
use super::links::Links;
use super::sender::Sender;
use crate::model::{CaseFacts, SendSpec};

/// Names that are ours: a producer's variable of that name would be a forged payment link or sender.
pub(super) const RESERVED: [&str; 6] =
    ["payment_url", "unsubscribe_url", "recipient", "sender", "brand", "case"];

/// What stands for a variable that a trial assumes. No value of a producer is that.
pub(super) const ASSUMED: &str = "\0";

/// The root of a template's names. Only what a template asks for is converted. `Debug` shows nothing of it.
#[derive(Clone)]
pub(super) struct Variables {
    spec: Arc<SendSpec>,
    facts: Option<Arc<CaseFacts>>,
    payment: Option<Value>,
    unsubscribe: Option<Value>,
    recipient: Value,
    sender: Value,
    brand: Value,
    values: Value,
    language: String,
    /// Variables found missing, which a trial goes on with in order to find the next.
    assumed: Vec<String>,
}

impl Variables {
    pub(super) fn new(
        sender: &Sender,
        spec: Arc<SendSpec>,
        facts: Option<Arc<CaseFacts>>,
        links: &Links<'_>,
        language: &str,
    ) -> Result<Self, Unfit> {
        for (name, value) in &spec.vars {
            check(name, value)?;
        }
        if let Some(facts) = &facts {
            check_facts(facts, language)?;
        }
        let name = spec.to.name().map(str::trim).filter(|name| !name.is_empty());
        let recipient: BTreeMap<_, _> = name.map(|name| ("name", Value::from(name))).into_iter().collect();
        Ok(Self {
            payment: links.payment.as_deref().map(Value::from),
            unsubscribe: links.unsubscribe.as_deref().map(Value::from),
            recipient: recipient.into(),
            sender: sender.mailbox.clone(),
            brand: sender.brand.clone(),
            values: sender.values.clone(),
            language: language.to_owned(),
            assumed: Vec::new(),
            spec,
            facts,
        })
    }

    /// These variables and, as if the producer had given them, the missing ones of these names.
    pub(super) fn assuming(&self, names: &[String]) -> Self {
        Self { assumed: names.to_vec(), ..self.clone() }
    }

    fn get(&self, name: &str) -> Option<Value> {
        match name {
            "payment_url" => self.payment.clone(),
            "unsubscribe_url" => self.unsubscribe.clone(),
            "recipient" => Some(self.recipient.clone()),
            "sender" => Some(self.sender.clone()),
            "brand" => Some(self.brand.clone()),
            "case" => self.spec.case.as_deref().map(Value::from),
            "language" => Some(Value::from(self.language.as_str())),
            name => {
                let given = || self.spec.vars.get(name).and_then(convert);
                self.fact(name)
                    .or_else(given)
                    .or_else(|| self.of_brand(name))
                    .or_else(|| self.assumption(name))
            }
        }
    }

    /// What the brand says of itself.
    fn of_brand(&self, name: &str) -> Option<Value> {
        self.values.get_attr(name).ok().filter(|value| !value.is_undefined())
    }

    /// What the send's case says. That goes before what the send says: the case is put again when a part was paid, and the
    /// send was pushed before.
    fn fact(&self, name: &str) -> Option<Value> {
        let facts = self.facts.as_deref()?;
        let written = |day, length| formats::date(day, length, &self.language).ok();
        match name {
            "amount" => formats::money(&facts.amount, facts.currency, &self.language).ok().map(Value::from),
            "amount_value" => Some(Value::from(facts.amount.as_str())),
            "currency" => Some(Value::from(facts.currency.code())),
            "due_date" => written(facts.due_date?, Length::Long).map(Value::from),
            "due_date_value" => Some(Value::from(facts.due_date?.to_string())),
            "first_letter" => {
                let first = facts.first_letter.as_ref()?;
                let date = written(first.date, Length::Long)?;
                let parts = [
                    ("reference", first.reference.clone()),
                    ("date", date),
                    ("date_value", first.date.to_string()),
                ];
                Some(parts.into_iter().collect::<BTreeMap<_, _>>().into())
            }
            name => facts.attributes.get(name).and_then(convert),
        }
    }

    /// The field of the producer's request, or of its case, that holds this text or number.
    pub(super) fn origin_of(&self, text: &str) -> Option<String> {
        let in_case = self.facts.as_deref().and_then(|facts| {
            if facts.amount.as_str() == text {
                return Some("case.amount".into());
            }
            path_to(&facts.attributes, text).map(|path| format!("case.attributes.{path}"))
        });
        in_case.or_else(|| path_to(&self.spec.vars, text).map(|path| format!("vars.{path}")))
    }

    fn assumption(&self, name: &str) -> Option<Value> {
        self.assumed.iter().any(|assumed| assumed == name).then(|| Value::from(ASSUMED))
    }

    /// The first variable whose text meets a condition.
    pub(super) fn text_that(&self, meets: impl Fn(&str) -> bool) -> Option<&str> {
        let found = self.spec.vars.iter().find(|(_, value)| value.as_str().is_some_and(&meets));
        found.map(|(name, _)| name.as_str())
    }
}

impl Object for Variables {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.get(key)
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Variables")
    }
}

const NUL: &str = "holds a NUL character: leave it out";

fn check(name: &str, value: &Json) -> Result<(), Unfit> {
    if RESERVED.contains(&name) {
        return Err(Unfit::new(
            format!("vars.{name}"),
            "is a name that vigie itself gives to templates: choose another",
        ));
    }
    if holds_nul(value) {
        return Err(Unfit::new(format!("vars.{name}"), NUL));
    }
    Ok(())
}

/// Amounts and texts of a case that no letter can carry.
fn check_facts(facts: &CaseFacts, language: &str) -> Result<(), Unfit> {
    formats::money(&facts.amount, facts.currency, language)
        .map_err(|problem| Unfit::new("case.amount", problem.to_string()))?;
    let first = facts.first_letter.iter().any(|first| first.reference.contains('\0'));
    match facts.attributes.iter().find(|(name, value)| name.contains('\0') || holds_nul(value)) {
        Some((name, _)) => Err(Unfit::new(format!("case.attributes.{}", name.replace('\0', "")), NUL)),
        None if first => Err(Unfit::new("case.first_letter.reference", NUL)),
        None => Ok(()),
    }
}

/// Where in these values a text or number stands: `items.0.sum`.
fn path_to(values: &Map<String, Json>, text: &str) -> Option<String> {
    let within = |value: &Json| match value {
        Json::String(own) => (own == text).then(String::new),
        Json::Number(_) => convert(value).is_some_and(|own| own.to_string() == text).then(String::new),
        Json::Object(members) => path_to(members, text),
        Json::Array(items) => {
            let members = items.iter().enumerate().map(|(at, item)| (at.to_string(), item.clone())).collect();
            path_to(&members, text)
        }
        Json::Null | Json::Bool(_) => None,
    };
    values.iter().find_map(|(name, value)| match within(value)?.as_str() {
        "" => Some(name.clone()),
        rest => Some(format!("{name}.{rest}")),
    })
}

fn holds_nul(value: &Json) -> bool {
    match value {
        Json::String(text) => text.as_bytes().contains(&0),
        Json::Array(items) => items.iter().any(holds_nul),
        Json::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

/// JSON for templates; `null` is no value, so that no letter ever says "none euros".
pub(super) fn convert(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(yes) => Value::from(*yes),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::from(whole),
            (_, Some(whole)) => Value::from(whole),
            _ => Value::from(number.as_f64()?),
        },
        Json::String(text) => Value::from(text),
        Json::Array(items) => items.iter().map(|item| convert(item).unwrap_or_default()).collect(),
        Json::Object(members) => members
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), convert(value)?)))
            .collect::<BTreeMap<_, _>>()
            .into(),
    })
}
