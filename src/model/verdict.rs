//! What a signal is worth.

use serde::{Deserialize, Serialize};

/// Who or what is behind a request, in the words of the metric label `verdict`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// A person's own mail client or browser.
    Human,
    /// A mailbox provider's image proxy, fetching because a person opened the mail.
    Proxy,
    /// A mailbox provider fetching ahead of any person.
    Prefetch,
    /// A security scanner that follows links and images on arrival.
    Scanner,
    /// A crawler, a monitor, a script.
    Bot,
    /// Nothing known either way.
    Unknown,
}

impl Class {
    /// Every class, for tables and metric labels.
    pub const ALL: [Self; 6] =
        [Self::Human, Self::Proxy, Self::Prefetch, Self::Scanner, Self::Bot, Self::Unknown];

    /// The lower-case word for labels and the `classify` command.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Proxy => "proxy",
            Self::Prefetch => "prefetch",
            Self::Scanner => "scanner",
            Self::Bot => "bot",
            Self::Unknown => "unknown",
        }
    }
}

/// How far a signal says that the recipient is in the mailbox now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// Not at all.
    No,
    /// It may be: alone it fires nothing, with a [hint](super::Hint) of another kind it may.
    Weak,
    /// Yes.
    Yes,
}

impl Presence {
    /// The lower-case word for the `classify` command.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Weak => "weak",
            Self::Yes => "yes",
        }
    }
}

/// The judgement on one signal. Being an *open* (for statistics) and being *presence* (for firing) are set apart:
/// Gmail fetching ahead of a reader is no open but somebody has Gmail open, and what a security scanner fetches is
/// neither.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Verdict {
    /// Who or what it was.
    pub class: Class,
    /// How sure, from 0 (a guess) to 1 (its own word for it).
    pub confidence: f32,
    /// The rule that decided, as a short stable code (`agent:googleimageproxy`, `method:head`).
    pub reason: &'static str,
    /// Counts as an open or click in statistics.
    pub open: bool,
    /// Counts as the recipient being in the mailbox now.
    pub presence: Presence,
    /// Sure enough for a waiting send to go out; only where `presence` is [`Presence::Yes`].
    pub fires: bool,
    /// What it is worth beside a [hint](super::Hint) of another kind, in percent; 0 is nothing.
    pub hint: u8,
}
