//! Cases: the debt files that sends belong to, where they stand, and how they leave e-mail.

use async_trait::async_trait;

use super::StoreError;
use crate::model::{CaseRecord, CaseSpec, CaseState, Name, Seen};

/// The contract of every store's cases. Beside what holds for all methods of a [`Store`](super::Store):
///
/// ```text
///  put_case ──▶ open ──its deadline, a mail's deadline, hand_off──▶ leaving ──no mail of it under way──▶ handed_off
///                │                                                    │                                    │
///                └──────────────────────── settle ────────────────────┴────────────────────────────────────┴──▶ settled
/// ```
///
/// - **Never in both channels.** A case that leaves takes all that waits of it along, in the same step; what is being handed
///   over to a relay at that moment ends first, and only then the case is handed off. What comes back from its hand-over
///   (deferred, given back) ends with its case instead of waiting again.
/// - **Nothing new.** A send for a case that is not open any more is refused: [`Enqueued::Closed`](super::Enqueued::Closed). What
///   is closed stays so for [`Rules::keep_cases`](super::Rules::keep_cases), whoever puts it again.
/// - **Its values are those of now.** A claim carries what the case says at that moment, so a part that is paid changes the
///   amount of every letter that has not been claimed.
/// - **Who comes first wins.** A settlement and a claim's `begin` are steps on one person, one after the other: what began
///   before is counted as in hand-over, what did not is stale and goes nowhere.
/// - **Told.** Each change writes its event (`case.opened`, `case.updated`, `case.settled`, `case.handed_off`) in its own step.
///   What closes a case tells how its letters fared, what was owed, and what a case that is settled was before.
///
/// A case that was never put is only a name by which its sends are found: it can be settled and handed off, and keeps no state.
/// A case belongs to one person; sends of a case to anybody else know nothing of it but its name.
#[async_trait]
pub trait Cases: Send + Sync {
    /// Opens cases, or replaces what was said of them; answers in the order given, durably.
    async fn put_cases(&self, cases: Vec<CaseSpec>) -> Vec<Result<CasePut, StoreError>>;

    /// These cases as they stand, in the order given (closed ones for [`Rules::keep_cases`](super::Rules::keep_cases)).
    async fn cases(&self, ids: &[(Name, String)]) -> Result<Vec<Option<CaseRecord>>, StoreError>;

    /// Settles a case, whatever its state: cancels every send of it, and of no other. Durable before it answers.
    async fn settle(&self, brand: &Name, case: &str, reason: &str) -> Result<Settled, StoreError>;

    /// Hands a case off now: every send of it that is not being handed over ends as handed off. Durable before it answers.
    async fn hand_off(&self, brand: &Name, case: &str, reason: &str) -> Result<Settled, StoreError>;

    /// Counts who saw letters of cases that are not closed; says in the order given which case each letter is of. A letter is
    /// known by its case while it lives, and after a relay took it (the first [`CaseSeen::MOST_LETTERS`] of a case, and of a
    /// person's first 64 open cases, which nobody has). Unlike all else it may be lost in a crash, and counts twice what is said
    /// twice: it is statistics.
    ///
    /// [`CaseSeen::MOST_LETTERS`]: crate::model::CaseSeen::MOST_LETTERS
    async fn note_seen(&self, seen: &[Seen]) -> Result<Vec<Option<(Name, String)>>, StoreError>;
}

/// The answer to one case of a [`Cases::put_cases`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CasePut {
    /// New.
    Opened,
    /// Known, and changed.
    Updated,
    /// Known as exactly this.
    Same,
    /// Nothing changed: it is not open any more.
    Closed(CaseState),
    /// Nothing changed: it is the case of somebody with another address.
    OfAnother,
}

/// The answer to [`Cases::settle`] and [`Cases::hand_off`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settled {
    /// Sends that will not go out any more.
    pub cancelled: u64,
    /// Sends whose hand-over had begun.
    pub in_hand_over: u64,
    /// Where the case stands now, if it was ever put.
    pub state: Option<CaseState>,
}
