//! The move itself, page by page.

use tokio_util::sync::CancellationToken;

use super::{Adopted, Item, Portable, Position};
use crate::model::{CaseId, Name, SendId, SendState};
use crate::store::{Cancelled, Counts, StoreError};

/// Items in one page: enough to share a sync of the disk, few enough to stop soon and to fit in memory with any letters.
const PAGE: usize = 500;

/// What the other store's history says of a send that the old one could not let go any more.
const TOO_LATE: &str = "ended in the store it came from";

/// How far a copy has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Sends that moved in this run.
    pub moved: u64,
    /// Sends that the other store knew already: a run before this one was interrupted there, or it has gone out since.
    pub known: u64,
    /// Sends left where they are, because the other store knows another body under their id.
    pub conflicts: u64,
    /// Sends that somebody ended in the old store while they were being moved; the other store does not send them.
    pub late: u64,
    /// Statements of people that the other store did not have.
    pub consents: u64,
    /// Watched mailboxes that the other store did not have.
    pub mailboxes: u64,
    /// Suppressions that the other store did not have.
    pub suppressions: u64,
    /// Open cases that the other store did not have.
    pub cases: u64,
    /// Settings of flows that the other store did not have.
    pub flows: u64,
}

/// What a whole copy came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// What moved.
    pub progress: Progress,
    /// Sends left where they are, because a gateway that was stopped or killed still holds them.
    pub claimed: u64,
    /// Sends that wait where they were: conflicts, and whatever had not moved when the copy was told to stop.
    pub waiting: u64,
    /// It was told to stop before the end.
    pub stopped: bool,
}

/// What whoever watches a copy hears.
#[derive(Debug)]
pub enum Seen<'a> {
    /// How many sends wait in the old store, before the first moves.
    Start(u64),
    /// A send stays where it is: the other store knows another body under this brand and reference.
    Conflict(&'a Name, &'a str),
    /// A page has moved.
    Page(Progress),
}

/// Why a copy did not happen or broke off. It can be run again in each case.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Both are one store under two names.
    #[error("both are the same store")]
    SameStore,
    /// The other store was being moved out of itself.
    #[error(
        "a copy out of the store to move to was interrupted: run that one again first (or both are the same store)"
    )]
    Interrupted,
    /// Gateways work on the old store: they could send what has just moved.
    #[error("{0} gateway(s) work on the store to move from: stop them and come again")]
    Busy(u64),
    /// The other store has no room for more; what moved has moved.
    #[error("the store to move to takes no more: {0}")]
    Full(String),
    /// One of the stores failed, perhaps in the middle of a page: the old one stays shut.
    #[error("{0}; run the same copy again before any gateway starts")]
    Store(#[from] StoreError),
}

/// Moves all that waits in `from`, its open cases, consents, watched mailboxes, suppressions and flow settings to `to`; see the [module doc](super) for what that
/// means. `stop` ends it after the page in hand. Calls `watch` as things happen.
///
/// # Errors
/// After [`CopyError::Store`] the old store is left shut, because sends may live in both, until a copy ran to its end.
pub async fn copy(
    from: &dyn Portable,
    to: &dyn Portable,
    stop: &CancellationToken,
    mut watch: impl FnMut(Seen<'_>) + Send,
) -> Result<Report, CopyError> {
    let resumed = shut(from, to).await?;
    let before = counts(from).await?;
    watch(Seen::Start(before[SendState::Waiting as usize]));
    let mut mover = Mover { from, to, progress: Progress::default() };
    let ended = mover.all(stop, &mut watch).await;
    // No send lives in both: after a run to the end, or after one that broke off between pages and followed no other.
    let clear = match &ended {
        Ok(true) => true,
        Ok(false) | Err(CopyError::Full(_)) => !resumed,
        Err(_) => false,
    };
    if clear {
        from.reopen().await?;
    }
    let whole = ended?;
    let after = counts(from).await?;
    Ok(Report {
        progress: mover.progress,
        claimed: after[SendState::Claimed as usize],
        waiting: after[SendState::Waiting as usize],
        stopped: !whole,
    })
}

/// Shuts the old store, if that can be; tells whether it was shut before.
async fn shut(from: &dyn Portable, to: &dyn Portable) -> Result<bool, CopyError> {
    let resumed = from.is_shut().await?;
    if to.is_shut().await? {
        return Err(CopyError::Interrupted);
    }
    let gateways = from.shut().await?;
    let refused = match gateways {
        _ if to.is_shut().await? => CopyError::SameStore,
        0 => return Ok(resumed),
        gateways => CopyError::Busy(gateways),
    };
    if !resumed {
        from.reopen().await?;
    }
    Err(refused)
}

async fn counts(store: &dyn Portable) -> Result<[u64; 8], StoreError> {
    let mut sum = Counts::default();
    store.snapshot().await?.flows.values().for_each(|counts| sum.add(counts));
    Ok(sum.states)
}

/// A copy under way.
struct Mover<'a> {
    from: &'a dyn Portable,
    to: &'a dyn Portable,
    progress: Progress,
}

impl Mover<'_> {
    /// Moves page after page; false if it was told to stop before the last.
    async fn all(
        &mut self,
        stop: &CancellationToken,
        watch: &mut (impl FnMut(Seen<'_>) + Send),
    ) -> Result<bool, CopyError> {
        let mut at: Option<Position> = None;
        loop {
            if stop.is_cancelled() {
                return Ok(false);
            }
            let page = self.from.export(at, PAGE).await?;
            self.page(page.items, watch).await?;
            watch(Seen::Page(self.progress));
            match page.next {
                None => return Ok(true),
                next => at = next,
            }
        }
    }

    async fn page(
        &mut self,
        items: Vec<Item>,
        watch: &mut (impl FnMut(Seen<'_>) + Send),
    ) -> Result<(), CopyError> {
        let labels: Vec<Label> = items.iter().map(Label::of).collect();
        let answers = match self.to.adopt(items).await {
            Err(StoreError::Full(why)) => return Err(CopyError::Full(why)),
            answers => answers?,
        };
        let (mut there, mut cases) = (Vec::with_capacity(labels.len()), Vec::new());
        let mut full = false;
        for (label, adopted) in labels.iter().zip(answers) {
            full |= adopted == Adopted::Full;
            self.count(label, adopted, watch);
            match (label, adopted) {
                (Label::Send { id, .. }, Adopted::New | Adopted::Same) => there.push(*id),
                (Label::Case(id), Adopted::New | Adopted::Same) => cases.push(*id),
                _ => {}
            }
        }
        self.from.depart_cases(cases).await?;
        self.depart(there).await?;
        if full { Err(CopyError::Full("`store.max_waiting` is reached".into())) } else { Ok(()) }
    }

    fn count(&mut self, label: &Label, adopted: Adopted, watch: &mut impl FnMut(Seen<'_>)) {
        let progress = &mut self.progress;
        match (label, adopted) {
            (Label::Send { .. }, Adopted::New) => progress.moved += 1,
            (Label::Send { .. }, Adopted::Same) => progress.known += 1,
            (Label::Send { brand, reference, .. }, Adopted::Conflict) => {
                progress.conflicts += 1;
                watch(Seen::Conflict(brand, reference));
            }
            (Label::Consent, Adopted::New) => progress.consents += 1,
            (Label::Mailbox, Adopted::New) => progress.mailboxes += 1,
            (Label::Suppression, Adopted::New) => progress.suppressions += 1,
            (Label::Case(_), Adopted::New) => progress.cases += 1,
            (Label::Flow, Adopted::New) => progress.flows += 1,
            _ => {}
        }
    }

    /// Ends in the old store what the other has. Whatever could not be ended there any more must not go out here.
    async fn depart(&mut self, sends: Vec<SendId>) -> Result<(), StoreError> {
        let departed = self.from.depart(sends.clone()).await?;
        for (send, departed) in sends.into_iter().zip(departed) {
            if departed != Cancelled::Done {
                self.to.cancel(send, TOO_LATE).await?;
                self.progress.late += 1;
            }
        }
        Ok(())
    }
}

/// What is still needed of an item once it was handed over.
enum Label {
    Flow,
    Consent,
    Mailbox,
    Suppression,
    Case(CaseId),
    Send { id: SendId, brand: Name, reference: String },
}

impl Label {
    fn of(item: &Item) -> Self {
        match item {
            Item::Flow(..) => Self::Flow,
            Item::Consent(_) => Self::Consent,
            Item::Mailbox(..) => Self::Mailbox,
            Item::Suppression(_) => Self::Suppression,
            Item::Case(case) => Self::Case(CaseId::of(&case.brand, &case.case)),
            Item::Send(moved) => Self::Send {
                id: moved.spec.id,
                brand: moved.spec.brand.clone(),
                reference: moved.spec.reference.clone(),
            },
        }
    }
}
