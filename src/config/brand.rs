//! `[brands.NAME]`: who writes.

use std::path::PathBuf;

use serde::Deserialize;

use super::AtMost;
use super::events::Webhook;
use crate::model::{ConsentRule, OnUncertain};

/// One brand: its identity, its templates and its rules.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brand {
    /// The `From` mailbox: `Name <address>`.
    pub from: String,
    /// The envelope sender (bounces go there); empty means the address of `from`.
    #[serde(default)]
    pub return_path: String,
    /// Where answers go; empty means `from`.
    #[serde(default)]
    pub reply_to: String,
    /// The domain of Message-IDs; empty means the domain of `from`.
    #[serde(default)]
    pub domain: String,
    /// The public address of the edge for this brand's pixels and links, without a trailing slash.
    pub tracking_url: String,
    /// The page where a case is paid; `{{ payment_url }}` is this with a signed query. Empty means none.
    #[serde(default)]
    pub payment_url: String,
    /// Templates: a directory of `NAME.LANGUAGE.subject|txt|html`, or empty for the built-in samples.
    #[serde(default)]
    pub templates: Option<PathBuf>,
    /// The language used where a send's variable `language` names none.
    pub language: String,
    /// Whether presence by pixel needs a recorded consent.
    #[serde(default)]
    pub consent: ConsentRule,
    /// Transactional or promotional; decides on `List-Unsubscribe`.
    #[serde(default)]
    pub class: MailClass,
    /// Whether tracked mails carry a link that no person sees, to tell scanners by.
    #[serde(default)]
    pub decoy: bool,
    /// How many of this brand's mails one person gets, beside what `[budget]` says of all brands together.
    #[serde(default)]
    pub budget: Vec<AtMost>,
    /// What to do when nobody can know whether the relay took a mail.
    #[serde(default)]
    pub on_uncertain: OnUncertain,
    /// Who is told what happens.
    #[serde(default)]
    pub webhooks: Vec<Webhook>,
}

/// What kind of mail a brand sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailClass {
    /// Letters about a contract: no `List-Unsubscribe`.
    #[default]
    Transactional,
    /// Anything one may unsubscribe from: `List-Unsubscribe` and one-click (RFC 8058).
    Promotional,
}
