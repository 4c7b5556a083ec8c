//! What a template sees.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::Object;
use serde_json::Value as Json;

use super::Unfit;
use super::links::Links;
use super::sender::Sender;
use crate::model::SendSpec;

/// Names that are ours: a producer's variable of that name would be a forged payment link or sender.
pub(super) const RESERVED: [&str; 6] =
    ["payment_url", "unsubscribe_url", "recipient", "sender", "brand", "case"];

/// The root of a template's names. Only what a template asks for is converted. `Debug` shows nothing of it.
#[derive(Clone)]
pub(super) struct Variables {
    spec: Arc<SendSpec>,
    payment: Option<Value>,
    unsubscribe: Option<Value>,
    recipient: Value,
    sender: Value,
    brand: Value,
    language: Value,
    /// Variables found missing, which a trial goes on with in order to find the next.
    assumed: Vec<String>,
}

impl Variables {
    pub(super) fn new(
        sender: &Sender,
        spec: Arc<SendSpec>,
        links: &Links<'_>,
        language: &str,
    ) -> Result<Self, Unfit> {
        for (name, value) in &spec.vars {
            check(name, value)?;
        }
        let name = spec.to.name().map(str::trim).filter(|name| !name.is_empty());
        let recipient: BTreeMap<_, _> = name.map(|name| ("name", Value::from(name))).into_iter().collect();
        Ok(Self {
            payment: links.payment.as_deref().map(Value::from),
            unsubscribe: links.unsubscribe.as_deref().map(Value::from),
            recipient: recipient.into(),
            sender: sender.mailbox.clone(),
            brand: sender.brand.clone(),
            language: Value::from(language),
            assumed: Vec::new(),
            spec,
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
            "language" => Some(self.language.clone()),
            name => self.spec.vars.get(name).and_then(convert).or_else(|| self.assumption(name)),
        }
    }

    fn assumption(&self, name: &str) -> Option<Value> {
        self.assumed.iter().any(|assumed| assumed == name).then(|| Value::from("x"))
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

fn check(name: &str, value: &Json) -> Result<(), Unfit> {
    if RESERVED.contains(&name) {
        return Err(Unfit::new(
            format!("vars.{name}"),
            "is a name that vigie itself gives to templates: choose another",
        ));
    }
    if holds_nul(value) {
        return Err(Unfit::new(format!("vars.{name}"), "holds a NUL character: leave it out"));
    }
    Ok(())
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
fn convert(json: &Json) -> Option<Value> {
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
