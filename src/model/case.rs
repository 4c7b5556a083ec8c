//! A debt file: what its letters are about, how far it has got, and what became of it.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{Amount, CaseSeen, Currency, Name, RecipientId, SendId};
use crate::redact::Mailbox;

/// The facts of one case, as its brand last stated them. `Debug` shows no value.
#[derive(Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CaseFacts {
    /// What is owed now.
    #[schema(value_type = String, example = "120.50")]
    pub amount: Amount,
    /// In which currency.
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
    /// Since when, or until when, it is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "2026-03-01")]
    pub due_date: Option<Date>,
    /// The letter that opened the collection: later ones recall it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_letter: Option<FirstLetter>,
    /// The recipient's time zone, an IANA name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The language to write in, where a send does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Anything else that templates want to say, by name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub attributes: Map<String, Value>,
}

impl fmt::Debug for CaseFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CaseFacts({} attributes)", self.attributes.len())
    }
}

/// The letter that opened a collection.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstLetter {
    /// What it called itself.
    pub reference: String,
    /// The day it is dated.
    #[schema(value_type = String, example = "2026-02-01")]
    pub date: Date,
}

impl fmt::Debug for FirstLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FirstLetter")
    }
}

/// Which case: the first 16 bytes of SHA-256(brand, 0, the brand's name for it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CaseId(pub SendId);

impl CaseId {
    /// No case.
    pub const NONE: Self = Self(SendId::NONE);

    /// The case a brand calls so.
    pub fn of(brand: &Name, case: &str) -> Self {
        Self(SendId::derive(brand, case))
    }
}

/// A case as its brand states it. Holds the address: stores keep it only while the case is open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseSpec {
    /// Whose case.
    pub brand: Name,
    /// Its name, in the brand's own words: visible characters, at most 128 bytes.
    pub case: String,
    /// Who owes, as the store knows them.
    pub recipient: RecipientId,
    /// Who owes, as the relay knows them.
    pub to: Mailbox,
    /// What its letters say.
    pub facts: CaseFacts,
    /// When the case leaves e-mail for the call centre, whatever waits of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

impl CaseSpec {
    /// Which case it is.
    pub fn id(&self) -> CaseId {
        CaseId::of(&self.brand, &self.case)
    }

    /// Tells one statement of a case from another.
    pub fn digest(&self) -> [u8; 16] {
        let json = serde_json::to_vec(self).expect("plain data has a JSON form");
        let hash = Sha256::digest(json);
        let mut digest = [0; 16];
        digest.copy_from_slice(&hash[..16]);
        digest
    }
}

/// Where a case stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CaseState {
    /// E-mail may be sent about it.
    Open,
    /// It leaves e-mail as soon as the mail under way has ended: nothing new is sent about it.
    Leaving,
    /// Nothing more is to be collected: paid, a plan, a dispute, insolvency, withdrawn.
    Settled,
    /// It is with the call centre, or another channel.
    HandedOff,
}

impl CaseState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Open, Self::Leaving, Self::Settled, Self::HandedOff];

    /// The word for labels and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Leaving => "leaving",
            Self::Settled => "settled",
            Self::HandedOff => "handed_off",
        }
    }

    /// Whether no letter of it goes out any more.
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Settled | Self::HandedOff)
    }
}

/// A case as the store sees it now.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseRecord {
    /// Whose case.
    pub brand: Name,
    /// Its name, in the brand's own words.
    pub case: String,
    /// Where it stands.
    pub state: CaseState,
    /// What its brand last stated; gone once it is closed.
    pub spec: Option<CaseSpec>,
    /// When it was opened.
    pub opened: Timestamp,
    /// When its brand last changed it.
    pub updated: Timestamp,
    /// When it was closed.
    pub closed: Option<Timestamp>,
    /// Why it was closed, or leaves.
    pub reason: Option<String>,
    /// How many mails about it a relay took, or may have taken.
    pub mails: u32,
    /// How they fared.
    pub seen: CaseSeen,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn facts_survive_their_text_form_and_show_nothing() {
        let text = json!({"amount": "120.50", "currency": "EUR", "due_date": "2026-03-01",
            "first_letter": {"reference": "L-1", "date": "2026-02-01"}, "attributes": {"principal": "100"}});
        let facts: CaseFacts = serde_json::from_value(text.clone()).expect("facts");
        assert_eq!(serde_json::to_value(&facts).expect("JSON"), text);
        assert_eq!(
            format!("{facts:?} {:?}", facts.first_letter),
            "CaseFacts(1 attributes) Some(FirstLetter)"
        );
    }
}
