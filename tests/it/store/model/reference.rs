//! The reference: the contract in the plainest words, without indexes, timers or files. Everything is looked for in
//! one list, every time.

mod cases;
mod signals;
mod suppressions;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use vigie::clock::after;
use vigie::model::{
    CaseRecord, CaseState, ClaimId, Consent, Contact, Finish, FlowScope, FlowSetting, Flows, Grantee,
    HintKind, Hold, Hours, Leaving, Name, OnDeadline, OnUncertain, RecipientId, SendId, SendSpec, SendState,
    Source, SuppressScope,
};
use vigie::store::{Aim, Cancelled, Counts, Fenced, Forgotten, Rules, Ticked};

use crate::store::bench::Habits;
pub(super) use cases::Case;

/// One send, for ever.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub(super) spec: SendSpec,
    pub(super) state: SendState,
    pub(super) attempts: u32,
    due: Option<Timestamp>,
    /// A better moment than its deadline.
    aimed: Option<Timestamp>,
    hold: Option<Holding>,
    forgotten: bool,
    /// What it becomes instead of waiting again.
    leaves: Option<SendState>,
}

/// The last claim on a send.
#[derive(Debug, Clone)]
struct Holding {
    claim: ClaimId,
    lease: Timestamp,
    begun: bool,
    finish: Option<Finish>,
}

/// What becomes of one send of an enqueue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    New { claimed: bool },
    Same,
    Conflict,
    Full,
    Closed(CaseState),
}

/// The whole store.
#[derive(Debug)]
pub(super) struct Reference {
    rules: Rules,
    habits: Habits,
    /// Until then leases need not be taken back, as their holders could not renew them.
    quiet_until: Timestamp,
    pub(super) now: Timestamp,
    pub(super) letters: Vec<Letter>,
    pub(super) online: BTreeMap<RecipientId, (Timestamp, Source)>,
    /// The mails each person got, the oldest first.
    sent: BTreeMap<RecipientId, Vec<Contact>>,
    /// When the relay took which mail, and whether it was seen to land.
    accepted: BTreeMap<SendId, (Timestamp, bool)>,
    hints: BTreeMap<(RecipientId, HintKind), (u8, Timestamp)>,
    pub(super) hours: BTreeMap<RecipientId, Hours>,
    pub(super) consents: BTreeMap<(RecipientId, Grantee), bool>,
    suppressions: BTreeSet<(RecipientId, SuppressScope)>,
    flows: Flows,
    pub(super) cases: BTreeMap<(Name, String), Case>,
}

impl Letter {
    fn waits(&self) -> bool {
        self.state == SendState::Waiting
    }

    fn claimed(&self) -> bool {
        self.state == SendState::Claimed
    }

    fn begun(&self) -> bool {
        self.claimed() && self.hold.as_ref().is_some_and(|hold| hold.begun)
    }

    fn late(&self, now: Timestamp) -> bool {
        [self.spec.deadline, self.aimed].into_iter().flatten().any(|deadline| deadline <= now)
    }

    fn lapsed(&self, now: Timestamp) -> bool {
        self.waits() && self.late(now) && self.spec.on_deadline != OnDeadline::Send
    }

    fn lapses_to(&self) -> SendState {
        if self.spec.on_deadline == OnDeadline::Handoff { SendState::HandedOff } else { SendState::Dropped }
    }

    fn is_for(&self, who: RecipientId) -> bool {
        self.spec.recipient == who && !self.forgotten
    }

    fn comes_back(&mut self, stopped: bool) -> SendState {
        self.state = match self.leaves {
            Some(end) => end,
            None if self.forgotten => SendState::Cancelled,
            None if stopped => SendState::HandedOff,
            None => SendState::Waiting,
        };
        self.state
    }

    fn tries_again(&mut self, most: u32) -> bool {
        let more = self.attempts < most;
        self.attempts += u32::from(more);
        more
    }

    fn doubt(&mut self, most: u32, again: Timestamp, stopped: bool) -> SendState {
        let resend =
            self.spec.on_uncertain == OnUncertain::Resend && !self.forgotten && self.leaves.is_none();
        self.state = SendState::Uncertain;
        if resend && self.tries_again(most) {
            self.due = Some(again);
            self.comes_back(stopped);
        }
        self.state
    }
}

impl Reference {
    pub(super) fn new(rules: Rules, habits: Habits, now: Timestamp) -> Self {
        let (letters, online, sent) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        let (accepted, consents, flows) = (BTreeMap::new(), BTreeMap::new(), Flows::default());
        let (hints, hours) = (BTreeMap::new(), BTreeMap::new());
        let quiet_until = now;
        Self {
            rules,
            habits,
            quiet_until,
            now,
            letters,
            online,
            sent,
            accepted,
            hints,
            hours,
            consents,
            suppressions: BTreeSet::new(),
            flows,
            cases: BTreeMap::new(),
        }
    }

    pub(super) fn pass(&mut self, by: Duration) {
        self.now = after(self.now, by);
    }

    fn letter(&mut self, id: SendId) -> Option<&mut Letter> {
        self.letters.iter_mut().find(|letter| letter.spec.id == id)
    }

    pub(super) fn is_online(&self, who: RecipientId) -> bool {
        self.online.get(&who).is_some_and(|(seen, _)| self.now < after(*seen, self.rules.window))
    }

    pub(super) fn last_sent(&self, who: RecipientId) -> Option<Timestamp> {
        self.contacts(who).last().map(|mail| mail.at)
    }

    /// The mails that some rule looks back to.
    pub(super) fn contacts(&self, who: RecipientId) -> Vec<Contact> {
        let memory = self.memory();
        let mails = self.sent.get(&who).into_iter().flatten();
        mails.filter(|mail| self.now < after(mail.at, memory)).cloned().collect()
    }

    fn memory(&self) -> Duration {
        let budgets = self.rules.budgets.all().map(|budget| budget.within);
        budgets.chain([self.rules.min_gap]).max().unwrap_or_default()
    }

    /// Whether one mail to a person decides over the next.
    fn spaced(&self) -> bool {
        !self.memory().is_zero()
    }

    /// This person has this letter, or may have it.
    fn got(&mut self, who: Option<RecipientId>, brand: Name) {
        let mail = Contact { at: self.now, brand: Some(brand) };
        if let Some(who) = who {
            self.sent.entry(who).or_default().push(mail);
        }
    }

    /// The relay may have this letter, so its person was written to.
    fn doubt(&mut self, id: SendId) -> SendState {
        let (now, most, again) = (self.now, self.rules.max_attempts, after(self.now, self.rules.lease));
        let stopped = self.stopped(id);
        let letter = self.letter(id).expect("a known send");
        let became = letter.doubt(most, again, stopped);
        let who = Some(letter.spec.recipient).filter(|_| !letter.forgotten);
        let brand = letter.spec.brand.clone();
        if became == SendState::Uncertain {
            self.accepted.insert(id, (now, false));
        }
        self.got(who, brand);
        became
    }

    /// One visit, one mail.
    fn free(&self, who: RecipientId) -> bool {
        let busy = self.letters.iter().any(|letter| letter.claimed() && letter.is_for(who));
        let contacts = self.contacts(who);
        let gap = self.last_sent(who).is_some_and(|at| self.now < after(at, self.rules.min_gap));
        let used = self.rules.budgets.together_free_at(&contacts).is_some_and(|free| self.now < free);
        !self.spaced() || (!busy && !gap && !used)
    }

    /// Whether a brand has room in its own budgets for this person.
    fn may_write(&self, letter: &Letter) -> bool {
        let Letter { spec, .. } = letter;
        let free = self.rules.budgets.free_at(&self.contacts(spec.recipient), &spec.brand);
        free.is_none_or(|free| free <= self.now)
    }

    /// Waiting, due, in an open flow, and not lapsed.
    fn claimable(&self, letter: &Letter) -> bool {
        let due = letter.due.is_none_or(|due| due <= self.now);
        let open = self.flows.open(&letter.spec.brand, letter.spec.campaign.as_ref(), self.now);
        letter.waits() && due && open && !letter.lapsed(self.now)
    }

    /// What may be claimed for a person now, best first; if they are not there, only what is overdue.
    fn candidates(&self, who: RecipientId, there: bool) -> Vec<SendId> {
        let mut found: Vec<_> = self.letters.iter().enumerate().collect();
        found.retain(|(_, letter)| letter.is_for(who) && self.claimable(letter) && self.may_write(letter));
        found.retain(|(_, letter)| there || letter.late(self.now));
        found.sort_by_key(|(arrival, Letter { spec, .. })| {
            (-i32::from(spec.priority), spec.deadline.unwrap_or(Timestamp::MAX), *arrival)
        });
        found.into_iter().map(|(_, letter)| letter.spec.id).collect()
    }

    fn claim(&mut self, id: SendId, claim: ClaimId) {
        let lease = after(self.now, self.rules.lease);
        let letter = self.letter(id).expect("a known send");
        letter.state = SendState::Claimed;
        letter.hold = Some(Holding { claim, lease, begun: false, finish: None });
    }

    /// Whether no more may wait for this person.
    fn is_full(&self, who: RecipientId) -> bool {
        let partitions = self.habits.partitions;
        let here =
            |letter: &&Letter| letter.spec.recipient.partition(partitions) == who.partition(partitions);
        let live = self.letters.iter().filter(|letter| !letter.state.is_final()).filter(here).count() as u64;
        live >= self.rules.max_waiting.div_ceil(partitions.into())
    }

    pub(super) fn enqueue(&mut self, request: ClaimId, sends: &[SendSpec]) -> Vec<Fate> {
        let mut claimed = BTreeMap::<RecipientId, usize>::new();
        let mut fates = Vec::new();
        for spec in sends {
            let full = self.is_full(spec.recipient);
            let known = self.letter(spec.id).map(|letter| letter.spec.digest == spec.digest);
            fates.push(match known {
                Some(true) => Fate::Same,
                Some(false) => Fate::Conflict,
                None if full => Fate::Full,
                None if let Some(state) = self.closed_case(spec) => Fate::Closed(state),
                None => {
                    let stopped = self.stops(spec.recipient, &spec.brand);
                    let state = if stopped { SendState::HandedOff } else { SendState::Waiting };
                    let due = spec.not_before;
                    let (spec, hold, forgotten, leaves) = (spec.clone(), None, false, None);
                    let (attempts, aimed) = (0, None);
                    let letter = Letter { spec, state, attempts, due, aimed, hold, forgotten, leaves };
                    let (who, id) = (letter.spec.recipient, letter.spec.id);
                    let taken = claimed.entry(who).or_default();
                    let now = self.claimable(&letter)
                        && self.may_write(&letter)
                        && self.is_online(who)
                        && self.free(who)
                        && *taken < self.rules.claims_per_touch;
                    *taken += usize::from(now);
                    self.letters.push(letter);
                    if now {
                        self.claim(id, request);
                    }
                    Fate::New { claimed: now }
                }
            });
        }
        fates
    }

    /// Checks that each thing a tick did was right, and does the same. `cases` are those of the store after it.
    pub(super) fn tick(&mut self, request: ClaimId, ticked: &Ticked, cases: &[CaseRecord]) {
        let now = self.now;
        for (id, state) in &ticked.expired {
            // Its case left first: what is in doubt is not sent again.
            if *state == SendState::Uncertain && self.left_with_this_tick(*id, cases) {
                self.letter(*id).expect("a known send").leaves = Some(SendState::HandedOff);
            }
            let stopped = self.stopped(*id);
            let letter = self.letter(*id).expect("a known send");
            assert!(
                letter.claimed() && letter.hold.as_ref().is_some_and(|hold| hold.lease <= now),
                "{letter:?}"
            );
            let became = if letter.begun() { self.doubt(*id) } else { letter.comes_back(stopped) };
            self.mail_of_case_ended(*id);
            assert_eq!(became, *state);
        }
        let left = self.cases_that_left(ticked, cases);
        let ended: BTreeMap<_, _> = ticked.ended.iter().copied().collect();
        for (id, state) in &ended {
            if left.takes(self, *id, *state) {
                // What was held before this tick left before it claimed anything.
                if !ticked.claims.iter().any(|claim| claim.hold.send == *id) {
                    self.letter(*id).expect("a known send").state = *state;
                }
                continue;
            }
            let letter = self.letter(*id).expect("a known send");
            assert!(letter.lapsed(now), "{letter:?}");
            letter.state = letter.lapses_to();
            assert_eq!(letter.state, *state);
            self.mail_of_case_ended(*id);
        }
        for claim in &ticked.claims {
            let (id, who) = (claim.hold.send, claim.spec.recipient);
            let mut candidates = self.candidates(who, self.is_online(who));
            assert!(candidates.contains(&id), "{id} may be claimed");
            // What ended with its case ended before or after this claim.
            candidates.retain(|other| *other == id || !ended.contains_key(other));
            if self.spaced() {
                assert!(self.free(who) && candidates[0] == id, "{id} is the one to claim");
            }
            if !ended.contains_key(&id) {
                self.claim(id, request);
            }
        }
        let taken = left.leave(self);
        assert!(taken.iter().all(|id| ended.contains_key(id)), "all that ended with a case is told");
    }

    /// Whether there is something that a tick must do.
    pub(super) fn has_work(&self) -> bool {
        let quiet = self.now < self.quiet_until;
        let due = self.cases.values().any(|case| case.is_due(self.now));
        due || self.letters.iter().any(|letter| {
            let expired =
                !quiet && letter.claimed() && letter.hold.as_ref().is_some_and(|hold| hold.lease <= self.now);
            let free = self.may_write(letter) && self.free(letter.spec.recipient);
            let overdue = self.claimable(letter) && letter.late(self.now) && free;
            expired || letter.lapsed(self.now) || overdue
        })
    }

    pub(super) fn aim(&mut self, aim: &Aim) -> bool {
        let now = self.now;
        let Some(letter) = self.letter(aim.send).filter(|letter| letter.waits()) else { return false };
        let better = letter.spec.deadline.is_none_or(|deadline| aim.at < deadline);
        let may = better && !letter.late(now) && letter.spec.on_deadline == OnDeadline::Send;
        if may {
            letter.aimed = Some(aim.at);
        }
        letter.aimed == Some(aim.at)
    }

    pub(super) fn renew(&mut self, hold: Hold) -> Fenced {
        let (now, lease) = (self.now, after(self.now, self.rules.lease));
        match self.in_force(hold, now) {
            Some(holding) => holding.lease = lease,
            None => return Fenced::Stale,
        }
        Fenced::Done
    }

    fn in_force(&mut self, hold: Hold, now: Timestamp) -> Option<&mut Holding> {
        let letter = self.letter(hold.send).filter(|letter| letter.claimed())?;
        letter.hold.as_mut().filter(|holding| holding.claim == hold.claim && now < holding.lease)
    }

    pub(super) fn begin(&mut self, hold: Hold) -> Fenced {
        let now = self.now;
        if let Some(holding) = self.in_force(hold, now) {
            holding.begun = true;
            return Fenced::Done;
        }
        let last = self.letter(hold.send).and_then(|letter| letter.hold.as_ref());
        let repeated =
            last.is_some_and(|last| last.claim == hold.claim && last.begun && last.finish.is_some());
        if repeated { Fenced::Done } else { Fenced::Stale }
    }

    pub(super) fn finish(&mut self, hold: Hold, finish: &Finish) -> Fenced {
        let (now, most, stopped) = (self.now, self.rules.max_attempts, self.stopped(hold.send));
        let Some(letter) = self.letter(hold.send) else { return Fenced::Stale };
        let claimed = letter.claimed();
        let Some(holding) = letter.hold.as_mut().filter(|holding| holding.claim == hold.claim) else {
            return Fenced::Stale;
        };
        if !claimed {
            return if holding.finish.as_ref() == Some(finish) { Fenced::Done } else { Fenced::Stale };
        }
        holding.finish = Some(finish.clone());
        match finish {
            Finish::Accepted { .. } => {
                letter.state = SendState::Sent;
                let who = Some(letter.spec.recipient).filter(|_| !letter.forgotten);
                let brand = letter.spec.brand.clone();
                self.accepted.insert(hold.send, (now, false));
                self.got(who, brand);
            }
            Finish::Deferred(deferral) if deferral.counts && !letter.tries_again(most) => {
                letter.state = SendState::Failed;
            }
            Finish::Deferred(deferral) => {
                letter.due = Some(deferral.until);
                letter.comes_back(stopped);
            }
            Finish::Queued { .. } | Finish::Released { .. } => drop(letter.comes_back(stopped)),
            Finish::Rejected { .. } => letter.state = SendState::Failed,
            Finish::Uncertain { .. } => drop(self.doubt(hold.send)),
        }
        self.mail_of_case_ended(hold.send);
        Fenced::Done
    }

    pub(super) fn cancel(&mut self, id: SendId) -> Cancelled {
        match self.letter(id) {
            None => Cancelled::Unknown,
            Some(letter) if letter.begun() => Cancelled::InHandOver,
            Some(letter) if letter.state == SendState::Cancelled => Cancelled::Done,
            Some(letter) if letter.state.is_final() => Cancelled::Ended(letter.state),
            Some(letter) => {
                letter.state = SendState::Cancelled;
                self.mail_of_case_ended(id);
                Cancelled::Done
            }
        }
    }

    fn cancel_all(&mut self, wanted: impl Fn(&Letter) -> bool) -> (u64, u64, Vec<SendId>) {
        let live = self.letters.iter().filter(|letter| !letter.state.is_final() && !letter.forgotten);
        let ids: Vec<_> = live.filter(|letter| wanted(letter)).map(|letter| letter.spec.id).collect();
        let (done, leaving): (Vec<_>, Vec<_>) =
            ids.into_iter().partition(|id| self.cancel(*id) == Cancelled::Done);
        (done.len() as u64, leaving.len() as u64, leaving)
    }

    pub(super) fn forget(&mut self, who: RecipientId) -> Forgotten {
        let presence = self.is_online(who);
        let (sends, in_hand_over, leaving) = self.cancel_all(|letter| letter.spec.recipient == who);
        for id in leaving {
            self.letter(id).expect("a known send").forgotten = true;
        }
        let cases = self.forget_cases(who);
        let before = self.consents.len();
        self.consents.retain(|(person, _), _| *person != who);
        self.suppressions.retain(|(person, _)| *person != who);
        self.away(who, Leaving::Left);
        self.hours.remove(&who);
        self.sent.remove(&who);
        let consents = (before - self.consents.len()) as u64;
        Forgotten { sends, in_hand_over, cases, consents, presence }
    }

    pub(super) fn consent(&mut self, consent: &Consent) {
        self.consents.insert((consent.recipient, consent.grantee.clone()), consent.granted);
        if !consent.granted {
            self.away(consent.recipient, Leaving::Left);
            self.hours.remove(&consent.recipient);
            for letter in self.letters.iter_mut().filter(|letter| letter.is_for(consent.recipient)) {
                letter.aimed = None;
            }
        }
    }

    pub(super) fn set_flow(&mut self, scope: FlowScope, setting: FlowSetting) {
        self.flows.settings.insert(scope, setting);
    }

    /// Killed, and opened again.
    pub(super) fn crash(&mut self) {
        self.reopen();
        self.quiet_until = after(self.now, self.rules.lease);
    }

    /// Stopped, and opened again.
    pub(super) fn reopen(&mut self) {
        if self.habits.presence_dies_with_store {
            self.online.clear();
            self.hints.clear();
        }
        if self.habits.holders_die_with_store {
            self.frees_all();
        }
    }

    /// The holder of every claim is dead.
    fn frees_all(&mut self) {
        let (begun, others): (Vec<_>, Vec<_>) =
            self.letters.iter().filter(|letter| letter.claimed()).partition(|letter| letter.begun());
        let ids = |letters: Vec<&Letter>| letters.iter().map(|letter| letter.spec.id).collect::<Vec<_>>();
        let (begun, others) = (ids(begun), ids(others));
        for id in others {
            let stopped = self.stopped(id);
            self.letter(id).expect("a known send").comes_back(stopped);
        }
        for id in begun {
            self.doubt(id);
            self.mail_of_case_ended(id);
        }
    }

    /// A person's live sends, best first.
    pub(super) fn waiting(&self, who: RecipientId) -> BTreeSet<SendId> {
        let live = self.letters.iter().filter(|letter| !letter.state.is_final() && letter.is_for(who));
        live.map(|letter| letter.spec.id).collect()
    }

    /// How many live sends a brand has, and how many of them have no deadline.
    pub(super) fn live(&self, brand: &str) -> (u64, u64) {
        let of_brand = |letter: &&Letter| letter.spec.brand.as_str() == brand && !letter.state.is_final();
        let live: Vec<_> = self.letters.iter().filter(of_brand).collect();
        let endless = live.iter().filter(|letter| letter.spec.deadline.is_none()).count();
        (live.len() as u64, endless as u64)
    }

    pub(super) fn counts(&self) -> BTreeMap<FlowScope, Counts> {
        let mut all = BTreeMap::<FlowScope, Counts>::new();
        for letter in &self.letters {
            let scope =
                FlowScope { brand: letter.spec.brand.clone(), campaign: letter.spec.campaign.clone() };
            let counts = all.entry(scope).or_default();
            counts.accepted += 1;
            counts.states[letter.state as usize] += 1;
        }
        all
    }
}
