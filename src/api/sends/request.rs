//! A send as a producer asks for it, and the check of every field.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::{Problem, strict};
use crate::config::Brand;
use crate::hours::Zone;
use crate::model::{Name, OnDeadline, OnUncertain, RecipientId, SendId, SendSpec};
use crate::redact::Mailbox;
use crate::token::{Identity, normalise};

/// One send, as asked for. Not `Debug`: it holds an address.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SendRequest {
    /// Your own id for it, 1 to 128 visible ASCII characters, unique per brand: pushing it again changes nothing. We
    /// make one if you have none.
    #[serde(default, skip_serializing)]
    #[schema(min_length = 1, max_length = 128, pattern = "^[!-~]+$")]
    pub(super) id: Option<String>,
    /// Who writes.
    #[schema(value_type = String, example = "demo")]
    pub(super) brand: Name,
    /// A named group that can be paused as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) campaign: Option<Name>,
    /// The debt file it belongs to: settling the case cancels it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 128)]
    pub(super) case: Option<String>,
    /// Who is written to.
    #[serde(deserialize_with = "strict::object")]
    pub(super) to: To,
    /// Which template of the brand.
    #[schema(value_type = String, example = "reminder")]
    pub(super) template: Name,
    /// The template's variables. What the send's case says goes before one of the same name.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({"amount": "120,50 €", "due_date": "2026-03-01"}))]
    pub(super) vars: Map<String, Value>,
    /// Not before this moment (RFC 3339 with zone), seen online or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) not_before: Option<Timestamp>,
    /// What `on_deadline` says happens at this moment if the recipient was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) deadline: Option<Timestamp>,
    /// What happens at the deadline; what the brand's `on_deadline` says, if left out.
    #[serde(default, serialize_with = "as_ever")]
    pub(super) on_deadline: Option<OnDeadline>,
    /// The recipient's time zone (an IANA name), for the brand's hours; without it their case's, else the brand's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Europe/Paris")]
    pub(super) zone: Option<String>,
    /// Higher goes first among one person's sends.
    #[serde(default)]
    pub(super) priority: i16,
}

/// What holds for a brand's sends that do not say otherwise, and for all of them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct House {
    on_deadline: OnDeadline,
    on_uncertain: OnUncertain,
}

impl From<&Brand> for House {
    fn from(brand: &Brand) -> Self {
        Self { on_deadline: brand.on_deadline, on_uncertain: brand.on_uncertain }
    }
}

/// A recipient, as given.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct To {
    /// The address.
    #[schema(example = "marie@example.org")]
    pub(in crate::api) email: String,
    /// The person's name, for the header `To`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub(in crate::api) name: Option<String>,
}

/// Longest id and case.
const LONGEST_WORD: usize = 128;

/// Longest name of a person, in characters.
const LONGEST_NAME: usize = 200;

impl SendRequest {
    /// The id it was pushed with, for answers.
    pub(super) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Gives it this id if it was pushed with none.
    pub(super) fn call_it(&mut self, id: String) {
        self.id.get_or_insert(id);
    }

    /// Checks every field and makes the send of it; one without an id gets a new one.
    ///
    /// # Errors
    /// 422 for the first field at fault.
    pub(super) fn into_spec(self, identity: &Identity, house: House) -> Result<SendSpec, Problem> {
        self.into_named(identity, house, |_, _| Uuid::now_v7().to_string())
    }

    /// Checks every field and makes the send of it; `name` makes an id for one without, of its digest and its recipient.
    ///
    /// # Errors
    /// 422 for the first field at fault.
    pub(super) fn into_named(
        self,
        identity: &Identity,
        house: House,
        name: impl FnOnce(&str, RecipientId) -> String,
    ) -> Result<SendSpec, Problem> {
        let digest = self.digest();
        let recipient =
            identity.of_address(&self.to.email).map_err(|bad| Problem::field("to.email", bad.to_string()))?;
        let reference = reference(self.id.unwrap_or_else(|| name(&digest, recipient)))?;
        check_case(self.case.as_deref())?;
        check_name(self.to.name.as_deref())?;
        let (not_before, deadline) = (self.not_before.map(whole_millis), self.deadline.map(whole_millis));
        check_order(not_before, deadline)?;
        let zone = self.zone.as_deref().map(zone).transpose()?;
        Ok(SendSpec {
            id: SendId::derive(&self.brand, &reference),
            reference,
            brand: self.brand,
            campaign: self.campaign,
            case: self.case,
            recipient,
            to: Mailbox::new(self.to.email.trim().to_owned(), self.to.name),
            template: self.template,
            vars: self.vars,
            not_before,
            deadline,
            on_deadline: self.on_deadline.unwrap_or(house.on_deadline),
            zone,
            priority: self.priority,
            on_uncertain: house.on_uncertain,
            digest,
        })
    }

    /// SHA-256 of the request in one canonical form: keys sorted, defaults written out, no white space, no id.
    fn digest(&self) -> String {
        let value = serde_json::to_value(self).map(sorted).unwrap_or_default();
        const_hex::encode(Sha256::digest(value.to_string()))
    }
}

/// In digests a send that does not say stands as `send`, which it meant before brands could say: what was pushed then is still
/// the same when it is pushed again, and so are the ids of lines of feeds.
#[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn as_ever<S: Serializer>(said: &Option<OnDeadline>, serializer: S) -> Result<S::Ok, S::Error> {
    said.unwrap_or(OnDeadline::Send).serialize(serializer)
}

/// The same value with every object's keys in order, whatever map the JSON library keeps them in.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<_, _> =
                members.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(members.into_iter().collect())
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        plain => plain,
    }
}

/// The id, if it can be one.
fn reference(id: String) -> Result<String, Problem> {
    let fits = matches!(id.len(), 1..=LONGEST_WORD) && id.bytes().all(|b| b.is_ascii_graphic());
    if !fits {
        return Err(Problem::field("id", "must be 1 to 128 visible ASCII characters, without spaces"));
    }
    if normalise(&id).is_ok() {
        return Err(Problem::field(
            "id",
            "is an e-mail address; ids stand in URLs and headers, use one that tells nobody",
        ));
    }
    Ok(id)
}

/// The name of a case, if there is one.
pub(in crate::api) fn check_case(case: Option<&str>) -> Result<(), Problem> {
    let invisible = |c: char| c.is_control() || c.is_whitespace();
    match case {
        Some(case) if !matches!(case.chars().count(), 1..=LONGEST_WORD) || case.contains(invisible) => {
            Err(Problem::field("case", "must be 1 to 128 visible characters, without spaces"))
        }
        _ => Ok(()),
    }
}

/// The name goes into a header: a line end in it would start another one.
pub(in crate::api) fn check_name(name: Option<&str>) -> Result<(), Problem> {
    match name {
        Some(name) if name.chars().count() > LONGEST_NAME => {
            Err(Problem::field("to.name", "is longer than 200 characters"))
        }
        Some(name) if name.contains(char::is_control) => {
            Err(Problem::field("to.name", "contains a line end or another control character; remove it"))
        }
        _ => Ok(()),
    }
}

fn check_order(not_before: Option<Timestamp>, deadline: Option<Timestamp>) -> Result<(), Problem> {
    match (not_before, deadline) {
        (Some(from), Some(to)) if to <= from => {
            Err(Problem::field("deadline", format!("{to} is not after not_before, {from}")))
        }
        _ => Ok(()),
    }
}

/// The zone's name as it should be written.
fn zone(name: &str) -> Result<String, Problem> {
    let known = Zone::named(name).map_err(|bad| Problem::field("zone", format!("must be {bad}")))?;
    Ok(known.name().to_owned())
}

/// Stores keep milliseconds.
pub(in crate::api) fn whole_millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

#[cfg(test)]
mod tests;
