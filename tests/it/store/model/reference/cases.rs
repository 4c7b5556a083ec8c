//! Cases, in the plainest words.

use std::collections::BTreeMap;

use jiff::Timestamp;
use vigie::model::{
    CaseRecord, CaseSpec, CaseState, Claim, Name, RecipientId, SendId, SendSpec, SendState, SuppressScope,
};
use vigie::store::{CaseCounts, CasePut, Settled, Ticked};

use super::Reference;

/// One case, for ever.
#[derive(Debug)]
pub(in crate::store::model) struct Case {
    spec: CaseSpec,
    state: CaseState,
    mails: u32,
}

impl Case {
    pub(in crate::store::model) fn is_open(&self) -> bool {
        self.state == CaseState::Open
    }

    /// Whether its deadline has come.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.is_open() && self.spec.deadline.is_some_and(|deadline| deadline <= now)
    }
}

/// The cases that left with a tick.
pub(super) struct Left(Vec<(Name, String)>);

impl Left {
    /// Whether this send ended with its case, and not by itself.
    pub(super) fn takes(&self, reference: &Reference, id: SendId, state: SendState) -> bool {
        let letter = reference.letters.iter().find(|letter| letter.spec.id == id).expect("a known send");
        let key = key_of(&letter.spec);
        let by_itself = letter.lapsed(reference.now) && letter.lapses_to() == state;
        key.is_some_and(|key| self.0.contains(&key)) && !by_itself
    }

    /// Hands them off; tells what ended.
    pub(super) fn leave(self, reference: &mut Reference) -> Vec<SendId> {
        self.0.iter().flat_map(|(brand, case)| reference.take_along(brand, case)).collect()
    }
}

fn key_of(spec: &SendSpec) -> Option<(Name, String)> {
    Some((spec.brand.clone(), spec.case.clone()?))
}

impl Reference {
    pub(in crate::store::model) fn put_case(&mut self, spec: CaseSpec) -> CasePut {
        let key = (spec.brand.clone(), spec.case.clone());
        let stopped = self.stops(spec.recipient, &spec.brand);
        let put = self.say(spec);
        if stopped && matches!(put, CasePut::Opened | CasePut::Updated) {
            self.leave(&key);
        }
        put
    }

    fn say(&mut self, spec: CaseSpec) -> CasePut {
        let key = (spec.brand.clone(), spec.case.clone());
        match self.cases.get_mut(&key) {
            None => {
                self.cases.insert(key, Case { spec, state: CaseState::Open, mails: 0 });
                CasePut::Opened
            }
            Some(case) if !case.is_open() => CasePut::Closed(case.state),
            Some(case) if case.spec.recipient != spec.recipient => CasePut::OfAnother,
            Some(case) if case.spec == spec => CasePut::Same,
            Some(case) => {
                case.spec = spec;
                CasePut::Updated
            }
        }
    }

    /// Where the case of a new send stands, if it takes nothing more.
    pub(super) fn closed_case(&self, spec: &SendSpec) -> Option<CaseState> {
        let case = self.cases.get(&key_of(spec)?)?;
        (!case.is_open()).then_some(case.state)
    }

    /// A live send's case, if that is its person's.
    fn case_of(&mut self, id: SendId) -> Option<((Name, String), &mut Case)> {
        let letter = self.letters.iter().find(|letter| letter.spec.id == id)?;
        if letter.forgotten {
            return None;
        }
        let key = key_of(&letter.spec)?;
        Some((key.clone(), self.cases.get_mut(&key)?))
    }

    /// Counts a mail of a case that is not closed; the last under way lets a case go that leaves.
    pub(super) fn mail_of_case_ended(&mut self, id: SendId) {
        let state = self.letters.iter().find(|letter| letter.spec.id == id).map(|letter| letter.state);
        if !state.is_some_and(SendState::is_final) {
            return;
        }
        let Some((key, case)) = self.case_of(id) else { return };
        if !case.state.is_closed() && matches!(state, Some(SendState::Sent | SendState::Uncertain)) {
            case.mails += 1;
        }
        self.leave_if_done(&key);
    }

    fn leave_if_done(&mut self, key: &(Name, String)) {
        let live = |letter: &super::Letter| {
            !letter.state.is_final() && !letter.forgotten && key_of(&letter.spec).as_ref() == Some(key)
        };
        let done = !self.letters.iter().any(live);
        if let Some(case) = self.cases.get_mut(key).filter(|case| done && case.state == CaseState::Leaving) {
            case.state = CaseState::HandedOff;
        }
    }

    pub(in crate::store::model) fn settle(&mut self, brand: &Name, case: &str) -> Settled {
        let key = (brand.clone(), case.to_owned());
        let state = self.cases.get_mut(&key).map(|case| {
            case.state = CaseState::Settled;
            case.state
        });
        let (ended, in_hand_over) = self.end_all(&key, SendState::Cancelled);
        Settled { cancelled: ended.len() as u64, in_hand_over, state }
    }

    pub(in crate::store::model) fn hand_off(&mut self, brand: &Name, case: &str) -> Settled {
        let key = (brand.clone(), case.to_owned());
        let (ended, in_hand_over) = self.leave(&key);
        Settled {
            cancelled: ended.len() as u64,
            in_hand_over,
            state: self.cases.get(&key).map(|case| case.state),
        }
    }

    fn take_along(&mut self, brand: &Name, case: &str) -> Vec<SendId> {
        self.leave(&(brand.clone(), case.to_owned())).0
    }

    /// All of a person's cases of a scope leave; tells how many sends ended.
    pub(super) fn leave_all(&mut self, who: RecipientId, scope: &SuppressScope) -> u64 {
        let theirs = |(key, case): (&(Name, String), &Case)| {
            (case.spec.recipient == who && scope.covers(&key.0) && !case.state.is_closed())
                .then(|| key.clone())
        };
        let keys: Vec<_> = self.cases.iter().filter_map(theirs).collect();
        keys.iter().map(|key| self.leave(key).0.len() as u64).sum()
    }

    fn leave(&mut self, key: &(Name, String)) -> (Vec<SendId>, u64) {
        if let Some(case) = self.cases.get_mut(key).filter(|case| case.is_open()) {
            case.state = CaseState::Leaving;
        }
        let ended = self.end_all(key, SendState::HandedOff);
        self.leave_if_done(key);
        ended
    }

    /// Ends what waits of a case, or is not handed over yet; the rest leaves if it comes back. Tells what ended, and how
    /// many did not.
    fn end_all(&mut self, key: &(Name, String), to: SendState) -> (Vec<SendId>, u64) {
        let (mut ended, mut in_hand_over) = (Vec::new(), 0);
        for letter in &mut self.letters {
            let theirs = key_of(&letter.spec).as_ref() == Some(key) && !letter.forgotten;
            if !theirs || letter.state.is_final() {
                continue;
            }
            if letter.begun() {
                letter.leaves = Some(to);
                in_hand_over += 1;
            } else {
                letter.state = to;
                ended.push(letter.spec.id);
            }
        }
        (ended, in_hand_over)
    }

    /// Whether the case of this send was open before this tick, and is not after it.
    pub(super) fn left_with_this_tick(&self, id: SendId, cases: &[CaseRecord]) -> bool {
        let letter = self.letters.iter().find(|letter| letter.spec.id == id).expect("a known send");
        let Some(key) = key_of(&letter.spec) else { return false };
        let open = self.cases.get(&key).is_some_and(Case::is_open);
        let record = cases.iter().find(|record| (&record.brand, &record.case) == (&key.0, &key.1));
        open && record.is_some_and(|record| record.state != CaseState::Open)
    }

    /// The cases that left with this tick: their deadline had come, or that of one of their mails.
    pub(super) fn cases_that_left(&self, ticked: &Ticked, cases: &[CaseRecord]) -> Left {
        let mut left = Vec::new();
        for record in cases.iter().filter(|record| record.state != CaseState::Open) {
            let key = (record.brand.clone(), record.case.clone());
            let case = self.cases.get(&key).expect("a known case");
            if !case.is_open() {
                continue;
            }
            let lapsed = |(id, state): &(SendId, SendState)| {
                let letter = self.letters.iter().find(|letter| letter.spec.id == *id).expect("a known send");
                *state == SendState::HandedOff
                    && key_of(&letter.spec).as_ref() == Some(&key)
                    && letter.lapsed(self.now)
            };
            assert!(case.is_due(self.now) || ticked.ended.iter().any(lapsed), "{record:?} left too early");
            left.push(key);
        }
        Left(left)
    }

    /// Settles a person's cases; tells how many.
    pub(super) fn forget_cases(&mut self, who: RecipientId) -> u64 {
        let theirs = |case: &&mut Case| case.spec.recipient == who && !case.state.is_closed();
        let cases: Vec<_> = self.cases.values_mut().filter(theirs).collect();
        let count = cases.len() as u64;
        for case in cases {
            case.state = CaseState::Settled;
        }
        count
    }

    pub(in crate::store::model) fn case_counts(&self) -> BTreeMap<Name, CaseCounts> {
        let mut all = BTreeMap::<Name, CaseCounts>::new();
        for ((brand, _), case) in &self.cases {
            *all.entry(brand.clone()).or_default().of(case.state) += 1;
        }
        all
    }

    pub(in crate::store::model) fn compare_case(&self, record: &CaseRecord) {
        let case = &self.cases[&(record.brand.clone(), record.case.clone())];
        assert_eq!((record.state, record.mails), (case.state, case.mails), "{record:?}");
        assert_eq!(record.closed.is_some(), case.state.is_closed());
        let spec = Some(&case.spec).filter(|_| !case.state.is_closed());
        assert_eq!(record.spec.as_ref(), spec);
    }

    /// A claim says what its case says now.
    pub(in crate::store::model) fn check_facts(&self, claim: &Claim) {
        let case =
            key_of(&claim.spec).and_then(|key| self.cases.get(&key)).filter(|case| !case.state.is_closed());
        assert_eq!(claim.facts.as_deref(), case.map(|case| &case.spec.facts));
    }
}
