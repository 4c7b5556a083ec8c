//! One pending e-mail: what the producer asked for, and what became of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Name, RecipientId, SendId};
use crate::redact::Mailbox;

/// What a producer asked for, validated. Never changes after it was accepted.
///
/// Holds the address and the variables: stores keep it only while the send can still go out, and erase it with the
/// send's final state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SendSpec {
    /// Identity in tokens and the store.
    pub id: SendId,
    /// Identity for people: the producer's own id, or one of ours. Unique per brand; visible ASCII, at most 128 bytes.
    pub reference: String,
    /// Who writes.
    pub brand: Name,
    /// The named group it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<Name>,
    /// The debt file it belongs to, in the brand's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// Who is written to, as the store knows them.
    pub recipient: RecipientId,
    /// Who is written to, as the relay knows them.
    pub to: Mailbox,
    /// Which template of the brand.
    pub template: Name,
    /// The template's variables: one JSON object.
    pub vars: serde_json::Map<String, serde_json::Value>,
    /// Not before this moment, seen online or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// What happens at this moment if the recipient was not seen: see [`OnDeadline`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// What happens at the deadline.
    #[serde(default)]
    pub on_deadline: OnDeadline,
    /// The recipient's time zone, an IANA name, where the send itself says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Higher goes first among one person's sends; then the earlier deadline, then the earlier arrival.
    #[serde(default)]
    pub priority: i16,
    /// What the brand wants when nobody can know whether the relay took the mail.
    #[serde(default)]
    pub on_uncertain: OnUncertain,
    /// SHA-256 of the canonical request: the same id with another body is a conflict.
    pub digest: Digest,
}

/// SHA-256 of a producer's request, as lower-case hex.
pub type Digest = String;

/// What happens when the deadline passes and the recipient was not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnDeadline {
    /// Send anyway.
    #[default]
    Send,
    /// Give the case to another channel.
    Handoff,
    /// Let it go.
    Drop,
}

/// What to do with a send whose hand-over had begun when everything broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUncertain {
    /// Report it and leave it: nobody gets the same dunning letter twice.
    #[default]
    Hold,
    /// Send again: a letter may arrive twice, with the same Message-ID.
    Resend,
}

/// Where a send stands. The last six are final.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SendState {
    /// Held until its recipient is online, or its deadline.
    Waiting,
    /// Taken by one gateway, under a lease.
    Claimed,
    /// The relay answered 250 to this very message.
    Sent,
    /// The relay refused it for good, or it cannot be rendered.
    Failed,
    /// Nobody can know whether the relay took it.
    Uncertain,
    /// Cancelled, settled or forgotten before it went out.
    Cancelled,
    /// Its deadline passed and the case left e-mail.
    HandedOff,
    /// Its deadline passed and it was let go.
    Dropped,
}

impl SendState {
    /// Every state, in the order of the conservation law.
    pub const ALL: [Self; 8] = [
        Self::Waiting,
        Self::Claimed,
        Self::Sent,
        Self::Failed,
        Self::Uncertain,
        Self::Cancelled,
        Self::HandedOff,
        Self::Dropped,
    ];

    /// Whether nothing can change it any more.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Waiting | Self::Claimed)
    }

    /// The word for labels and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Claimed => "claimed",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Uncertain => "uncertain",
            Self::Cancelled => "cancelled",
            Self::HandedOff => "handed_off",
            Self::Dropped => "dropped",
        }
    }
}

/// One line of a send's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HistoryEntry {
    /// When.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// What: `accepted`, `claimed`, `deferred`, `released`, `lease_expired`, or a final state's word.
    pub event: String,
    /// Why, in words without addresses: a rule, a relay's reply code.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// A send as the store sees it now: what `GET /v1/sends/{id}` answers from.
#[derive(Debug, Clone, PartialEq)]
pub struct SendRecord {
    /// Identity in tokens and the store.
    pub id: SendId,
    /// Identity for people.
    pub reference: String,
    /// Who writes.
    pub brand: Name,
    /// The named group it belongs to.
    pub campaign: Option<Name>,
    /// Where it stands.
    pub state: SendState,
    /// How often a claim was tried and came back.
    pub attempts: u32,
    /// What the producer asked for; gone once the state is final.
    pub spec: Option<SendSpec>,
    /// While waiting: not claimed again before this moment (not-before, or the re-arm after a deferral).
    pub due: Option<Timestamp>,
    /// While waiting: goes without presence from this moment on, which is before its deadline and in an hour in which its
    /// recipient is often seen.
    pub aimed: Option<Timestamp>,
    /// When the relay took it.
    pub sent_at: Option<Timestamp>,
    /// The hand-over has begun: a cancel comes too late.
    pub handing_over: bool,
    /// What happened, oldest first; the middle of a very long history is left out.
    pub history: Vec<HistoryEntry>,
}
