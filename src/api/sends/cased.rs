//! Sends and the cases they belong to: a letter is tried with what its case says, at the door.

use std::collections::HashMap;

use super::counter::Counter;
use crate::api::Problem;
use crate::model::{CaseId, CaseRecord, CaseState, SendSpec};

/// What the store knows of the cases of some sends.
pub(super) type KnownCases = HashMap<CaseId, CaseRecord>;

impl Counter {
    /// Asks the store for the cases of these sends, in one go.
    pub(super) async fn cases_of(&self, specs: &[SendSpec]) -> Result<KnownCases, Problem> {
        let name = |spec: &SendSpec| Some((spec.brand.clone(), spec.case.clone()?));
        let mut ids: Vec<_> = specs.iter().filter_map(name).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(KnownCases::new());
        }
        let known = self.store.cases(&ids).await?.into_iter().flatten();
        Ok(known.map(|case| (CaseId::of(&case.brand, &case.case), case)).collect())
    }

    /// Whether a send fits its case. Of one that is closed the store says so, unless it has the send already.
    pub(super) fn check_case(&self, spec: &SendSpec, cases: &KnownCases) -> Result<(), Problem> {
        let Some(case) = &spec.case else { return Ok(()) };
        let known = cases.get(&CaseId::of(&spec.brand, case));
        let Some(record) = known else { return self.try_with(spec, None) };
        let Some(said) = &record.spec else { return Ok(()) };
        if said.recipient != spec.recipient {
            let detail = "is not the address of this case: correct one of the two, or open a case of their own for them";
            return Err(Problem::field("to.email", detail));
        }
        self.try_with(spec, Some(&said.facts))
    }
}

/// 409: nothing more is sent about this case.
pub(in crate::api) fn closed(state: CaseState) -> Problem {
    let why = match state {
        CaseState::Open => "it was just closed",
        CaseState::Leaving | CaseState::HandedOff => "it was handed off",
        CaseState::Settled => "it was settled",
    };
    let detail = format!("nothing more is sent about this case: {why}; a new debt needs a case of its own");
    Problem::conflict("case-closed", detail)
}
