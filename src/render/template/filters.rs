//! `money` and `date`: values of a send or a case, written in the letter's language.
//!
//! | in a template | in a French letter |
//! | --- | --- |
//! | `{{ amount_value \| money }}` | 120,50 € (in the variable `currency`) |
//! | `{{ "1234.5" \| money("CHF") }}` | 1 234,50 CHF |
//! | `{{ due_date_value \| date }}` | 1 mars 2026 |
//! | `{{ due_date_value \| date("short") }}` | 01/03/2026 |

use std::fmt;

use jiff::civil::Date;
use minijinja::value::ArgType;
use minijinja::{Environment, Error, ErrorKind, State, Value};

use crate::model::{Amount, Currency};
use crate::render::formats::{self, Length};
use crate::render::legal::Mark;
use crate::render::variables::ASSUMED;

/// Why a value cannot be written, with the value, so that the variable it came from can be found. Never printed.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub(super) struct Unwritten {
    /// The value's text.
    pub(super) value: String,
    /// To be read after the variable's name.
    pub(super) problem: String,
}

impl Unwritten {
    fn error(value: &str, problem: &dyn fmt::Display) -> Error {
        let unwritten = Self { value: value.to_owned(), problem: problem.to_string() };
        Error::new(ErrorKind::InvalidOperation, "a value cannot be written").with_source(unwritten)
    }
}

/// Makes the filters known.
pub(super) fn add(environment: &mut Environment<'_>) {
    environment.add_filter("money", money);
    environment.add_filter("date", date);
}

fn money(state: &State, value: &Value, currency: &[Value]) -> Result<String, Error> {
    let currency = match currency.first() {
        Some(given) => given.clone(),
        None => state
            .lookup("currency")
            .filter(|known| !known.is_undefined())
            .ok_or_else(|| Error::new(ErrorKind::UndefinedError, "`currency` is undefined"))?,
    };
    if let Some(mark) = value.downcast_object_ref::<Mark>() {
        return Ok(mark.to_string());
    }
    let (value_text, code) = (text(state, value)?, text(state, &currency)?);
    if value_text == ASSUMED || code == ASSUMED {
        return Ok(String::new());
    }
    if currency.downcast_object_ref::<Mark>().is_some() {
        return Ok(value_text);
    }
    let amount = match f64::try_from(value.clone()) {
        Ok(number) if value.is_number() && !value.is_integer() => Amount::from_number(number),
        _ => value_text.parse(),
    };
    let amount = amount.map_err(|problem| Unwritten::error(&value_text, &problem))?;
    let currency: Currency = code.parse().map_err(|problem| Unwritten::error(&code, &problem))?;
    formats::money(&amount, currency, &language(state))
        .map_err(|problem| Unwritten::error(&value_text, &problem))
}

fn date(state: &State, value: &Value, length: Option<&str>) -> Result<String, Error> {
    let length = match length {
        None | Some("long") => Length::Long,
        Some("medium") => Length::Medium,
        Some("short") => Length::Short,
        Some(_) => {
            let known = "date takes \"long\", \"medium\" or \"short\"";
            return Err(Error::new(ErrorKind::InvalidOperation, known));
        }
    };
    if let Some(mark) = value.downcast_object_ref::<Mark>() {
        return Ok(mark.to_string());
    }
    let day = text(state, value)?;
    if day == ASSUMED {
        return Ok(String::new());
    }
    let problem = "is no date: write it like \"2026-03-01\"";
    // jiff would take more shapes than one should rely on.
    let plain = day.len() == 10 && day.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let parsed: Date = Some(&day)
        .filter(|_| plain)
        .and_then(|day| day.parse().ok())
        .ok_or_else(|| Unwritten::error(&day, &problem))?;
    formats::date(parsed, length, &language(state)).map_err(|problem| Unwritten::error(&day, &problem))
}

/// A value's text; where there is none the engine says of which expression.
fn text(state: &State, value: &Value) -> Result<String, Error> {
    String::from_state_and_value(Some(state), Some(value)).map(|(text, _)| text)
}

fn language(state: &State) -> String {
    state.lookup("language").map(|language| language.to_string()).unwrap_or_default()
}
