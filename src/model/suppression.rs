//! Who is not written to any more: a mailbox that does not exist, a person who complained or unsubscribed.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Name, RecipientId};

/// Whose mail a suppression stops.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SuppressScope {
    /// Everybody's: the mailbox does not exist for any brand.
    All,
    /// This brand's.
    Brand(Name),
}

impl SuppressScope {
    /// Whether it stops this brand's mail.
    pub fn covers(&self, brand: &Name) -> bool {
        match self {
            Self::All => true,
            Self::Brand(own) => own == brand,
        }
    }
}

/// As stores and answers name it: `*` is no brand's name.
impl fmt::Display for SuppressScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Brand(brand) => brand.fmt(f),
        }
    }
}

/// Why somebody is not written to any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuppressReason {
    /// A mail server said for good that there is no such mailbox.
    HardBounce,
    /// They called a mail spam.
    Complaint,
    /// They unsubscribed from a brand's promotional mails.
    Unsubscribed,
    /// An operator or a producer said so.
    Manual,
}

impl SuppressReason {
    /// Every reason there is.
    pub const ALL: [Self; 4] = [Self::HardBounce, Self::Complaint, Self::Unsubscribed, Self::Manual];

    /// The name in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HardBounce => "hard_bounce",
            Self::Complaint => "complaint",
            Self::Unsubscribed => "unsubscribed",
            Self::Manual => "manual",
        }
    }

    /// What the history and the event of a send say that it stops.
    pub const fn words(self) -> &'static str {
        match self {
            Self::HardBounce => "suppressed: hard bounce",
            Self::Complaint => "suppressed: complaint",
            Self::Unsubscribed => "suppressed: unsubscribed",
            Self::Manual => "suppressed: manual",
        }
    }
}

/// One person whom one brand, or none at all, may write to any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// Who.
    pub recipient: RecipientId,
    /// Whose mail it stops.
    pub scope: SuppressScope,
    /// Why.
    pub why: SuppressReason,
    /// The same in the words of whoever said so, such as `5.1.1`. Never an address: stores take them out.
    pub detail: String,
    /// Since when.
    pub since: Timestamp,
}
