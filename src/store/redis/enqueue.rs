//! Accepting sends: reserve the id where all gateways look for it, then insert where the person is.
//!
//! The two are different partitions, so this is two steps, each atomic and each safe to repeat. A gateway that dies in
//! between leaves a reservation without a send: the producer, who heard nothing, pushes the same body again and goes on
//! from there; another body under that id is refused for a while, then takes the reservation over ([`reserve`](super::reserve)).

use std::collections::HashSet;

use jiff::Timestamp;
use redis::{Cmd, Value};

use crate::model::{CaseId, CaseState, Cause, ClaimId, Finish, OnDeadline, OnUncertain, SendId, SendSpec};
use crate::redact::foreign;
use crate::store::time::{EVER, Millis, NEVER, millis};
use crate::store::{Enqueued, StoreError, Wait};

use super::fault::Fault;
use super::inner::Inner;
use super::keys;
use super::library::functions;
use super::reply::Reply;
use super::reserve::{Reserved, digest};
use super::router::{Lane, Place, Safe};

impl Inner {
    pub(super) async fn enqueue(
        &self,
        request: ClaimId,
        sends: Vec<SendSpec>,
        wait: Wait,
    ) -> Result<Vec<Enqueued>, StoreError> {
        let safe = self.safe(wait)?;
        let mut answers = Vec::with_capacity(sends.len());
        let mut told = HashSet::new();
        for round in rounds(sends) {
            let ids: Vec<_> = round.iter().map(|spec| spec.id).collect();
            for (id, answer) in ids.into_iter().zip(self.enqueue_round(request, round, safe, &told).await) {
                // A claim that this request made for an earlier copy is told once.
                let repeated = matches!(answer, Enqueued::New(_)) && !told.insert(id);
                answers.push(if repeated { Enqueued::Same } else { answer });
            }
        }
        Ok(answers)
    }

    /// Sends of different ids. What goes wrong with one is its own answer: partitions and servers fail by themselves.
    /// What was `told` as new is a copy's by now, claim and all.
    async fn enqueue_round(
        &self,
        request: ClaimId,
        round: Vec<SendSpec>,
        safe: Option<Safe>,
        told: &HashSet<SendId>,
    ) -> Vec<Enqueued> {
        let reserved = self.reserve(&round.iter().collect::<Vec<_>>()).await;
        let free = |reserved: &_| matches!(reserved, Ok(Reserved::Now | Reserved::Before));
        let asked = round.iter().zip(&reserved).filter(|(_, reserved)| free(reserved));
        let commands = asked.map(|(spec, _)| self.insert(request, spec)).collect();
        let mut outcomes = match safe {
            Some(safe) => self.router.many_then_wait(commands, safe).await,
            None => self.router.many(Lane::Enqueue, commands).await,
        }
        .into_iter();
        let (mut answers, mut unsafe_ones, mut full) =
            (Vec::with_capacity(round.len()), Vec::new(), Vec::new());
        for (spec, reserved) in round.into_iter().zip(reserved) {
            let reserved = match reserved {
                Ok(Reserved::Taken) => {
                    answers.push(Enqueued::Conflict);
                    continue;
                }
                Err(error) => {
                    answers.push(Enqueued::Failed(error));
                    continue;
                }
                Ok(reserved) => reserved,
            };
            let outcome = outcomes.next().expect("the router answers each command");
            let done = safe.is_some() && matches!(outcome, Err(Fault::NotReplicated | Fault::Refused(_)));
            if done && !told.contains(&spec.id) {
                unsafe_ones.push(spec.clone());
            }
            let id = spec.id;
            let answer = outcome.map_err(StoreError::from).and_then(|told| self.answer(request, spec, told));
            let answer = answer.unwrap_or_else(Enqueued::Failed);
            if reserved == Reserved::Now && matches!(answer, Enqueued::Full | Enqueued::Closed(_)) {
                full.push(self.unreserve_call(id));
            }
            answers.push(answer);
        }
        // A reservation that stays ends as that of a gateway that died.
        self.router.many(Lane::Enqueue, full).await;
        self.release(request, unsafe_ones).await;
        answers
    }

    /// Gives back what was claimed for sends that are stored, but not as safely as was asked: nobody is told of these
    /// claims. Repeating an insert tells of them; without that, their leases end.
    async fn release(&self, request: ClaimId, sends: Vec<SendSpec>) {
        let repeated = sends.iter().map(|spec| self.insert(request, spec)).collect();
        for (spec, told) in sends.into_iter().zip(self.router.many(Lane::Enqueue, repeated).await) {
            let answer = told.map_err(StoreError::from).and_then(|told| self.answer(request, spec, told));
            if let Ok(Enqueued::New(Some(claim))) = answer {
                let reason = "its producer was told that too few replicas, or disks, have it".to_owned();
                // Failing, it ends with its lease.
                let _ = self.finish(claim.hold, &Finish::Released { reason }).await;
            }
        }
    }

    fn answer(&self, request: ClaimId, spec: SendSpec, outcome: Value) -> Result<Enqueued, StoreError> {
        let mut reply = Reply::of(outcome)?;
        let (outcome, alarm) = (reply.int()?, reply.int()?);
        let number = self.partitions.number_of(spec.recipient);
        self.turns.hint(number, alarm);
        Ok(match outcome {
            0 => {
                let told = reply.claims()?.pop();
                Enqueued::New(told.map(|told| {
                    let tracked = self.tracked(&spec, told.said);
                    told.claim(request, Cause::Enqueue, spec, tracked)
                }))
            }
            1 => Enqueued::Same,
            2 => Enqueued::Conflict,
            4 => Enqueued::Closed(CaseState::Leaving),
            5 => Enqueued::Closed(CaseState::Settled),
            6 => Enqueued::Closed(CaseState::HandedOff),
            7 => {
                self.follow_up(number, reply.gone()?);
                Enqueued::New(None)
            }
            _ => Enqueued::Full,
        })
    }

    fn insert(&self, request: ClaimId, spec: &SendSpec) -> (Place, Cmd) {
        let partition = self.partitions.of(spec.recipient);
        let mut call = partition.fcall(&functions().insert);
        describe(&mut call, spec, spec.not_before, self.spans.best_hour);
        call.arg(&request.0[..])
            .arg(self.spans.claims_per_touch)
            .arg(self.spans.lease)
            .arg(&self.spans.pace)
            .arg(self.spans.most_live)
            .arg(&self.spans.keep);
        self.hold_back(&mut call);
        (partition.place, call)
    }
}

/// The arguments 1 to 12 of `insert` and `adopt`: a send that is `due` then, for which a better moment
/// than its deadline is looked for that many milliseconds before it.
pub(super) fn describe(call: &mut Cmd, spec: &SendSpec, due: Option<Timestamp>, best_hour: Millis) {
    let scope = crate::model::FlowScope { brand: spec.brand.clone(), campaign: spec.campaign.clone() };
    let case = spec.case.as_ref().map(|case| CaseId::of(&spec.brand, case).0.0);
    let deadline = spec.deadline.map_or(NEVER, millis).max(0);
    let due = due.map_or(EVER, millis);
    let on_deadline = match spec.on_deadline {
        OnDeadline::Send if best_hour > 0 && deadline < NEVER => {
            format!("s{}", (deadline - best_hour).max(1))
        }
        OnDeadline::Send => "s".to_owned(),
        OnDeadline::Handoff => "h".to_owned(),
        OnDeadline::Drop => "d".to_owned(),
    };
    let on_uncertain = match spec.on_uncertain {
        OnUncertain::Hold => "h",
        OnUncertain::Resend => "r",
    };
    call.arg(&spec.id.0[..])
        .arg(&digest(spec)[..])
        .arg(&spec.reference)
        .arg(keys::flow(&scope))
        .arg(&spec.recipient.0[..])
        .arg(case.as_ref().map_or(&[][..], |case| &case[..]))
        .arg(&rank(spec.priority, deadline)[..]);
    if due > 0 {
        call.arg(due.min(LATEST))
    } else {
        call.arg("")
    };
    if deadline < NEVER {
        call.arg(deadline)
    } else {
        call.arg("")
    };
    call.arg(on_deadline).arg(on_uncertain).arg(serde_json::to_vec(spec).expect("a send is plain data"));
}

/// The latest moment that six bytes of milliseconds hold: the year 10889.
const LATEST: Millis = (1 << 48) - 1;

/// Priority and deadline as they sort: the higher priority first, then the earlier deadline.
fn rank(priority: i16, deadline: Millis) -> [u8; 8] {
    let mut rank = [0; 8];
    rank[..2].copy_from_slice(&i16::MAX.abs_diff(priority).to_be_bytes());
    rank[2..].copy_from_slice(&deadline.clamp(0, LATEST).to_be_bytes()[2..]);
    rank
}

/// Sends in their order, cut wherever an id comes again: two with one id are treated one after the other.
fn rounds(sends: Vec<SendSpec>) -> Vec<Vec<SendSpec>> {
    let mut rounds = vec![Vec::with_capacity(sends.len())];
    let mut seen = HashSet::new();
    for spec in sends {
        if !seen.insert(spec.id) {
            seen = HashSet::from([spec.id]);
            rounds.push(Vec::new());
        }
        rounds.last_mut().expect("there is a first").push(spec);
    }
    rounds
}

/// Foreign text for a history.
pub(super) fn words(text: &str) -> String {
    foreign(text)
}
