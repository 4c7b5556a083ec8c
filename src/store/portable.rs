//! Moving from one store to another: what must cross over so that every send stays the same send.
//!
//! ```text
//!  FROM                                                TO
//!  shut ─── no gateway opens it from here on
//!  export ── a page: settings, consents, cases, sends ──▶ adopt ── durable, waiting; claims nothing
//!  depart ◀───────────────────────────────────────── New, Same
//!   │  ended as cancelled, "moved to another store"
//!  reopen ── once no send lives in both
//! ```
//!
//! One send, one fate, across both stores. Between `adopt` and `depart` a send lives in both, and a crash there leaves it in
//! both: that is why FROM is shut first and stays shut until a later run has taken up the rest. That run needs no memory of
//! the first: what departed is not exported again, and what was adopted is answered with [`Adopted::Same`].
//! [`copy()`] drives the whole.
//!
//! What is not moved: final sends (their references may be used again in TO), counters, who is online, and who was written to
//! a moment ago.

mod copy;

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Cancelled, Store, StoreError};
use crate::model::{
    CaseId, CaseRecord, Consent, FlowScope, FlowSetting, HistoryEntry, RecipientId, Sealed, SendId, SendSpec,
    Suppression,
};

pub use copy::{CopyError, Progress, Report, Seen, copy};

/// What a departed send's history says at its end.
pub const DEPARTED: &str = "moved to another store";

/// How far an [`export`](Portable::export) got: text that only the store that gave it can read, in this run or another.
#[derive(Clone, PartialEq, Eq)]
pub struct Position(String);

impl Position {
    /// A store's own words for a place in it. They must name no address.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One thing that moves.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// An operator's setting.
    Flow(FlowScope, FlowSetting),
    /// What a person said.
    Consent(Consent),
    /// A watched mailbox; it can be opened with the same `secrets.toml` only.
    Mailbox(RecipientId, Sealed),
    /// A person who gets no more mail.
    Suppression(Suppression),
    /// An open case.
    Case(Box<CaseRecord>),
    /// A waiting send.
    Send(Box<Moved>),
}

/// A waiting send with all that makes it the same send elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    /// What the producer asked for.
    pub spec: SendSpec,
    /// When it was first accepted, by whichever store.
    pub accepted_at: Timestamp,
    /// How many attempts counted so far.
    pub attempts: u32,
    /// Not claimed before this moment: its not-before, or the re-arm after a deferral. None: at once.
    pub due: Option<Timestamp>,
    /// The moment of its first claim in whole seconds, which is the mail's `Date` for every attempt. None before it.
    pub dated: Option<Timestamp>,
    /// What happened to it, oldest first, without the acceptance: at most 19 lines, the first nine and the last ten.
    pub history: Vec<HistoryEntry>,
}

/// Some of a store, in the order in which it must arrive elsewhere.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// The things themselves.
    pub items: Vec<Item>,
    /// Where the next page begins; none after the last.
    pub next: Option<Position>,
}

/// The answer to one item of an [`adopt`](Portable::adopt).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopted {
    /// It was not there and is now, durably.
    New,
    /// It is there, durably: this very send in whatever state, or a statement or setting at least as late.
    Same,
    /// The id is taken by a send with another body; nothing changed.
    Conflict,
    /// Not taken in: [`Rules::max_waiting`](super::Rules::max_waiting) is reached.
    Full,
}

/// A store that can be moved out of and into. What [`Store`] says of all methods holds here, too.
#[async_trait]
pub trait Portable: Store {
    /// Lets no gateway open the store any more, until [`reopen`](Self::reopen); survives everything. Answers how many gateways
    /// work on it now, this process not counted. A gateway that starts at the same time is counted, or does not open.
    async fn shut(&self) -> Result<u64, StoreError>;

    /// Whether the store is shut.
    async fn is_shut(&self) -> Result<bool, StoreError>;

    /// Lets gateways open the store again. Durable before it answers.
    async fn reopen(&self) -> Result<(), StoreError>;

    /// The next items after a position, or the first, without changing anything (but that claims whose lease has run out may
    /// be given back first, as [`tick`](Store::tick) does). A page may be empty and not the last.
    ///
    /// - All flow settings come first, then all consents, watched mailboxes and suppressions, then the open cases, then the
    ///   waiting sends: nothing may go out of the other store that its operator or its recipient has stopped in this one, or
    ///   without what its case says.
    /// - The sends of one person come in the order of their arrival, within a page and from page to page.
    /// - What stays all the time from the first call to the last is given at least once, and each page has at most about
    ///   `most` items.
    /// - Claimed and final sends are left out, as are sends whose recipient was forgotten; and cases that are leaving or closed.
    async fn export(&self, after: Option<Position>, most: usize) -> Result<Page, StoreError>;

    /// Takes items in, answering in the order given, only after what is new among them survives a power cut (or is as safe as
    /// the backend's configuration makes its enqueues).
    ///
    /// - A send waits from then on; it is claimed by its person's next signal or by time, never by this call. Among one
    ///   person's sends it comes after what this store and this call accepted before it.
    /// - It counts as accepted here, and keeps its attempts, due moment, `Date` and history.
    /// - A send that [departed](Self::depart) from this store before is taken back in: it is [`Adopted::New`]. Any other send
    ///   that is known by the same id, live or final, is [`Adopted::Same`] or [`Adopted::Conflict`], as its digest says.
    /// - A case is open here from then on, as it was there; one that is known here is [`Adopted::Same`].
    /// - A consent holds unless a later one by the same person to the same grantee is known; a setting unless one for the same
    ///   flow is known that is not older (one without `since` is older than any other); a mailbox unless one of this
    ///   person is watched here. It is not counted against [`Rules::max_mailboxes`](super::Rules::max_mailboxes). A suppression
    ///   does what [`suppress`](Store::suppress) does.
    async fn adopt(&self, items: Vec<Item>) -> Result<Vec<Adopted>, StoreError>;

    /// Ends sends as cancelled, with [`DEPARTED`] in their history and a mark that they live on elsewhere. Answers in the order
    /// given, durably: [`Cancelled::Done`] if the send departed now or before, [`Cancelled::Ended`] if it ended otherwise,
    /// be it cancelled. A claim on it becomes stale, unless its hand-over has begun.
    async fn depart(&self, sends: Vec<SendId>) -> Result<Vec<Cancelled>, StoreError>;

    /// Forgets open cases, as they live on elsewhere: nothing is told of it, and no deadline comes. What is not open stays.
    async fn depart_cases(&self, cases: Vec<CaseId>) -> Result<(), StoreError>;
}
