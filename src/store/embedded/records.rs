//! What lies on disk, record by record, as JSON: self-describing, and read only by the store.
//!
//! | record | key | written | gone |
//! | --- | --- | --- | --- |
//! | the [`SendSpec`] itself | send | at enqueue | with the final state |
//! | [`Head`] | send | at enqueue and at each change | with the final state |
//! | [`Label`] | send | at enqueue | `keep_finished` after the end |
//! | [`Event`] | send, place | at each change | with the label |
//! | [`End`] | send | at the end | with the label |
//! | ended at | moment, send | at the end | with the label |
//! | [`Tally`] | flow, which | with whatever it counts | never |
//! | consent | person, grantee | at each statement | when the person is forgotten |
//! | suppression | person, scope | when mail to them is stopped | when it is lifted, or the person is forgotten |
//! | hours | person | when they are seen in a new hour; 88 bytes, no JSON | when they withdraw or are forgotten, or nine weeks later |
//! | mailbox | person | when it is to be watched; sealed, no JSON | when it is not any more, or the person is forgotten |
//! | contacts | person | at each mail they got, or may have got | when no rule looks back so far, or when forgotten |
//! | [`CaseHead`] | case | at each change of a case | `keep_cases` after it was closed |
//! | [`CaseSpec`](crate::model::CaseSpec) | case | whenever its brand states it | when it is closed |
//! | case closed at | moment, case | when it is closed | with it |
//! | [`CaseCounts`] | brand | with each case opened or closed | never |
//! | errand | its name | at each note, no JSON of ours | never |
//! | [event](crate::model::Event) | its number, in the keyspace `events` | with the step it tells of | when `keep_events` newer ones are there |
//! | flow setting | flow | at each change | never |
//! | taken | slice of the day, flow | with each token of a limited flow | when the slice is a day old |
//!
//! `Label`, `Event` and `End` are what remains of a finished send: no address, no variables, no case, no recipient.

use serde::{Deserialize, Serialize};

use crate::model::{
    Amount, CaseId, CaseSeen, CaseState, ClaimId, Currency, FlowScope, HistoryEntry, Name, OnDeadline,
    OnUncertain, RecipientId, SendId, SendSpec, SendState, SuppressScope, Suppression,
};

use super::time::Millis;
use crate::store::CaseCounts;
use crate::store::days::Day;

/// The version of everything below; a store with another one is not opened.
pub(super) const FORMAT: u32 = 1;

/// All that changes while a send is alive, and all that its place in memory needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) recipient: RecipientId,
    pub(super) brand: Name,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) campaign: Option<Name>,
    /// Its case; all zero without one.
    pub(super) case: CaseId,
    pub(super) priority: i16,
    pub(super) due: Millis,
    pub(super) deadline: Millis,
    /// A better moment before it to go without presence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) aimed: Option<Millis>,
    pub(super) on_deadline: OnDeadline,
    pub(super) on_uncertain: OnUncertain,
    /// The order of acceptance.
    pub(super) arrival: u64,
    pub(super) attempts: u32,
    /// How many [`Event`]s were written.
    pub(super) events: u16,
    /// Unix seconds of the first claim, zero before it.
    pub(super) dated: u32,
    /// The [day](crate::store::days) under which it is counted as accepted; zero in what earlier versions wrote.
    #[serde(default)]
    pub(super) accepted_on: Day,
    /// Its recipient was forgotten while the hand-over was under way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) forgotten: bool,
    /// It may not wait again: what it becomes if its hand-over comes to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) leaves: Option<SendState>,
    /// The claim in force, or the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) held: Option<Held>,
}

/// A claim on a send: in force until `ended` says how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) claim: ClaimId,
    /// When the lease runs out.
    pub(super) lease: Millis,
    /// The hand-over has begun.
    pub(super) begun: bool,
    /// Over: with the fingerprint of the `finish` that ended it, or zero if something else did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ended: Option<u64>,
}

/// What a send is called, for as long as its id is taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Label {
    pub(super) reference: String,
    pub(super) brand: Name,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) campaign: Option<Name>,
    pub(super) digest: String,
    /// When it was accepted.
    pub(super) at: Millis,
}

impl Label {
    /// The label of a send accepted at this moment.
    pub(super) fn new(spec: &SendSpec, at: Millis) -> Self {
        Self {
            reference: spec.reference.clone(),
            brand: spec.brand.clone(),
            campaign: spec.campaign.clone(),
            digest: spec.digest.clone(),
            at,
        }
    }
}

/// How a send ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct End {
    pub(super) state: SendState,
    pub(super) at: Millis,
    pub(super) attempts: u32,
    /// Its last claim, so that the answer to a repeated `finish` is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) held: Option<Held>,
    /// Whose mailbox it went to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) provider: Option<Name>,
    /// It lives on in another store.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) departed: bool,
}

/// One line of a send's history. The first ten and the last ten are kept: later ones take the place of the tenth
/// last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Event {
    /// The how-manieth, from 1 (0 is the acceptance, which the [`Label`] holds).
    pub(super) n: u16,
    #[serde(flatten)]
    pub(super) line: HistoryEntry,
}

impl Event {
    /// How many of the first, and how many of the last lines are kept.
    const KEPT: u16 = 10;

    /// The part of the key that says which line it is.
    pub(super) fn place(n: u16) -> u8 {
        let place = if n < Self::KEPT { n } else { Self::KEPT + (n - Self::KEPT) % Self::KEPT };
        place.to_le_bytes()[0]
    }
}

/// A mail that a person got, or may have got.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Contacted {
    pub(super) at: Millis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) brand: Option<Name>,
}

/// The mails of a person as they are read: once only the moment of the last was written.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Mails {
    Last(Millis),
    All(Vec<Contacted>),
}

impl From<Mails> for Vec<Contacted> {
    fn from(mails: Mails) -> Self {
        match mails {
            Mails::Last(at) => vec![Contacted { at, brand: None }],
            Mails::All(mails) => mails,
        }
    }
}

/// All that is known of a case but what its brand states, which is a record of its own while it is open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct CaseHead {
    pub(super) brand: Name,
    pub(super) case: String,
    pub(super) state: CaseState,
    /// Whose case; all zero once it is closed.
    pub(super) recipient: RecipientId,
    /// When it leaves e-mail.
    pub(super) deadline: Millis,
    pub(super) opened: Millis,
    pub(super) updated: Millis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) closed: Option<Millis>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) reason: String,
    /// Mails that a relay took, or may have taken.
    pub(super) mails: u32,
    /// How they fared.
    #[serde(default)]
    pub(super) seen: CaseSeen,
    /// What is owed; gone once it is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) owed: Option<(Amount, Currency)>,
    /// [`CaseSpec::digest`](crate::model::CaseSpec::digest).
    pub(super) digest: [u8; 16],
}

/// Which of a flow's counters: one record each, because different threads write them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Tally {
    /// Sends ever accepted.
    Accepted(u64),
    /// Sends ever ended, in the order of the final ones of [`SendState::ALL`].
    Ended([u64; 6]),
}

/// One record to write or delete; the changes of one step are written as one.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    /// A live send's head.
    Head(SendId, Head),
    /// A line of its history.
    Event(SendId, Event),
    /// It is final: head and payload go, this stays.
    End(SendId, End),
    /// Its payload goes while it is still alive.
    Erase(SendId),
    /// A flow's counter.
    Tally(FlowScope, Tally),
    /// A person was seen in this hour of the week.
    Hour(RecipientId, Millis),
    /// In which hours they were seen is forgotten.
    NoHours(RecipientId),
    /// The mails a person got; none: nobody needs to know any more.
    Contacts(RecipientId, Vec<Contacted>),
    /// A person gets no more of this mail.
    Suppress(Box<Suppression>),
    /// They do again.
    Unsuppress(RecipientId, SuppressScope),
    /// So many tokens of a flow were taken in a slice of the day; none: it is over.
    Taken(FlowScope, i64, u32),
    /// A case; a closed one loses what its brand stated.
    Case(CaseId, Box<CaseHead>),
    /// What its brand states of a case, as JSON.
    CaseSays(CaseId, Vec<u8>),
    /// A case lives on in another store.
    CaseGone(CaseId),
    /// How many cases of a brand there are.
    Cases(Name, CaseCounts),
    /// An event is told with this step. The end of a send is told without it.
    Announce(Box<crate::model::Event>),
}
