//! Sends that came as lines of a feed: the same examination, ids that follow from what a line says, and answers as
//! short as an import needs them.

use sha2::{Digest, Sha256};

use super::counter::{Counter, Outcome};
use super::request::{SendRequest, To};
use crate::api::{Access, Problem};
use crate::feeds::Entry;
use crate::model::{Name, OnDeadline, RecipientId, SendSpec};
use crate::store::Wait;

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

/// What became of a send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Fate {
    /// It is new, and stored.
    Accepted,
    /// It was accepted before; nothing changed.
    Same,
}

impl Counter {
    /// Checks everything about a line's send that needs no store, as for one that was pushed.
    ///
    /// # Errors
    /// 403 for another brand than the key's, 422 for the first field at fault.
    pub(in crate::api) fn examine_entry(
        &self,
        access: &Access,
        order: &Order,
        entry: Entry,
    ) -> Result<SendSpec, Problem> {
        let brand = order.brand.clone();
        let request = order.request(entry)?;
        self.examine_named(access, request, |digest, recipient| derived(&brand, digest, recipient))
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

    /// What would become of a send, were it handed in.
    pub(in crate::api) async fn foresee(&self, spec: &SendSpec) -> Result<Fate, Problem> {
        self.check_deadline(spec).await?;
        Ok(if self.knows(spec).await? { Fate::Same } else { Fate::Accepted })
    }
}

impl Order {
    /// The line's send as if it had been pushed.
    fn request(&self, entry: Entry) -> Result<SendRequest, Problem> {
        if entry.brand.as_ref().is_some_and(|brand| *brand != self.brand) {
            let problem =
                format!("this import is for {}: import other brands' lines by themselves", self.brand);
            return Err(Problem::field("brand", problem));
        }
        // Until the store keeps cases, what a line says of its case reaches templates as variables, and its zone the gate.
        let zone = entry.zone.clone().or_else(|| entry.facts.zone.clone());
        let entry = entry.with_facts_as_variables();
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
            on_deadline: entry.on_deadline.unwrap_or(OnDeadline::Send),
            zone,
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
