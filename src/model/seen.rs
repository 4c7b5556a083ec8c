//! Who saw the letters of a case: what a call centre wants to know before it calls.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{RecipientId, SendId};

/// What somebody did with a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Glance {
    /// Opened it.
    Open,
    /// Followed a link in it.
    Click,
    /// Something that is counted already: only the case is asked for.
    Counted,
}

/// Somebody looked at a letter, as far as statistics go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Whose letter.
    pub recipient: RecipientId,
    /// Which.
    pub send: SendId,
    /// How.
    pub what: Glance,
    /// When.
    pub at: Timestamp,
}

/// How the letters of a case fared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CaseSeen {
    /// How often one was opened, each counted once a minute.
    pub opens: u32,
    /// How often a link in one was followed, each letter counted once a minute.
    pub clicks: u32,
    /// When that was, the last time.
    pub last: Option<Timestamp>,
    /// When a relay took the first, or may have taken it.
    pub first_mail: Option<Timestamp>,
    /// When a relay took the last.
    pub last_mail: Option<Timestamp>,
    /// Which they are, and when a relay took them: the first [`MOST_LETTERS`](Self::MOST_LETTERS), until the case is closed.
    pub letters: Vec<(SendId, Timestamp)>,
}

impl CaseSeen {
    /// Of so many letters it is remembered that they are a case's.
    pub const MOST_LETTERS: usize = 64;

    /// A relay took a letter, or may have taken it.
    pub fn mailed(&mut self, send: SendId, at: Timestamp) {
        self.first_mail.get_or_insert(at);
        self.last_mail = Some(at);
        if self.letters.len() < Self::MOST_LETTERS {
            self.letters.push((send, at));
        }
    }

    /// One of them was looked at.
    pub fn saw(&mut self, what: Glance, at: Timestamp) {
        let count = match what {
            Glance::Open => &mut self.opens,
            Glance::Click => &mut self.clicks,
            Glance::Counted => return,
        };
        *count = count.saturating_add(1);
        self.last = self.last.max(Some(at));
    }

    /// Whether this letter is remembered as one of them.
    pub fn has(&self, send: SendId) -> bool {
        self.letters.iter().any(|(letter, _)| *letter == send)
    }
}
