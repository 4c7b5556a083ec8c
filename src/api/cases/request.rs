//! A case as its brand states it, and the check of every field.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::api::{Problem, sends, strict};
use crate::model::{Amount, CaseFacts, CaseSpec, Currency, FirstLetter, Name};
use crate::redact::Mailbox;
use crate::token::Identity;

/// A case, as stated. Not `Debug`: it holds an address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct CaseRequest {
    /// Who owes.
    #[serde(deserialize_with = "strict::object")]
    pub(in crate::api) to: sends::To,
    /// What is owed now: an exact decimal, best as text.
    #[schema(value_type = String, example = "120.50")]
    pub(in crate::api) amount: Amount,
    /// In which currency (ISO 4217).
    #[schema(value_type = String, example = "EUR")]
    pub(in crate::api) currency: Currency,
    /// The day it is, or was, due.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "2026-03-01")]
    pub(in crate::api) due_date: Option<Date>,
    /// The letter that opened the collection: later ones recall it.
    #[serde(default)]
    pub(in crate::api) first_letter: Option<FirstLetter>,
    /// The recipient's time zone, an IANA name: quiet hours and holidays go by it.
    #[serde(default)]
    #[schema(example = "Europe/Paris")]
    pub(in crate::api) zone: Option<String>,
    /// The language to write in, where a send does not say.
    #[serde(default)]
    #[schema(example = "fr")]
    pub(in crate::api) language: Option<String>,
    /// When the case leaves e-mail for the call centre (RFC 3339 with zone), whatever waits of it.
    #[serde(default)]
    pub(in crate::api) deadline: Option<Timestamp>,
    /// Anything else that templates say, by name.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub(in crate::api) attributes: Map<String, Value>,
}

/// Longest JSON of a case's attributes, in bytes: they are read for each letter.
const LONGEST_ATTRIBUTES: usize = 16 * 1024;

impl CaseRequest {
    /// Checks every field and makes the case of it.
    ///
    /// # Errors
    /// 422 for the first field at fault.
    pub(in crate::api) fn into_spec(
        self,
        brand: Name,
        case: String,
        identity: &Identity,
    ) -> Result<CaseSpec, Problem> {
        sends::check_case(Some(&case))?;
        sends::check_name(self.to.name.as_deref())?;
        let recipient =
            identity.of_address(&self.to.email).map_err(|bad| Problem::field("to.email", bad.to_string()))?;
        if self.zone.as_deref().is_some_and(|zone| TimeZone::get(zone).is_err()) {
            return Err(Problem::field("zone", "is no time zone: write its IANA name, such as Europe/Paris"));
        }
        let attributes = serde_json::to_string(&self.attributes).unwrap_or_default();
        if attributes.len() > LONGEST_ATTRIBUTES {
            return Err(Problem::field(
                "attributes",
                "are longer than 16 KiB: leave out what no letter says",
            ));
        }
        Ok(CaseSpec {
            brand,
            case,
            recipient,
            to: Mailbox::new(self.to.email.trim().to_owned(), self.to.name),
            facts: CaseFacts {
                amount: self.amount,
                currency: self.currency,
                due_date: self.due_date,
                first_letter: self.first_letter,
                zone: self.zone,
                language: self.language,
                attributes: self.attributes,
            },
            deadline: self.deadline.map(sends::whole_millis),
        })
    }
}
