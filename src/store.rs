//! The store: which sends wait for whom, who is online, and the few atomic steps that change it.
//!
//! [`Store`] is a contract, not an interface to a particular database: every method says what it guarantees when
//! others run at the same time and when the process dies in the middle, and one suite (`tests/store`) checks every
//! backend against it, with a model beside it. What holds for all methods:
//!
//! - **Atomic.** Each call happens as a whole or not at all, also against other gateways on the same store.
//! - **Idempotent.** A call that is repeated (because its answer was lost) gives the same answer and changes
//!   nothing more. Claiming calls are named by the [`ClaimId`] they bring; the others by what they say.
//! - **Fenced.** `begin`, `renew` and `finish` show a [`Hold`]; a hold that the store no longer honours (the lease
//!   ran out, another gateway has the send) changes nothing and is told so.
//! - **Conserving.** For every brand and at every instant, accepted = waiting + claimed + sent + failed + uncertain
//!   + cancelled + handed off + dropped; [`Store::snapshot`] shows both sides.
//! - **Bounded.** Work per call is limited by [`Rules`] and the arguments, never by how much waits.
//!
//! Rules every backend follows when it claims for one recipient:
//!
//! 1. Only sends that are waiting and due, in open flows, unless their deadline has passed with
//!    [`OnDeadline::Send`](crate::model::OnDeadline::Send), which needs no presence but still an open flow.
//! 2. One visit, one mail: with [`Rules::min_gap`] above zero, nothing while another send of the person is claimed
//!    or was sent, or may have been (its outcome is unknown), less than `min_gap` ago. And no more than
//!    [`Rules::budgets`] allow, where what may have been sent counts as sent.
//! 3. Highest priority first, then earliest deadline, then earliest arrival.

mod answers;
mod cases;
mod days;
pub mod embedded;
mod errands;
mod log;
pub mod measured;
pub mod portable;
pub mod redis;
mod time;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

pub use self::answers::{
    Aim, Cancelled, CaseCounts, Counts, Enqueued, Fenced, Forgotten, Ignored, Near, Person, Snapshot,
    Suppressed, Ticked, Touch, Touched, Wait,
};
pub use self::cases::{CasePut, Cases, Settled};
pub use self::days::Open;
pub use self::errands::{Errand, Errands};
pub use self::log::{Heard, Log};
use crate::brands::Brands;
use crate::model::{
    Budgets, ClaimId, Consent, Finish, FlowScope, FlowSetting, Flows, Hold, Leaving, Mailboxes, Pass,
    RecipientId, Sealed, SendId, SendRecord, SendSpec, SuppressScope, Suppression, Toll,
};

/// What a store is told once, at its start.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// How long a signal means "online now" (`presence.window`).
    pub window: Duration,
    /// Between two sends to one person lies at least this (`presence.min_gap`); zero switches the rule off.
    pub min_gap: Duration,
    /// How many mails one person gets, from all brands together and from each (`budget`, `brands.NAME.budget`).
    pub budgets: Budgets,
    /// How long it is remembered when the relay took a mail, for the ages of a [`Worth`](crate::model::Worth): a mail
    /// that is older is taken for old.
    pub recent: Duration,
    /// A mail seen this soon after the relay took it has landed while its recipient was online.
    pub landed_within: Duration,
    /// How sure two hints must be together to be presence, in percent (`classify.fire_threshold`).
    pub fire_threshold: u8,
    /// How long a hint counts (`classify.hint_ttl`).
    pub hint_ttl: Duration,
    /// For so long after a mail to a person a mail server's hints are its echo (`classify.echo`); as far back as
    /// [`min_gap`](Self::min_gap) remembers that mail.
    pub echo: Duration,
    /// Whether to remember in which hours of the week people are seen who agreed to it (`presence.history`).
    pub history: bool,
    /// So long before the deadline of a send that goes without presence then, a better moment is looked for
    /// (`dispatch.best_hour`); zero: never.
    pub best_hour: Duration,
    /// How long a claim lasts without being renewed (`dispatch.lease`).
    pub lease: Duration,
    /// At most this many sends are claimed by one touch or enqueue for one person (`dispatch.claims_per_touch`).
    pub claims_per_touch: usize,
    /// At most this many attempts that count; the next deferral fails the send (`dispatch.max_attempts`).
    pub max_attempts: u32,
    /// At most this many sends wait or are claimed; more are refused (`store.max_waiting`).
    pub max_waiting: u64,
    /// At most this many people are remembered as online (`presence.max_online`); beyond it new signals claim but
    /// are not remembered.
    pub max_online: usize,
    /// How long final states stay visible and their ids taken (`store.keep_finished`).
    pub keep_finished: Duration,
    /// How long a closed case is remembered, so that nothing opens it again (`store.keep_cases`); not less than
    /// [`keep_finished`](Self::keep_finished).
    pub keep_cases: Duration,
    /// At most this many mailboxes are watched (`watch.max_mailboxes`): as many as one gateway may be left with, when all
    /// others have died.
    pub max_mailboxes: usize,
    /// The newest events that are kept (`events.keep`); zero keeps all, which the configuration does not allow.
    pub keep_events: u64,
    /// Who writes: whether each brand's mails may be tracked without a recorded consent.
    pub brands: Brands,
}

/// The store did not do it, and nothing has changed (or, for a lost answer, repeating is safe).
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached or does not answer in time.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// Another process has it open, and it belongs to one at a time.
    #[error("the store is in use: {0}")]
    InUse(String),
    /// The backend has no way to know when something is as safe as was asked for.
    #[error("the store cannot wait for that: {0}")]
    CannotWait(String),
    /// The server is set up so that it would lose sends, or is not one this gateway can use; a sentence says what to do.
    #[error("the store is not fit: {0}")]
    Unfit(String),
    /// The store is full: too many sends wait, or the disk or memory is exhausted.
    #[error("the store is full: {0}")]
    Full(String),
    /// What was read is not what was written.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

/// The contract of every store; see the [module doc](self) for what holds for all methods.
#[async_trait]
pub trait Store: Cases + Log + Errands + Send + Sync + 'static {
    /// Accepts sends. Answers in the order given, only after every new send among them is as safe as `wait` asks. Two of the batch
    /// with the same id are treated as if they came one after the other. A send that is due and whose recipient is
    /// online comes back claimed under `request`.
    ///
    /// # Errors
    /// If nothing was asked. What goes wrong with some of the sends only is their answer: [`Enqueued::Failed`].
    async fn enqueue(
        &self,
        request: ClaimId,
        sends: Vec<SendSpec>,
        wait: Wait,
    ) -> Result<Vec<Enqueued>, StoreError>;

    /// Records presence and claims what this recipient has due; unless consent says no, or the signal is worth less.
    ///
    /// How old the mail is that the signal is about decides what it is worth. Less than presence is remembered as a
    /// hint, unless it is the echo of a mail that was just sent; a hint of another sort that is remembered makes both
    /// together presence, if they are sure enough.
    async fn touch(&self, touch: Touch) -> Result<Touched, StoreError>;

    /// Several touches, each a step of its own; answers in the order given. A store that is reached over a network takes
    /// them all in one go.
    async fn touch_all(&self, touches: Vec<Touch>) -> Vec<Result<Touched, StoreError>> {
        let mut all = Vec::with_capacity(touches.len());
        for touch in touches {
            all.push(self.touch(touch).await);
        }
        all
    }

    /// Ends a recipient's presence now, and forgets the hints of it.
    async fn away(&self, recipient: RecipientId, leaving: Leaving) -> Result<(), StoreError>;

    /// Waits until time has brought something for [`tick`](Self::tick): a not-before, a re-arm, a deadline, a lease.
    /// Sleeps until the earliest such moment, without polling. May return early, never late by more than the
    /// backend states.
    async fn due(&self);

    /// Does what time has brought, for at most `limit` sends: expired leases return to waiting (or become uncertain,
    /// if their hand-over had begun), due sends of people who are online are claimed under `request`, deadlines
    /// passed are claimed, handed off or dropped; what comes within [`Rules::best_hour`] of its deadline is told.
    async fn tick(&self, request: ClaimId, limit: usize) -> Result<Ticked, StoreError>;

    /// Has waiting sends that are [to be sent](crate::model::OnDeadline::Send) at their deadline go without presence from an
    /// earlier moment on; answers in the order given whether they will. One that is claimed, whose deadline has passed or
    /// comes before that moment, is left as it is. Who withdraws a consent takes the moments for all their sends back, as
    /// they come from when they were seen. A store that is moved out of does not pass them on.
    async fn aim(&self, aims: &[Aim]) -> Result<Vec<bool>, StoreError>;

    /// Extends the leases of these holds by a full lease from now; answers in the order given.
    async fn renew(&self, holds: &[Hold]) -> Result<Vec<Fenced>, StoreError>;

    /// Marks that the hand-over begins. After this answered [`Fenced::Done`] the relay may accept the mail, so a
    /// lease that runs out from here makes the send uncertain, also after a crash; survives a killed process.
    async fn begin(&self, hold: Hold) -> Result<Fenced, StoreError>;

    /// Takes a token of each of these flows that is limited, or of none: directly before the hand-over of this send, so
    /// that no window sees more than a limit, whatever number of gateways there are. An operator's setting wins over the
    /// limits of a [`Toll`], and is the one in force at this instant. Survives a killed process. Asked again it takes
    /// again: that is never too many. Who gets none is told when to ask again: each at a turn of its own, and within two
    /// seconds where twenty wait, within a minute and their turns (a hundred a second) where many do, also if the next
    /// token is a day away. A clock that was set back holds nobody up.
    async fn take(&self, send: SendId, tolls: &[Toll]) -> Result<Pass, StoreError>;

    /// Records how a claim ended; survives a killed process. Works while the store refuses new sends for lack of
    /// space.
    async fn finish(&self, hold: Hold, finish: Finish) -> Result<Fenced, StoreError>;

    /// Cancels one send. A claim on it becomes stale, unless its hand-over has begun. Durable before it answers.
    async fn cancel(&self, send: SendId, reason: &str) -> Result<Cancelled, StoreError>;

    /// Erases a person: cancels their sends, settles their cases, drops presence, consents, suppressions, contact history
    /// and their mailbox. Durable before it answers. Who is written to again after that begins anew: a mailbox that does
    /// not exist says so again.
    async fn forget(&self, recipient: RecipientId) -> Result<Forgotten, StoreError>;

    /// Records a consent or its withdrawal. The later statement replaces the earlier, but a withdrawal always holds, so
    /// that no gateway's clock can undo it: one that seems older is recorded with the moment of what it replaces. It
    /// ends the presence that is known. Durable before it answers.
    async fn consent(&self, consent: Consent) -> Result<(), StoreError>;

    /// From now on a person gets no more mail of these brands. Their sends that wait, or are claimed, are handed off; so
    /// is one whose hand-over has begun, if it comes back, and every later one as soon as it is accepted. What is known
    /// of this scope already stays: the first reason, and since when. Durable before it answers.
    async fn suppress(&self, suppression: Suppression) -> Result<Suppressed, StoreError>;

    /// Lifts that, for exactly this scope; tells whether there was something to lift. What was handed off stays so.
    /// Durable before it answers.
    async fn unsuppress(&self, recipient: RecipientId, scope: SuppressScope) -> Result<bool, StoreError>;

    /// Changes one flow's setting; every gateway follows within a second. Durable before it answers. A flow set to
    /// run again releases the recipients held by it at their next signal or deadline.
    async fn set_flow(&self, scope: FlowScope, setting: FlowSetting) -> Result<(), StoreError>;

    /// As [`set_flow`](Self::set_flow), as long as the flow's setting is still `known` (none: it has none); tells whether
    /// it is `setting` now. So what a gateway does by itself never undoes what an operator said meanwhile.
    async fn replace_flow(
        &self,
        scope: FlowScope,
        known: Option<FlowSetting>,
        setting: FlowSetting,
    ) -> Result<bool, StoreError>;

    /// The flow settings as this gateway knows them, and a way to hear of changes.
    fn flows(&self) -> watch::Receiver<Arc<Flows>>;

    /// Has a person's mailbox watched from now on, by what is sealed here, or (with none) no more. Durable before it
    /// answers; who watches it hears of it as [`mailboxes`](Self::mailboxes) says.
    ///
    /// # Errors
    /// [`StoreError::Full`] for one more than [`Rules::max_mailboxes`]; where gateways add some at the same moment, each
    /// may add one too many.
    async fn watch_mailbox(&self, recipient: RecipientId, sealed: Option<Sealed>) -> Result<(), StoreError>;

    /// Replaces what is sealed of a watched mailbox, as long as that is still `known`; tells whether it is `fresh` now.
    /// So whoever brings a new refresh token brings back no mailbox that was removed meanwhile. Durable before it answers.
    async fn reseal_mailbox(
        &self,
        recipient: RecipientId,
        known: Sealed,
        fresh: Sealed,
    ) -> Result<bool, StoreError>;

    /// The mailboxes that this gateway shall watch, and a way to hear of changes. Of a store that gateways share, each
    /// has its part, and none is left out for longer than the backend states; one may be watched by two for a moment.
    fn mailboxes(&self) -> watch::Receiver<Arc<Mailboxes>>;

    /// One send, if it is known (final ones for [`Rules::keep_finished`]).
    async fn send(&self, id: SendId) -> Result<Option<SendRecord>, StoreError>;

    /// What is known of one person.
    async fn person(&self, recipient: RecipientId) -> Result<Person, StoreError>;

    /// All counters, consistent with each other.
    async fn snapshot(&self) -> Result<Snapshot, StoreError>;

    /// Waits until the store has failed for good, so that only a restart of this process can help; a store that comes
    /// back by itself never answers.
    async fn failed(&self) -> StoreError;

    /// Writes everything out and stops; calls after it fail as unavailable.
    async fn close(&self) -> Result<(), StoreError>;
}
