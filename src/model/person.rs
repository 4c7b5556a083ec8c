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
    /// What they had said to them before, the latest first: what can be shown to have held in its time. At most
    /// [`EARLIER`](Self::EARLIER); stores fill it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Said>,
}

/// A statement that another one replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// `true` granted, `false` withdrawn.
    pub granted: bool,
    /// How it can be shown.
    pub proof: String,
    /// When it was recorded.
    pub at: Timestamp,
}

impl Consent {
    /// Statements kept besides the one that holds.
    pub const EARLIER: usize = 7;

    /// This statement in place of what was known to have been said; the same said again changes nothing.
    #[must_use]
    pub fn replacing(mut self, known: Option<&Self>) -> Self {
        let Some(known) = known else { return self };
        let last = Said { granted: known.granted, proof: known.proof.clone(), at: known.at };
        let same = last == Said { granted: self.granted, proof: self.proof.clone(), at: self.at };
        self.earlier = if same { Vec::new() } else { vec![last] };
        self.earlier.extend(known.earlier.iter().take(Self::EARLIER - self.earlier.len()).cloned());
        self
    }
}
