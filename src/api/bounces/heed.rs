//! What is answered to whoever tells of mails that came back.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Reach;
use crate::bounces::Kind;
use crate::model::RecipientId;

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Heed {
    /// Who.
    #[schema(value_type = String)]
    pub(super) recipient: RecipientId,
    /// What came back.
    pub(super) kind: Kind,
    /// Whose mail it stops from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) suppressed: Option<Reach>,
    /// Sends that went to the next channel.
    pub(super) handed_off: u64,
    /// Sends whose hand-over to the relay had begun.
    pub(super) in_hand_over: u64,
}

/// What a mail was.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Mail {
    /// `hard`, `soft` or `complaint`; `unverified`: a report that brings back nothing our letters carry, so nothing was
    /// done; `ignored`: no report.
    pub(super) what: &'static str,
}

impl Heed {
    /// As members of an answer's line.
    pub(super) fn members(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        }
    }
}
