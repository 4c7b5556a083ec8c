//! JSON without surprises: no key twice, no unknown field, and errors that name the field or the line and column.

use std::fmt;

use serde::de::{self, DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::Problem;
use crate::redact::foreign;

/// Reads one JSON object as a `T`.
///
/// # Errors
/// 400 with line and column for what is not JSON or has a key twice; 422 with the field for what is no `T`.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let Strict(value) = serde_json::from_slice(bytes).map_err(|error| syntax(&error))?;
    if !value.is_object() {
        return Err(Problem::field("", "the body must be one JSON object"));
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let detail = error.inner().to_string();
        Problem::field(blame(&error.path().to_string(), &detail), foreign(&detail))
    })
}

/// Where the text stops being JSON; serde's words end in `at line … column …`.
fn syntax(error: &serde_json::Error) -> Problem {
    Problem::syntax(format!("this is not JSON: {}", foreign(&error.to_string())))
}

/// The dotted name of the field at fault. For a missing field serde blames the object and names the field in backticks.
fn blame(path: &str, detail: &str) -> String {
    let inside = path.trim_matches('.');
    let missing = detail.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    match missing {
        Some(field) if inside.is_empty() => field.to_owned(),
        Some(field) => format!("{inside}.{field}"),
        None => foreign(inside),
    }
}

/// A JSON value in which no object has a key twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Self)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = sequence.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(de::Error::custom(format!("key `{key}` stands twice in one object")));
            }
            let Strict(value) = entries.next_value()?;
            object.insert(key, value);
        }
        Ok(object.into())
    }
}

/// Reads a nested struct from an object only: serde would also take an array of its fields.
pub(super) fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Only<T>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Only<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<T, A::Error> {
            T::deserialize(de::value::MapAccessDeserializer::new(entries))
        }
    }

    deserializer.deserialize_map(Only(std::marker::PhantomData))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(deserialize_with = "object")]
        inner: Inner,
        #[expect(dead_code, reason = "only read by serde")]
        count: Option<i16>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        word: String,
    }

    fn refused(text: &str) -> (u64, Option<String>, String) {
        let problem = parse::<Outer>(text.as_bytes()).map(|outer| outer.inner.word).expect_err(text);
        let shown = serde_json::to_value(&problem).expect("a problem is JSON");
        let text = |name| shown.get(name).and_then(Value::as_str).map(str::to_owned);
        (shown["status"].as_u64().expect("a status"), text("field"), text("detail").expect("a detail"))
    }

    #[test]
    fn faults_name_their_field() {
        for (bad, field) in [
            (json!({"inner": {"word": 5}}), "inner.word"),
            (json!({"inner": {}}), "inner.word"),
            (json!({"inner": {"word": "a", "wrod": "b"}}), "inner.wrod"),
            (json!({"inner": ["a"]}), "inner"),
            (json!({"inner": {"word": "a"}, "count": 40_000}), "count"),
            (json!({"inner": {"word": "a"}, "count": "1"}), "count"),
            (json!({"inner": {"word": "a"}, "amnt": 1}), "amnt"),
            (json!({}), "inner"),
        ] {
            let (status, named, detail) = refused(&bad.to_string());
            assert_eq!((status, named.as_deref()), (422, Some(field)), "{bad} → {detail}");
        }
        assert_eq!(refused("[]").0, 422);
    }

    #[test]
    fn what_is_no_json_says_where() {
        let deep = "[".repeat(10_000);
        for bad in ["", "{", "{\"a\":1,}", "\u{feff}{}", "{\"a\":NaN}", "{\"a\":1e400}", "{} {}", &deep] {
            let (status, field, detail) = refused(bad);
            assert_eq!((status, field), (400, None), "{detail}");
            assert!(detail.contains("line 1 column"), "{detail}");
        }
        let (_, _, detail) = refused("{\"inner\": {\"word\": \"a\"},\n \"inner\": {}}");
        assert!(detail.contains("`inner` stands twice") && detail.contains("line 2"), "{detail}");
        assert_eq!(refused("{\"inner\": {\"word\": \"\\ud800\"}}").0, 400, "a lone surrogate");
    }
}
