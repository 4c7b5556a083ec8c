//! A send as the API shows it: without the address and the variables.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::flow::Rule;
use crate::model::{HistoryEntry, OnDeadline, SendRecord, SendState};

/// A send as it stands now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::api) struct SendView {
    /// The producer's id, or the one it was given.
    id: String,
    /// Who writes.
    brand: String,
    /// The named group it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign: Option<String>,
    /// Where it stands.
    state: SendState,
    /// How often a claim was tried and came back.
    attempts: u32,
    /// Not claimed before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<Timestamp>,
    /// Goes without waiting for its recipient from this moment on: before its deadline, in an hour in which they are often
    /// seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    aimed: Option<Timestamp>,
    /// When the relay took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<Timestamp>,
    /// What was asked for; only while it can still go out.
    #[serde(flatten)]
    asked: Option<Asked>,
    /// What happened, oldest first.
    history: Vec<HistoryEntry>,
    /// Every rule, with its verdict and the figures it decides by.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Vec<Rule>>,
}

/// What the store forgets with the final state.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Asked {
    /// The debt file it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    case: Option<String>,
    /// The recipient's address, masked.
    to: String,
    /// The recipient, as the store knows them.
    recipient: String,
    /// Which template.
    template: String,
    /// Not before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<Timestamp>,
    /// The moment of `on_deadline`.
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<Timestamp>,
    /// What happens at the deadline.
    on_deadline: OnDeadline,
    /// The recipient's time zone, where the send said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    /// Higher goes first among one person's sends.
    priority: i16,
}

impl SendView {
    pub(in crate::api) fn of(record: SendRecord) -> Self {
        let asked = record.spec.map(|spec| Asked {
            to: spec.to.to_string(),
            recipient: spec.recipient.to_string(),
            template: spec.template.to_string(),
            case: spec.case,
            not_before: spec.not_before,
            deadline: spec.deadline,
            on_deadline: spec.on_deadline,
            zone: spec.zone,
            priority: spec.priority,
        });
        Self {
            id: record.reference,
            brand: record.brand.to_string(),
            campaign: record.campaign.map(|name| name.to_string()),
            state: record.state,
            attempts: record.attempts,
            due: record.due,
            aimed: record.aimed,
            sent_at: record.sent_at,
            asked,
            history: record.history,
            why: None,
        }
    }

    /// The same with reasons.
    pub(in crate::api) fn because(self, why: Vec<Rule>) -> Self {
        Self { why: Some(why), ..self }
    }
}
