//! What callers bring to a store, and what it answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Open, StoreError};
#[cfg(doc)]
use super::{Rules, Store};
use crate::model::{
    CaseFacts, CaseState, Claim, ClaimId, Consent, Contact, FlowScope, Hint, Hours, Landed, MailAge, Name,
    Origin, RecipientId, Sealed, SendId, SendRecord, SendSpec, SendState, Source, Suppression, Worth,
};

/// When an [`Store::enqueue`] answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wait {
    /// As soon as the sends are as safe as the backend's configuration says; see each backend's table of what survives
    /// what.
    #[default]
    Stored,
    /// Not before a power cut of one machine cannot lose them. Refused as [`StoreError::CannotWait`] where the backend
    /// cannot know.
    Durable,
}

/// The answer to one send of an [`Store::enqueue`].
#[derive(Debug, Clone)]
pub enum Enqueued {
    /// New and stored durably. If the recipient is online and the send is due, it comes back claimed.
    New(Option<Claim>),
    /// The same send was accepted before; nothing changed.
    Same,
    /// The id is taken by a send with another body; nothing changed.
    Conflict,
    /// Not accepted: [`Rules::max_waiting`] is reached.
    Full,
    /// Not accepted: its case is not open any more.
    Closed(CaseState),
    /// Not accepted, or not known whether, or not as safe as was asked; the others have their own answers. Repeating
    /// is safe.
    Failed(StoreError),
}

/// A signal, as the store sees it.
#[derive(Debug, Clone)]
pub struct Touch {
    /// Names the request; claims made by it are held under this id.
    pub request: ClaimId,
    /// Who was seen.
    pub recipient: RecipientId,
    /// Where.
    pub source: Source,
    /// Whose consent rule counts.
    pub origin: Origin,
    /// The mail it is about: its age decides over the worth.
    pub about: Option<SendId>,
    /// What it is worth.
    pub worth: Worth,
}

/// The answer to a [`Touch`].
#[derive(Debug, Clone, Default)]
pub struct Touched {
    /// What this recipient had due, now claimed.
    pub claims: Vec<Claim>,
    /// Why no presence was recorded, if so.
    pub ignored: Option<Ignored>,
    /// How old the mail is that it was about, if the relay took it lately.
    pub age: Option<MailAge>,
    /// Presence came of two hints together.
    pub joined: bool,
    /// It was the first to show that its mail has landed.
    pub landed: Option<Landed>,
}

/// Why a touch was not taken as presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// The recipient withdrew, or never gave, the consent that its origin needs.
    NoConsent,
    /// It is worth nothing while its mail is so young.
    TooYoung,
    /// It is worth no presence alone; it is remembered as a hint.
    Hinted,
    /// It is a hint that a mail just sent may have set off itself.
    Echo,
}

/// Whether the store still honours a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fenced {
    /// Done (or done before by the same call).
    Done,
    /// The hold is stale: nothing changed, and the holder must not go on.
    Stale,
}

/// The answer to [`Store::cancel`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It will not go out (also when it was cancelled before).
    Done,
    /// The hand-over has begun; its end will be recorded.
    InHandOver,
    /// It had ended before, in this state.
    Ended(SendState),
    /// No such send.
    Unknown,
}

/// The answer to [`Store::suppress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Suppressed {
    /// Nothing was known of this scope before.
    pub new: bool,
    /// Sends handed off by this call.
    pub handed_off: u64,
    /// Sends whose hand-over had begun.
    pub in_hand_over: u64,
}

/// What [`Store::forget`] erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// Sends cancelled because their recipient is forgotten.
    pub sends: u64,
    /// Sends whose hand-over had begun; they end by themselves and keep nothing of the person.
    pub in_hand_over: u64,
    /// Cases that were open.
    pub cases: u64,
    /// Recorded consents.
    pub consents: u64,
    /// Whether a presence was known.
    pub presence: bool,
}

/// What the store knows of one person.
#[derive(Debug, Clone, Default)]
pub struct Person {
    /// The last signal within the window, and where from: the person counts as online.
    pub online: Option<(Timestamp, Source)>,
    /// The mails this person got, or may have got, as far back as the rules look; the oldest first.
    pub contacts: Vec<Contact>,
    /// Sends not yet final, at most 1000 of them, in claiming order.
    pub waiting: Vec<SendRecord>,
    /// Recorded consents.
    pub consents: Vec<Consent>,
    /// Whose mail they get no more, if anybody's.
    pub suppressions: Vec<Suppression>,
    /// Signs of presence of the last moments, by kind.
    pub hints: Vec<Hint>,
    /// In which hours of the week this person was seen.
    pub hours: Option<Hours>,
    /// How to get into this person's mailbox, if it is watched.
    pub mailbox: Option<Sealed>,
}

impl Person {
    /// When this person was last written to, as far back as the rules look.
    pub fn last_sent(&self) -> Option<Timestamp> {
        self.contacts.last().map(|contact| contact.at)
    }
}

/// What [`Store::tick`] did.
#[derive(Debug, Clone, Default)]
pub struct Ticked {
    /// Sends to fire now.
    pub claims: Vec<Claim>,
    /// Leases that ran out, by what became of the send (waiting or uncertain), with the send's id.
    pub expired: Vec<(SendId, SendState)>,
    /// Sends that ended at their deadline.
    pub ended: Vec<(SendId, SendState)>,
    /// Sends that came near their deadline, for whoever can [aim](Store::aim) them better. Told at least once; if nobody
    /// aims, they go at their deadline.
    pub near: Vec<Near>,
    /// How late each moment was dealt with that time had brought: a due moment, nearness to a deadline, an aim, a deadline,
    /// the end of a lease, of a send or a case. Counted from when it could be dealt with at the earliest, so nothing is late
    /// that a flow, a rule or its turn held back, or that came with its moment passed.
    pub late: Vec<Duration>,
    /// More is due than this call's limit let through: call again.
    pub more: bool,
}

/// A send that is near its deadline, and shall be sent then without presence; its person is one of whom it is known in which
/// hours they are seen. Not a claim.
#[derive(Debug, Clone)]
pub struct Near {
    /// What to send, and until when.
    pub spec: Arc<SendSpec>,
    /// What is known of its case at this moment, if it belongs to one that was opened.
    pub facts: Option<Arc<CaseFacts>>,
    /// In which hours of the week its person was seen.
    pub hours: Hours,
}

/// A better moment than a send's deadline to go without presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aim {
    /// Which send.
    pub send: SendId,
    /// Whose: says where a partitioned store keeps it.
    pub recipient: RecipientId,
    /// From when on it goes as if its deadline had passed.
    pub at: Timestamp,
}

impl Aim {
    /// What the send's history says of it.
    pub(super) fn words(&self) -> String {
        format!("at {}", self.at)
    }
}

/// Counters of one flow (a brand's campaign, or its sends without one).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sends ever accepted.
    pub accepted: u64,
    /// Sends by state, in the order of [`SendState::ALL`]; final states count for ever.
    pub states: [u64; 8],
}

impl Counts {
    /// What the conservation law says must be zero: accepted minus the sum over all states.
    pub fn gap(&self) -> i64 {
        let states: u64 = self.states.iter().sum();
        self.accepted.cast_signed().wrapping_sub(states.cast_signed())
    }

    /// Adds another flow's counters to these.
    pub fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        for (sum, count) in self.states.iter_mut().zip(other.states) {
            *sum += count;
        }
    }
}

/// How many cases of a brand there are: their sum is how many were ever opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseCounts {
    /// Those that are open, or leaving.
    pub open: u64,
    /// Those that were settled.
    pub settled: u64,
    /// Those that were handed off, and not settled since.
    pub handed_off: u64,
}

impl CaseCounts {
    /// The counter of a state.
    pub fn of(&mut self, state: CaseState) -> &mut u64 {
        match state {
            CaseState::Open | CaseState::Leaving => &mut self.open,
            CaseState::Settled => &mut self.settled,
            CaseState::HandedOff => &mut self.handed_off,
        }
    }
}

/// All counters at one instant.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Counters by brand and campaign.
    pub flows: BTreeMap<FlowScope, Counts>,
    /// Cases by brand.
    pub cases: BTreeMap<Name, CaseCounts>,
    /// Live sends by brand, of whom there are any, by age and deadline. A store that earlier versions wrote knows nothing of
    /// the sends they took in if it is in Redis.
    pub open: BTreeMap<Name, Open>,
    /// People online.
    pub online: u64,
}
