//! Sends that came as lines of a feed: the same examination, ids that follow from what a line says, and answers as
//! short as an import needs them.

use sha2::{Digest, Sha256};

use super::counter::{Counter, Outcome};
use super::request::{SendRequest, To};
use crate::api::cases::{self, CaseRequest};
use crate::api::{Access, Problem};
use crate::feeds::{CaseFacts as Facts, Entry};
use crate::model::{CaseRecord, CaseSpec, CaseState, FirstLetter, Name, RecipientId, SendSpec};
use crate::store::{CasePut, Wait};

/// What an import says for lines that do not say it themselves.
#[derive(Debug, Clone)]
pub(in crate::api) struct Order {
    /// Who writes; lines that name another brand are refused.
    pub(in crate::api) brand: Name,
    /// The campaign of lines that name none.
    pub(in crate::api) campaign: Option<Name>,
    /// The template of lines that name none.
    pub(in crate::api) template: Option<Name>,
}

/// What a line says: of its case, of a letter, or both.
pub(in crate::api) struct Fed {
    /// Opened or changed before the letter is looked at.
    pub(in crate::api) case: Option<CaseSpec>,
    /// The letter, unless neither the line nor its import names a template.
    pub(in crate::api) send: Option<SendSpec>,
}

/// What became of a send, or of what a line says of its case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Fate {
    /// It is new, and stored.
    Accepted,
    /// It was accepted before; nothing changed.
    Same,
}

impl Fate {
    /// Of two parts of a line: the same only if both are.
    pub(in crate::api) fn and(self, other: Self) -> Self {
        if self == Self::Same { other } else { self }
    }
}

impl Counter {
    /// Checks everything about what a line says that needs no store, as for what was pushed.
    ///
    /// # Errors
    /// 403 for another brand than the key's, 422 for the first field at fault.
    pub(in crate::api) fn examine_entry(
        &self,
        access: &Access,
        order: &Order,
        mut entry: Entry,
    ) -> Result<Fed, Problem> {
        let brand = order.brand.clone();
        if entry.brand.as_ref().is_some_and(|brand| *brand != order.brand) {
            let problem = format!("this import is for {brand}: import other brands' lines by themselves");
            return Err(Problem::field("brand", problem));
        }
        let facts = std::mem::take(&mut entry.facts);
        let case = if facts.is_empty() { None } else { Some(self.case_of(&brand, &entry, facts)?) };
        if case.is_some() && entry.template.is_none() && order.template.is_none() {
            return Ok(Fed { case, send: None });
        }
        let request = order.request(entry)?;
        let named = |digest: &str, recipient| derived(&brand, digest, recipient);
        let send = self.examine_named(access, request, named)?;
        Ok(Fed { case, send: Some(send) })
    }

    /// What a line says of its case.
    fn case_of(&self, brand: &Name, entry: &Entry, facts: Facts) -> Result<CaseSpec, Problem> {
        let lacking =
            |field: &str| Problem::field(field, "is missing: a line that says more of its case needs it");
        let first_letter = match (facts.letter_reference, facts.letter_date) {
            (None, None) => None,
            (Some(reference), Some(date)) => Some(FirstLetter { reference, date }),
            (None, Some(_)) => return Err(lacking("case.first_letter.reference")),
            (Some(_), None) => return Err(lacking("case.first_letter.date")),
        };
        let request = CaseRequest {
            to: To {
                email: entry.email.clone().ok_or_else(|| Problem::field("to.email", "is missing"))?,
                name: entry.name.clone(),
            },
            amount: facts.amount.ok_or_else(|| lacking("case.amount"))?,
            currency: facts.currency.ok_or_else(|| lacking("case.currency"))?,
            due_date: facts.due_date,
            first_letter,
            zone: facts.zone,
            language: facts.language,
            deadline: facts.deadline,
            attributes: facts.attributes,
        };
        let name = entry.case.clone().ok_or_else(|| lacking("case"))?;
        request.into_spec(brand.clone(), name, &self.identity)
    }

    /// Hands cases to the store; answers in the order given.
    pub(in crate::api) async fn put_cases(&self, cases: Vec<CaseSpec>) -> Vec<Result<Fate, Problem>> {
        let fate = |outcome| match outcome {
            CasePut::Same => Ok(Fate::Same),
            outcome => cases::put(outcome).map(|_| Fate::Accepted),
        };
        let answers = self.store.put_cases(cases).await.into_iter();
        answers.map(|answer| fate(answer?)).collect()
    }

    /// What would become of a case, were it put.
    pub(in crate::api) async fn foresee_case(&self, case: &CaseSpec) -> Result<Fate, Problem> {
        let known = self.store.cases(&[(case.brand.clone(), case.case.clone())]).await?;
        let put = match known.into_iter().flatten().next() {
            Some(CaseRecord { spec: Some(said), .. }) if said.recipient != case.recipient => {
                CasePut::OfAnother
            }
            Some(record) if record.state != CaseState::Open => CasePut::Closed(record.state),
            Some(CaseRecord { spec: Some(said), .. }) if said == *case => return Ok(Fate::Same),
            _ => return Ok(Fate::Accepted),
        };
        cases::put(put).map(|_| Fate::Accepted)
    }

    /// Hands sends to the store, and what comes back claimed to the dispatcher; answers in the order given.
    pub(in crate::api) async fn accept_fed(&self, specs: Vec<SendSpec>) -> Vec<Result<Fate, Problem>> {
        let outcomes = self.hand_in(specs, Wait::Stored).await.into_iter();
        let fate = |outcome| match outcome {
            Outcome::New(_) => Fate::Accepted,
            Outcome::Same => Fate::Same,
        };
        outcomes.map(|outcome| outcome.map(fate)).collect()
    }

    /// What would become of a send, were it handed in behind what its line says of its case.
    pub(in crate::api) async fn foresee(
        &self,
        spec: &SendSpec,
        case: Option<&CaseSpec>,
    ) -> Result<Fate, Problem> {
        let mut cases = self.cases_of(std::slice::from_ref(spec)).await?;
        if let (Some(case), Some(record)) = (case, case.and_then(|case| cases.get_mut(&case.id()))) {
            record.spec = Some(case.clone());
        }
        match case.filter(|case| !cases.contains_key(&case.id())) {
            Some(new) => self.try_with(spec, Some(&new.facts))?,
            None => self.check(spec, &cases).await?,
        }
        Ok(if self.knows(spec).await? { Fate::Same } else { Fate::Accepted })
    }
}

impl Order {
    /// The line's send as if it had been pushed.
    fn request(&self, entry: Entry) -> Result<SendRequest, Problem> {
        let lacking = |field: &str, what: &str| Problem::field(field, format!("is missing{what}"));
        let template = entry.template.or_else(|| self.template.clone());
        Ok(SendRequest {
            id: entry.id,
            brand: self.brand.clone(),
            campaign: entry.campaign.or_else(|| self.campaign.clone()),
            case: entry.case,
            to: To { email: entry.email.ok_or_else(|| lacking("to.email", ""))?, name: entry.name },
            template: template.ok_or_else(|| lacking("template", ", and the import names none"))?,
            vars: entry.vars,
            not_before: entry.not_before,
            deadline: entry.deadline,
            on_deadline: entry.on_deadline,
            zone: entry.zone,
            priority: entry.priority.unwrap_or(0),
        })
    }
}

/// The id of a line that has none: the same for the same line, whenever it comes. It follows from all that the line
/// says and, so that nobody can try addresses against it, from the recipient's secret id.
fn derived(brand: &Name, digest: &str, recipient: RecipientId) -> String {
    let hash = Sha256::new()
        .chain_update("vigie: the id of a line\0")
        .chain_update(brand.as_str())
        .chain_update([0])
        .chain_update(digest)
        .chain_update(recipient.0)
        .finalize();
    format!("feed-{}", const_hex::encode(&hash[..16]))
}
