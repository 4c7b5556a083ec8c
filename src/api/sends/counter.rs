//! The counter at which sends are accepted, one or many.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::carried::Taken;
use super::cased::{self, KnownCases};
use super::request::SendRequest;
use crate::api::brands::Brands;
use crate::api::ndjson::{Answer, Refused, Work};
use crate::api::{Access, Doors, Fire, Problem, TryOut, strict};
use crate::clock::Clock;
use crate::model::{CaseFacts, ClaimId, RecipientId, SendSpec, SendState};
use crate::store::{Enqueued, Store, StoreError, Wait};
use crate::token::Identity;

/// Where sends are accepted, whichever way they came.
pub struct Counter {
    pub(super) store: Arc<dyn Store>,
    pub(super) brands: Brands,
    pub(super) identity: Identity,
    try_out: TryOut,
    fire: Fire,
    pub(super) clock: Clock,
    /// Longest JSON of one send, in bytes.
    pub(super) max_body: usize,
}

/// The answer to an accepted send.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Accepted {
    /// The producer's id, or the one it was given.
    id: String,
    /// Who writes.
    brand: String,
    /// Where it stands: `claimed` if its recipient is online right now.
    state: SendState,
}

impl Counter {
    /// A counter; any number of them may stand beside each other.
    pub fn new(doors: &Doors) -> Self {
        Self {
            store: Arc::clone(&doors.store),
            brands: Brands::new(&doors.brands),
            identity: doors.identity.clone(),
            try_out: Arc::clone(&doors.try_out),
            fire: Arc::clone(&doors.fire),
            clock: doors.clock.clone(),
            max_body: doors.settings.max_body,
        }
    }

    /// Checks everything about a send that needs no store, down to a trial rendering.
    ///
    /// # Errors
    /// 403 for another brand than the key's, 422 for the first field at fault.
    pub(super) fn examine(&self, access: &Access, request: SendRequest) -> Result<SendSpec, Problem> {
        let brand = self.brands.named(access, &request.brand)?;
        let spec = request.into_spec(&self.identity, (&*brand).into())?;
        self.tried(spec)
    }

    /// The same; a send without an id is called what `name` makes of its digest and its recipient.
    pub(super) fn examine_named(
        &self,
        access: &Access,
        request: SendRequest,
        name: impl FnOnce(&str, RecipientId) -> String,
    ) -> Result<SendSpec, Problem> {
        let brand = self.brands.named(access, &request.brand)?;
        let spec = request.into_named(&self.identity, (&*brand).into(), name)?;
        self.tried(spec)
    }

    /// One of a case is tried with what the case says, which the store knows: [`hand_in`](Self::hand_in).
    fn tried(&self, spec: SendSpec) -> Result<SendSpec, Problem> {
        if spec.case.is_none() {
            self.try_with(&spec, None)?;
        }
        Ok(spec)
    }

    /// Renders a send for a try, with what its case says.
    pub(super) fn try_with(&self, spec: &SendSpec, facts: Option<&CaseFacts>) -> Result<(), Problem> {
        (self.try_out)(spec, facts).map_err(|unfit| Problem::field(unfit.field, unfit.problem))
    }

    /// Hands sends to the store and what comes back claimed to the dispatcher; answers in the order given.
    pub(super) async fn accept(
        &self,
        specs: Vec<SendSpec>,
        wait: Wait,
    ) -> Vec<Result<(Taken, Accepted), Problem>> {
        let receipt = |spec: &SendSpec| (spec.reference.clone(), spec.brand.to_string(), spec.id);
        let receipts: Vec<_> = specs.iter().map(receipt).collect();
        let outcomes = self.hand_in(specs, wait).await;
        let mut answers = Vec::with_capacity(receipts.len());
        for ((id, brand, send), outcome) in receipts.into_iter().zip(outcomes) {
            let answer = self.answer(send, outcome).await;
            answers.push(answer.map(|(taken, state)| (taken, Accepted { id, brand, state })));
        }
        answers
    }

    /// Hands to the store what is in time and fits its case, and what comes back claimed to the dispatcher; answers in the
    /// order given.
    pub(super) async fn hand_in(&self, specs: Vec<SendSpec>, wait: Wait) -> Vec<Result<Outcome, Problem>> {
        let cases = match self.cases_of(&specs).await {
            Ok(cases) => cases,
            Err(problem) => return vec![Err(problem); specs.len()],
        };
        let mut refused = Vec::with_capacity(specs.len());
        let mut fit = Vec::with_capacity(specs.len());
        for spec in specs {
            refused.push(self.check(&spec, &cases).await.err());
            if refused.last().is_some_and(Option::is_none) {
                fit.push(spec);
            }
        }
        let mut outcomes = self.enqueue(fit, wait).await.into_iter();
        let mut next = || outcomes.next().unwrap_or_else(|| Err(Problem::internal()));
        refused.into_iter().map(|refused| refused.map_or_else(&mut next, Err)).collect()
    }

    /// All that is checked of a send with the store's help.
    pub(super) async fn check(&self, spec: &SendSpec, cases: &KnownCases) -> Result<(), Problem> {
        self.check_deadline(spec).await?;
        self.check_case(spec, cases)
    }

    /// Whether this send was accepted before.
    pub(super) async fn knows(&self, spec: &SendSpec) -> Result<bool, Problem> {
        Ok(self.store.send(spec.id).await?.is_some())
    }

    /// A deadline in the past is refused, unless this is a send that was accepted while there was time.
    async fn check_deadline(&self, spec: &SendSpec) -> Result<(), Problem> {
        match spec.deadline {
            Some(at) if at <= self.clock.now() && self.store.send(spec.id).await?.is_none() => {
                Err(Problem::field("deadline", format!("{at} is in the past; leave it out or move it")))
            }
            _ => Ok(()),
        }
    }

    /// One step of the store; claims are fired before anybody waits for anything else.
    async fn enqueue(&self, specs: Vec<SendSpec>, wait: Wait) -> Vec<Result<Outcome, Problem>> {
        let count = specs.len();
        if count == 0 {
            return Vec::new();
        }
        let enqueued = match self.store.enqueue(ClaimId::random(), specs, wait).await {
            Ok(enqueued) => enqueued,
            Err(error) => return vec![Err(Problem::from(error)); count],
        };
        let mut claims = Vec::new();
        let mut failures = Failures::default();
        let outcomes = enqueued
            .into_iter()
            .map(|outcome| match outcome {
                Enqueued::New(Some(claim)) => {
                    claims.push(claim);
                    Ok(Outcome::New(SendState::Claimed))
                }
                Enqueued::New(None) => Ok(Outcome::New(SendState::Waiting)),
                Enqueued::Same => Ok(Outcome::Same),
                Enqueued::Conflict => Err(conflict()),
                Enqueued::Full => Err(Problem::full()),
                Enqueued::Closed(state) => Err(cased::closed(state)),
                Enqueued::Failed(error) => Err(failures.of(error)),
            })
            .collect();
        if !claims.is_empty() {
            (self.fire)(claims).await;
        }
        outcomes
    }

    async fn answer(
        &self,
        send: crate::model::SendId,
        outcome: Result<Outcome, Problem>,
    ) -> Result<(Taken, SendState), Problem> {
        match outcome? {
            Outcome::New(state) => Ok((Taken::New, state)),
            Outcome::Same => {
                let record = self.store.send(send).await?.ok_or_else(Problem::internal)?;
                Ok((Taken::Same, record.state))
            }
        }
    }
}

impl Taken {
    /// What HTTP says of it.
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::New => StatusCode::ACCEPTED,
            Self::Same => StatusCode::OK,
        }
    }
}

/// What became of a send that was not refused.
#[derive(Debug, Clone, Copy)]
pub(super) enum Outcome {
    New(SendState),
    Same,
}

/// What the store said of sends it could not take. Sends that fail together fail alike, and it is logged once.
#[derive(Default)]
struct Failures(HashMap<String, Problem>);

impl Failures {
    fn of(&mut self, error: StoreError) -> Problem {
        self.0.entry(error.to_string()).or_insert_with(|| Problem::from(error)).clone()
    }
}

fn conflict() -> Problem {
    let detail = "this id is taken by a send with another body; nothing changed. Push changes under a new id";
    Problem::conflict("conflict", detail)
}

/// Many sends of one request.
pub(super) struct Bulk {
    pub(super) counter: Arc<Counter>,
    pub(super) access: Access,
    pub(super) wait: Wait,
}

#[async_trait]
impl Work for Bulk {
    type Item = SendSpec;

    fn read(&self, line: &[u8]) -> Result<SendSpec, Refused> {
        let request: SendRequest = strict::parse(line).map_err(|problem| (Map::new(), problem))?;
        let id = request.id().map(|id| ("id".to_owned(), Value::from(id)));
        self.counter.examine(&self.access, request).map_err(|problem| (id.into_iter().collect(), problem))
    }

    async fn finish(&self, items: Vec<SendSpec>) -> Vec<Answer> {
        let ids: Vec<String> = items.iter().map(|spec| spec.reference.clone()).collect();
        let answers = self.counter.accept(items, self.wait).await;
        ids.into_iter().zip(answers).map(|(id, answer)| one(id, answer)).collect()
    }
}

fn one(id: String, answer: Result<(Taken, Accepted), Problem>) -> Answer {
    let members = |value: Value| value.as_object().cloned().unwrap_or_default();
    match answer {
        Ok((taken, accepted)) => {
            Ok((taken.status(), members(serde_json::to_value(accepted).unwrap_or_default())))
        }
        Err(problem) => Err((Map::from_iter([("id".to_owned(), id.into())]), problem)),
    }
}
