//! A case as it is shown: without the address.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{CaseFacts, CaseRecord, CaseState};

/// A case.
#[derive(Serialize, ToSchema)]
pub(super) struct CaseView {
    brand: String,
    case: String,
    /// Where it stands.
    state: CaseState,
    /// Who owes, as tokens and lookups name them; gone once it is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<String>,
    /// When it leaves e-mail for the call centre.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    deadline: Option<Timestamp>,
    /// What its letters say; gone once it is closed.
    #[serde(flatten)]
    facts: Option<CaseFacts>,
    /// When it was opened.
    #[schema(value_type = String)]
    opened_at: Timestamp,
    /// When its brand last changed it.
    #[schema(value_type = String)]
    updated_at: Timestamp,
    /// When it was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    closed_at: Option<Timestamp>,
    /// Why it was closed, or leaves.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// How many mails about it a relay took, or may have taken.
    mails: u32,
    /// How often one of them was opened, as far as that is known: each counts once a minute, machines do not.
    opens: u32,
    /// How often a link in one of them was followed.
    clicks: u32,
    /// When that was, the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    last_seen: Option<Timestamp>,
    /// When a relay took the first mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    first_mail: Option<Timestamp>,
    /// When a relay took the last mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    last_mail: Option<Timestamp>,
}

impl CaseView {
    pub(super) fn of(record: CaseRecord) -> Self {
        let spec = record.spec;
        Self {
            brand: record.brand.to_string(),
            case: record.case,
            state: record.state,
            recipient: spec.as_ref().map(|spec| spec.recipient.to_string()),
            deadline: spec.as_ref().and_then(|spec| spec.deadline),
            facts: spec.map(|spec| spec.facts),
            opened_at: record.opened,
            updated_at: record.updated,
            closed_at: record.closed,
            reason: record.reason,
            mails: record.mails,
            opens: record.seen.opens,
            clicks: record.seen.clicks,
            last_seen: record.seen.last,
            first_mail: record.seen.first_mail,
            last_mail: record.seen.last_mail,
        }
    }
}
