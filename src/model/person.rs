//! Whose word a signal is, and what the recipient said to it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Name, RecipientId};

/// Whom a consent is given to: the brand that writes, or a partner whose newsletter carries our pixel.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grantee {
    /// A brand of this gateway.
    Brand(Name),
    /// A partner outside.
    Partner(Name),
}

/// What counts as consent to presence by pixel where nothing is recorded. A recorded withdrawal wins over both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConsentRule {
    /// Only a recorded grant counts (the default, and what the CNIL asks for: deliberation 2026-042).
    #[default]
    Required,
    /// No recorded withdrawal is enough.
    Presumed,
}

/// Whose consent decides over a signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A pixel, link or page of a brand or partner: the recipient's consent to them decides.
    Tracked {
        /// Whose pixel it is.
        grantee: Grantee,
        /// What holds where the recipient said nothing.
        rule: ConsentRule,
    },
    /// A source that needs no pixel (a login, a mailbox provider with the person's agreement): another legal class,
    /// taken at its word.
    Trusted,
}

/// What one person said to one brand or partner about presence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Who said it.
    pub recipient: RecipientId,
    /// To whom.
    pub grantee: Grantee,
    /// `true` granted, `false` withdrawn.
    pub granted: bool,
    /// How it can be shown later (a form's name and version, a log line's id). Never an address.
    pub proof: String,
    /// When it was recorded.
    pub at: Timestamp,
}
