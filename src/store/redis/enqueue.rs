//! Accepting sends: reserve the id where all gateways look for it, then insert where the person is.
//!
//! The two are different partitions, so this is two steps, each atomic and each safe to repeat. A gateway that dies in
//! between leaves a reservation without a send: the producer, who heard nothing, pushes the same body again and goes on
//! from there; another body under that id is refused for [`STALE`], then takes the reservation over.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use redis::{Cmd, Value, cmd};
use sha2::{Digest, Sha256};

use crate::model::{Cause, ClaimId, OnDeadline, OnUncertain, SendId, SendSpec};
use crate::redact::foreign;
use crate::store::time::{EVER, Millis, NEVER, millis};
use crate::store::{Enqueued, StoreError, Wait};

use super::fault::Fault;
use super::inner::Inner;
use super::keys::{self, Partition};
use super::library::functions;
use super::reply::Reply;
use super::router::{Lane, Place};

/// After this a reservation whose send never came is nobody's.
const STALE: Duration = Duration::from_mins(1);

/// What an id is reserved for: digest, partition, and the second it was reserved in.
struct Reservation {
    digest: [u8; 16],
    partition: u16,
    second: u32,
}

impl Reservation {
    fn pack(&self) -> Vec<u8> {
        let mut bytes = self.digest.to_vec();
        bytes.extend(self.partition.to_be_bytes());
        bytes.extend(self.second.to_be_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (digest, rest) = bytes.split_first_chunk()?;
        let (partition, rest) = rest.split_first_chunk()?;
        let second = u32::from_be_bytes(rest.try_into().ok()?);
        Some(Self { digest: *digest, partition: u16::from_be_bytes(*partition), second })
    }

    fn same(&self, other: &Self) -> bool {
        (self.digest, self.partition) == (other.digest, other.partition)
    }
}

/// The partition an entry of the index names.
pub(super) fn partition_in(entry: &[u8]) -> Option<u16> {
    Reservation::read(entry).map(|reservation| reservation.partition)
}

impl Inner {
    pub(super) async fn enqueue(
        &self,
        request: ClaimId,
        sends: Vec<SendSpec>,
        wait: Wait,
    ) -> Result<Vec<Enqueued>, StoreError> {
        let safe = self.safe(wait)?;
        let mut answers = Vec::with_capacity(sends.len());
        let mut claimed = HashSet::new();
        for round in rounds(sends) {
            let reserved = self.reserve(&round.iter().collect::<Vec<_>>()).await?;
            let inserts: Vec<_> =
                round.iter().zip(&reserved).filter(|(_, free)| **free != Reserved::Taken).collect();
            let commands = inserts.iter().map(|(spec, _)| self.insert(request, spec)).collect();
            let outcomes = match safe {
                Some(safe) => self.router.many_then_wait(commands, safe).await,
                None => self.router.many(Lane::Enqueue, commands).await,
            };
            let mut outcomes = outcomes.into_iter();
            for (spec, reserved) in round.into_iter().zip(reserved) {
                if reserved == Reserved::Taken {
                    answers.push(Enqueued::Conflict);
                    continue;
                }
                let outcome =
                    outcomes.next().ok_or_else(|| super::reply::damaged("an outcome for each send"))?;
                let id = spec.id;
                let first = claimed.insert(id);
                let answer = self.answer(request, spec, outcome?)?;
                if reserved == Reserved::Now && matches!(answer, Enqueued::Full) {
                    self.unreserve(id).await?;
                }
                // A claim that this request made for an earlier copy is told once.
                answers.push(if !first && matches!(answer, Enqueued::New(_)) {
                    Enqueued::Same
                } else {
                    answer
                });
            }
        }
        Ok(answers)
    }

    fn answer(&self, request: ClaimId, spec: SendSpec, outcome: Value) -> Result<Enqueued, StoreError> {
        let mut reply = Reply::of(outcome)?;
        let (outcome, alarm) = (reply.int()?, reply.int()?);
        self.turns.hint(self.partitions.number_of(spec.recipient), alarm);
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
            _ => Enqueued::Full,
        })
    }

    fn reservation(&self, spec: &SendSpec) -> Reservation {
        let second = u32::try_from(self.turns.server_now() / 1000).unwrap_or_default();
        Reservation { digest: digest(spec), partition: self.partitions.number_of(spec.recipient), second }
    }

    /// Reserves ids.
    pub(super) async fn reserve(&self, sends: &[&SendSpec]) -> Result<Vec<Reserved>, StoreError> {
        let reserve = |spec: &&SendSpec| {
            let (place, mut set) = self.index(spec);
            set.arg("NX").arg("GET");
            (place, set)
        };
        let before = self.router.many(Lane::Enqueue, sends.iter().map(reserve).collect()).await;
        let mut reserved = Vec::with_capacity(sends.len());
        for (spec, before) in sends.iter().zip(before) {
            reserved.push(match before? {
                Value::BulkString(before) => self.reserved_before(spec, &before).await?,
                _ => Reserved::Now,
            });
        }
        Ok(reserved)
    }

    /// What a reservation that was there means for this send.
    async fn reserved_before(&self, spec: &SendSpec, before: &[u8]) -> Result<Reserved, StoreError> {
        let ours = self.reservation(spec);
        let Some(before) = Reservation::read(before) else { return Ok(Reserved::Taken) };
        if before.same(&ours) {
            return Ok(Reserved::Before);
        }
        let old =
            before.second.saturating_add(u32::try_from(STALE.as_secs()).unwrap_or(u32::MAX)) < ours.second;
        let Some(home) = self.partitions.all().get(usize::from(before.partition)).filter(|_| old) else {
            return Ok(Reserved::Taken);
        };
        if self.exists(home, "s", &spec.id.0).await? {
            return Ok(Reserved::Taken);
        }
        let (place, set) = self.index(spec);
        self.router.call(Lane::Enqueue, place, set).await?;
        Ok(Reserved::Now)
    }

    /// Writes the index entry of a send, without end.
    pub(super) fn index(&self, spec: &SendSpec) -> (Place, Cmd) {
        let index = self.partitions.index_of(spec.id);
        let mut set = cmd("SET");
        set.arg(index.key("i", &spec.id.0)).arg(self.reservation(spec).pack());
        (index.place, set)
    }

    pub(super) async fn unreserve(&self, id: SendId) -> Result<(), Fault> {
        let index = self.partitions.index_of(id);
        let mut del = cmd("DEL");
        del.arg(index.key("i", &id.0));
        self.router.call(Lane::Enqueue, index.place, del).await.map(drop)
    }

    fn insert(&self, request: ClaimId, spec: &SendSpec) -> (Place, Cmd) {
        let partition = self.partitions.of(spec.recipient);
        let mut call = partition.fcall(&functions().insert);
        describe(&mut call, spec, spec.not_before);
        call.arg(&request.0[..])
            .arg(self.spans.claims_per_touch)
            .arg(self.spans.lease)
            .arg(self.spans.min_gap)
            .arg(self.spans.most_live);
        self.hold_back(&mut call);
        (partition.place, call)
    }

    /// Whether a key of a partition exists.
    pub(super) async fn exists(
        &self,
        partition: &Partition,
        kind: &str,
        id: &[u8; 16],
    ) -> Result<bool, StoreError> {
        let mut exists = cmd("EXISTS");
        exists.arg(partition.key(kind, id));
        Ok(self.router.call(Lane::Control, partition.place, exists).await? == Value::Int(1))
    }
}

/// How an id stands after [`Inner::reserve`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reserved {
    /// For this send, by this call.
    Now,
    /// For this send, before.
    Before,
    /// For another one.
    Taken,
}

/// The arguments 1 to 12 of `insert` and `adopt`: a send that is `due` then.
pub(super) fn describe(call: &mut Cmd, spec: &SendSpec, due: Option<Timestamp>) {
    let scope = crate::model::FlowScope { brand: spec.brand.clone(), campaign: spec.campaign.clone() };
    let case = spec.case.as_ref().map(|case| case_key(&spec.brand, case));
    let deadline = spec.deadline.map_or(NEVER, millis).max(0);
    let due = due.map_or(EVER, millis);
    let on_deadline = match spec.on_deadline {
        OnDeadline::Send => "s",
        OnDeadline::Handoff => "h",
        OnDeadline::Drop => "d",
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

/// The key a case is found by.
pub(super) fn case_key(brand: &crate::model::Name, case: &str) -> [u8; 16] {
    SendId::derive(brand, case).0
}

fn digest(spec: &SendSpec) -> [u8; 16] {
    let hash = Sha256::digest(&spec.digest);
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash[..16]);
    digest
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
