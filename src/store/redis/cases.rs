//! Cases: opened, changed, settled, handed off.
//!
//! A case lives in its person's partition, so that claims, sends that arrive and deadlines see it in the same step
//! (`lua/cases.lua`). Where that is says the index, in the case's own partition; whoever opens a case writes there first. As
//! with sends a gateway that dies in between leaves an entry without a case: the next one takes it over.

mod moving;
mod record;
mod seen;

use async_trait::async_trait;
use redis::{Cmd, Value, cmd};

use self::record::record;
pub(super) use self::record::{case_of, state};
use super::RedisStore;
use super::ending::AT_ONCE;
use super::enqueue::words;
use super::inner::Inner;
use super::keys::Partition;
use super::library::functions;
use super::reply::Reply;
use super::router::{Lane, Place};
use crate::model::{CaseId, CaseRecord, CaseSpec, Name, Seen};
use crate::store::time::millis;
use crate::store::{CasePut, Cases, Settled, StoreError, Wait};

/// How a case that was put stands in the index.
enum Indexed<'a> {
    /// Here: by this call, or since before.
    Here { partition: &'a Partition, before: bool },
    /// It is another person's.
    Elsewhere,
}

impl Inner {
    pub(super) async fn put_cases(&self, cases: Vec<CaseSpec>) -> Vec<Result<CasePut, StoreError>> {
        let safe = match self.safe(Wait::Stored) {
            Ok(safe) => safe,
            Err(error) => return cases.iter().map(|_| Err(error.clone())).collect(),
        };
        let indexed = self.index_cases(&cases).await;
        let home = |indexed: &Result<Indexed<'_>, _>| matches!(indexed, Ok(Indexed::Here { .. }));
        let asked = cases.iter().zip(&indexed).filter(|(_, indexed)| home(indexed));
        let calls = asked.map(|(case, _)| self.put_call(case)).collect();
        let mut outcomes = match safe {
            Some(safe) => self.router.many_then_wait(calls, safe).await,
            None => self.router.many(Lane::Enqueue, calls).await,
        }
        .into_iter();
        let (mut answers, mut again) = (Vec::with_capacity(cases.len()), Vec::new());
        for (case, indexed) in cases.iter().zip(indexed) {
            answers.push(match indexed {
                Ok(Indexed::Here { partition, before }) => {
                    let outcome = outcomes.next().expect("the router answers each command");
                    let put =
                        outcome.map_err(StoreError::from).and_then(|outcome| self.put(partition, outcome));
                    if before && matches!(put, Ok(CasePut::Opened)) {
                        // The entry of one that was closed long ago is about to go.
                        again.push(self.index_case(case));
                    }
                    put
                }
                Ok(Indexed::Elsewhere) => Ok(CasePut::OfAnother),
                Err(error) => Err(error),
            });
        }
        self.router.many(Lane::Enqueue, again).await;
        answers
    }

    /// Says in the index where these cases are, unless they are elsewhere.
    async fn index_cases(&self, cases: &[CaseSpec]) -> Vec<Result<Indexed<'_>, StoreError>> {
        let set = |case: &CaseSpec| {
            let (place, mut set) = self.index_case(case);
            set.arg("NX").arg("GET");
            (place, set)
        };
        let before = self.router.many(Lane::Enqueue, cases.iter().map(set).collect()).await;
        let mut indexed = Vec::with_capacity(cases.len());
        for (case, before) in cases.iter().zip(before) {
            let ours = self.partitions.of(case.recipient);
            indexed.push(match before {
                Ok(Value::BulkString(before)) => self.indexed_before(case, ours, &before).await,
                Ok(_) => Ok(Indexed::Here { partition: ours, before: false }),
                Err(fault) => Err(fault.into()),
            });
        }
        indexed
    }

    /// What an entry that was there means: where there is no such case any more, it is taken over.
    async fn indexed_before<'a>(
        &self,
        case: &CaseSpec,
        ours: &'a Partition,
        before: &[u8],
    ) -> Result<Indexed<'a>, StoreError> {
        let theirs = partition_in(before).and_then(|number| self.partitions.all().get(usize::from(number)));
        let Some(theirs) = theirs.filter(|theirs| theirs.tag != ours.tag) else {
            return Ok(Indexed::Here { partition: ours, before: true });
        };
        if self.exists(theirs, "d", &case.id().0.0).await? {
            return Ok(Indexed::Elsewhere);
        }
        let (place, set) = self.index_case(case);
        self.router.call(Lane::Enqueue, place, set).await?;
        Ok(Indexed::Here { partition: ours, before: false })
    }

    /// Writes where a case is, without end.
    fn index_case(&self, case: &CaseSpec) -> (Place, Cmd) {
        let id = case.id();
        let index = self.partitions.index_of(id.0);
        let mut set = cmd("SET");
        set.arg(index.key("j", &id.0.0)).arg(&self.partitions.number_of(case.recipient).to_be_bytes()[..]);
        (index.place, set)
    }

    /// Lets the index entry of a case go in time, now that the case is closed.
    pub(super) fn expire_case(&self, case: CaseId) -> (Place, Cmd) {
        let index = self.partitions.index_of(case.0);
        let mut expire = cmd("PEXPIRE");
        expire.arg(index.key("j", &case.0.0)).arg(self.spans.keep_cases);
        (index.place, expire)
    }

    fn put_call(&self, case: &CaseSpec) -> (Place, Cmd) {
        let partition = self.partitions.of(case.recipient);
        let mut call = partition.fcall(&functions().put_case);
        call.arg(&case.id().0.0[..]).arg(&case.recipient.0[..]).arg(case.brand.as_str()).arg(&case.case);
        call.arg(serde_json::to_vec(case).expect("a case is plain data")).arg(&case.digest()[..]);
        match case.deadline {
            Some(deadline) => call.arg(millis(deadline).max(0)),
            None => call.arg(""),
        };
        call.arg(self.spans.most_live).arg(&self.spans.keep).arg(&self.spans.pace);
        (partition.place, call)
    }

    fn put(&self, partition: &Partition, outcome: Value) -> Result<CasePut, StoreError> {
        let mut reply = Reply::of(outcome)?;
        let (outcome, number) = (reply.bytes()?, self.number(partition));
        self.conclude(number, reply)?;
        Ok(match outcome.as_slice() {
            b"n" | b"u" => {
                self.outbox_has(number);
                if outcome == b"n" { CasePut::Opened } else { CasePut::Updated }
            }
            b"=" => CasePut::Same,
            b"?" => CasePut::OfAnother,
            b"!" => return Err(StoreError::Full("`store.max_waiting` cases are open".into())),
            letter => CasePut::Closed(state(letter)?),
        })
    }

    pub(super) async fn cases(&self, ids: &[(Name, String)]) -> Result<Vec<Option<CaseRecord>>, StoreError> {
        let keys: Vec<_> = ids.iter().map(|(brand, case)| CaseId::of(brand, case)).collect();
        let homes = self.case_homes(&keys).await?;
        let (mut asked, mut calls) = (Vec::new(), Vec::new());
        for (at, (key, home)) in keys.iter().zip(&homes).enumerate() {
            let Some(home) = home else { continue };
            let mut look = cmd("HGETALL");
            look.arg(home.key("d", &key.0.0));
            asked.push(at);
            calls.push((home.place, look));
        }
        let answers = self.router.many(Lane::Enqueue, calls).await;
        let mut found = vec![None; ids.len()];
        for (at, answer) in asked.into_iter().zip(answers) {
            found[at] = record(Reply::of(answer?)?)?;
        }
        Ok(found)
    }

    /// Where cases are, as the index says.
    pub(super) async fn case_homes(&self, cases: &[CaseId]) -> Result<Vec<Option<&Partition>>, StoreError> {
        let ask = |case: &CaseId| {
            let index = self.partitions.index_of(case.0);
            let mut get = cmd("GET");
            get.arg(index.key("j", &case.0.0));
            (index.place, get)
        };
        let entries = self.router.many(Lane::Enqueue, cases.iter().map(ask).collect()).await;
        let mut homes = Vec::with_capacity(cases.len());
        for entry in entries {
            let number = match entry? {
                Value::BulkString(entry) => partition_in(&entry),
                _ => None,
            };
            homes.push(number.and_then(|number| self.partitions.all().get(usize::from(number))));
        }
        Ok(homes)
    }

    /// Closes a case where it is, first, and ends its sends wherever they are.
    async fn close_case(
        &self,
        function: &str,
        brand: &Name,
        case: &str,
        reason: &str,
    ) -> Result<Settled, StoreError> {
        let id = CaseId::of(brand, case);
        let home = self.case_homes(&[id]).await?.pop().flatten();
        let mut closing: Vec<_> = home.into_iter().collect();
        let others = self.everywhere("a", &id.0.0).await?;
        closing.extend(others.into_iter().filter(|other| home.is_none_or(|home| home.tag != other.tag)));
        let mut settled = Settled::default();
        for partition in closing {
            let mut call = partition.fcall(function);
            call.arg(&id.0.0[..]).arg(words(reason)).arg(&self.spans.keep).arg(&self.spans.pace).arg(AT_ONCE);
            let (mut late, mut stands) = (0, None);
            self.until_none_is_left(partition, &call, |reply| {
                settled.cancelled += reply.small::<u64>()?;
                late = reply.small()?;
                let more = reply.int()? == 1;
                let letter = reply.bytes()?;
                stands = if letter.is_empty() { None } else { Some(state(&letter)?) };
                Ok(more)
            })
            .await?;
            settled.in_hand_over += late;
            settled.state = settled.state.or(stands);
            if stands.is_some() {
                self.outbox_has(self.number(partition));
            }
        }
        Ok(settled)
    }
}

#[async_trait]
impl Cases for RedisStore {
    async fn put_cases(&self, cases: Vec<CaseSpec>) -> Vec<Result<CasePut, StoreError>> {
        match self.running_store() {
            Ok(inner) => inner.put_cases(cases).await,
            Err(closed) => cases.iter().map(|_| Err(closed.clone())).collect(),
        }
    }

    async fn cases(&self, ids: &[(Name, String)]) -> Result<Vec<Option<CaseRecord>>, StoreError> {
        self.open_store()?.cases(ids).await
    }

    async fn settle(&self, brand: &Name, case: &str, reason: &str) -> Result<Settled, StoreError> {
        self.running_store()?.close_case(&functions().settle, brand, case, reason).await
    }

    async fn hand_off(&self, brand: &Name, case: &str, reason: &str) -> Result<Settled, StoreError> {
        self.running_store()?.close_case(&functions().hand_off, brand, case, reason).await
    }

    async fn note_seen(&self, seen: &[Seen]) -> Result<Vec<Option<(Name, String)>>, StoreError> {
        self.running_store()?.note_seen(seen).await
    }
}

/// The partition an entry of the index names.
fn partition_in(entry: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(entry.try_into().ok()?))
}
