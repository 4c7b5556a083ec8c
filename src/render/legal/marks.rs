//! A trial's variables: each is a mark that can be found again in what was rendered.

use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};

use crate::render::sender::Sender;

/// The root of a trial's names: what the brand itself says as it is, a [`Mark`] for anything else.
#[derive(Debug, Clone)]
pub(in crate::render) struct Marks {
    values: Value,
    brand: Value,
    sender: Value,
    language: String,
}

impl Marks {
    pub(in crate::render) fn new(sender: &Sender, language: &str) -> Self {
        Self {
            values: sender.values.clone(),
            brand: sender.brand.clone(),
            sender: sender.mailbox.clone(),
            language: language.to_owned(),
        }
    }

    /// How a variable looks in what was rendered.
    pub(super) fn shown(&self, path: &str) -> String {
        super::text_at(&self.values, path).unwrap_or_else(|| Mark(path.to_owned()).to_string())
    }

    fn get(&self, name: &str) -> Value {
        let known = match name {
            "language" => Some(Value::from(self.language.as_str())),
            "sender" => Some(self.sender.clone()),
            "brand" => Some(self.brand.clone()),
            name => self.values.get_attr(name).ok().filter(|value| !value.is_undefined()),
        };
        known.unwrap_or_else(|| Value::from_object(Mark(name.to_owned())))
    }
}

impl Object for Marks {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(self.get(key.as_str()?))
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        Some(self.get(key))
    }
}

/// A variable's place: true, with any member one asks for, and one element where it is gone through.
#[derive(Debug)]
pub(in crate::render) struct Mark(String);

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "⟦{}⟧", self.0)
    }
}

impl Object for Mark {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(Value::from_object(Self(format!("{}.{key}", self.0))))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(vec![Value::from_object(Self(format!("{}.0", self.0)))])
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}
