//! `[brands.NAME]`, and `brand.toml` in a brand's folder: who writes.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::events::Webhook;
use super::{AtMost, Dkim, FlowLimits, OwnRelay, Relay, Warmup};
use crate::hours::Timetable;
use crate::model::{ConsentRule, Name, OnDeadline, OnUncertain};

/// One brand: its identity, its templates and its rules.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brand {
    /// The `From` mailbox: `Name <address>`.
    pub from: String,
    /// The envelope sender (bounces go there); empty means the address of `from`.
    #[serde(default)]
    pub return_path: String,
    /// Whether each letter's envelope sender says, signed, whose it is: `user+…@domain`.
    #[serde(default)]
    pub verp: bool,
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
    /// How many days after a mail's date its payment link is good.
    #[serde(default = "three_months")]
    pub payment_link_days: u16,
    /// Templates: a directory of `NAME.LANGUAGE.subject|txt|html`, or empty for the built-in samples.
    #[serde(default)]
    pub templates: Option<PathBuf>,
    /// The language used where a send's variable `language` names none.
    pub language: String,
    /// Whether presence by pixel needs a recorded consent.
    #[serde(default)]
    pub consent: ConsentRule,
    /// Transactional or promotional; decides on `List-Unsubscribe`, and on whether unsubscribing stops the brand's mail.
    #[serde(default)]
    pub class: MailClass,
    /// Whether tracked mails carry a link that no person sees, to tell scanners by.
    #[serde(default)]
    pub decoy: bool,
    /// What its mails are signed with: one `[brands.NAME.dkim]`, or several `[[brands.NAME.dkim]]`.
    #[serde(default, deserialize_with = "super::dkim::one_or_many")]
    pub dkim: Vec<Dkim>,
    /// What its letters must say by law: "none", a profile's name, or a profile's `.toml` file.
    #[serde(default = "no_profile")]
    pub legal: String,
    /// Templates that open a collection; all others are later letters, which a profile may want to recall the first.
    #[serde(default)]
    pub first_letters: Vec<Name>,
    /// Values that its templates see where neither a send nor its case has one of that name.
    #[serde(default)]
    pub values: toml::Table,
    /// How many of this brand's mails one person gets, beside what `[budget]` says of all brands together.
    #[serde(default)]
    pub budget: Vec<AtMost>,
    /// How fast its mails may go, where no operator says otherwise.
    #[serde(default)]
    pub limits: Option<FlowLimits>,
    /// How a new sender domain begins.
    #[serde(default)]
    pub warmup: Option<Warmup>,
    /// When it may write; always, if it does not say.
    #[serde(default)]
    pub hours: Option<Timetable>,
    /// What happens at the deadline of sends that do not say.
    #[serde(default)]
    pub on_deadline: OnDeadline,
    /// What to do when nobody can know whether the relay took a mail.
    #[serde(default)]
    pub on_uncertain: OnUncertain,
    /// Who is told what happens.
    #[serde(default)]
    pub webhooks: Vec<Webhook>,
    /// Who takes its mail, where that is another relay than everybody's.
    #[serde(default)]
    pub relay: Option<OwnRelay>,
}

impl Brand {
    /// Has relative paths, but that of its templates, start at its folder.
    pub(super) fn start_paths_at(&mut self, folder: &Path) {
        for file in self.dkim.iter_mut().filter_map(|dkim| dkim.key_file.as_mut()) {
            *file = folder.join(&file);
        }
        if is_file(&self.legal) {
            self.legal = folder.join(&self.legal).to_string_lossy().into_owned();
        }
    }

    /// Who takes this brand's mail, where `general` is everybody's relay.
    pub fn relay(&self, general: &Relay) -> Relay {
        self.relay.as_ref().map_or_else(|| general.clone(), |own| own.over(general))
    }
}

const fn three_months() -> u16 {
    90
}

/// Whether a legal profile is a file of its own, and not one of ours by its name.
fn is_file(profile: &str) -> bool {
    Path::new(profile).extension().is_some_and(|extension| extension == "toml")
}

fn no_profile() -> String {
    "none".into()
}

/// What kind of mail a brand sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailClass {
    /// Letters about a contract: no `List-Unsubscribe`; who unsubscribes by a link gets them all the same.
    #[default]
    Transactional,
    /// Anything one may unsubscribe from: `List-Unsubscribe` and one-click (RFC 8058).
    Promotional,
}
