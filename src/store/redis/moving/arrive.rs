//! What is taken in, and what is let go.

use redis::{Cmd, Value, cmd};

use crate::model::{Consent, FlowScope, FlowSetting, SendId};
use crate::store::portable::{Adopted, DEPARTED, Item, Moved};
use crate::store::redis::Inner;
use crate::store::redis::enqueue::{describe, words};
use crate::store::redis::keys::Partition;
use crate::store::redis::library::functions;
use crate::store::redis::reply::{Reply, damaged, int, state};
use crate::store::redis::reserve::{Reserved, partition_in};
use crate::store::redis::router::{Lane, Place};
use crate::store::time::millis;
use crate::store::{Cancelled, StoreError, Wait};

/// How often a setting is tried that somebody else changes at the same time.
const TRIES: usize = 10;

impl Inner {
    pub(super) async fn adopt(&self, items: &[Item]) -> Result<Vec<Adopted>, StoreError> {
        let (mut consents, mut mailboxes) = (Vec::new(), Vec::new());
        let (mut cases, mut sends) = (Vec::new(), Vec::new());
        let mut answers = vec![Adopted::Same; items.len()];
        for (at, item) in items.iter().enumerate() {
            match item {
                Item::Flow(scope, setting) => answers[at] = self.adopt_flow(scope, setting).await?,
                Item::Consent(consent) => consents.push((at, consent)),
                Item::Mailbox(who, sealed) => mailboxes.push((at, (*who, sealed))),
                Item::Case(case) => cases.push((at, &**case)),
                Item::Suppression(suppression) => {
                    let new = self.suppress(suppression).await?.new;
                    answers[at] = if new { Adopted::New } else { Adopted::Same };
                }
                Item::Send(moved) => sends.push((at, &**moved)),
            }
        }
        self.adopt_consents(&consents, &mut answers).await?;
        let (places, mailboxes): (Vec<_>, Vec<_>) = mailboxes.into_iter().unzip();
        let new = Box::pin(self.adopt_mailboxes(&mailboxes)).await?;
        for (at, new) in places.into_iter().zip(new) {
            answers[at] = if new { Adopted::New } else { Adopted::Same };
        }
        let (places, cases): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
        let new = Box::pin(self.adopt_cases(&cases)).await?;
        for (at, new) in places.into_iter().zip(new) {
            answers[at] = if new { Adopted::New } else { Adopted::Same };
        }
        self.adopt_sends(&sends, &mut answers).await?;
        Ok(answers)
    }

    /// Sets a flow, unless it was set as late; compares and sets, for gateways may do the same.
    async fn adopt_flow(&self, scope: &FlowScope, setting: &FlowSetting) -> Result<Adopted, StoreError> {
        for _ in 0..TRIES {
            let known = self.flow_as_written(scope).await?;
            let since = |known: FlowSetting| known.since >= setting.since;
            if serde_json::from_slice(&known).is_ok_and(since) {
                return Ok(Adopted::Same);
            }
            if self.swap_flow(scope, &known, setting).await? {
                return Ok(Adopted::New);
            }
        }
        Err(StoreError::Unavailable("the settings of a flow change all the time".into()))
    }

    async fn adopt_consents(
        &self,
        consents: &[(usize, &Consent)],
        answers: &mut [Adopted],
    ) -> Result<(), StoreError> {
        let call = |(_, consent): &(usize, &Consent)| {
            let (place, mut call) = self.consent_call(consent);
            call.arg(1);
            (place, call)
        };
        let new = self.write(consents.iter().map(call).collect(), self.safe(Wait::Stored)?).await?;
        for ((at, _), new) in consents.iter().zip(new) {
            answers[*at] = if int(&new)? == 1 { Adopted::New } else { Adopted::Same };
        }
        Ok(())
    }

    async fn adopt_sends(
        &self,
        sends: &[(usize, &Moved)],
        answers: &mut [Adopted],
    ) -> Result<(), StoreError> {
        let specs: Vec<_> = sends.iter().map(|(_, moved)| &moved.spec).collect();
        let reserved = self.reserve(&specs).await;
        let mut asked = Vec::with_capacity(sends.len());
        for ((at, moved), reserved) in sends.iter().zip(reserved) {
            match reserved? {
                Reserved::Taken => answers[*at] = Adopted::Conflict,
                reserved => asked.push((*at, *moved, reserved)),
            }
        }
        let calls = asked.iter().map(|(_, moved, _)| self.adopt_call(moved)).collect();
        let outcomes = self.write(calls, self.safe(Wait::Stored)?).await?;
        let mut again = Vec::new();
        for ((at, moved, reserved), outcome) in asked.into_iter().zip(outcomes) {
            let adopted = self.adopted(moved, outcome)?;
            answers[at] = adopted;
            match (reserved, adopted) {
                (Reserved::Now, Adopted::Full) => self.unreserve(moved.spec.id).await?,
                // It may be back: its index entry was to go.
                (Reserved::Before, Adopted::New) => again.push(self.index(&moved.spec)),
                _ => {}
            }
        }
        self.write(again, self.safe(Wait::Stored)?).await.map(drop)
    }

    fn adopt_call(&self, moved: &Moved) -> (Place, Cmd) {
        let partition = self.partitions.of(moved.spec.recipient);
        let mut call = partition.fcall(&functions().adopt);
        describe(&mut call, &moved.spec, moved.due, self.spans.best_hour);
        // In place of a request, how many it may claim, and when: nothing.
        call.arg("").arg(0).arg(0).arg(&self.spans.pace).arg(self.spans.most_live);
        call.arg(&self.spans.keep);
        call.arg(millis(moved.accepted_at)).arg(moved.attempts);
        call.arg(moved.dated.map_or(0, jiff::Timestamp::as_second));
        for line in &moved.history {
            call.arg(format!("{} {} {}", millis(line.at), line.event, line.detail));
        }
        (partition.place, call)
    }

    fn adopted(&self, moved: &Moved, outcome: Value) -> Result<Adopted, StoreError> {
        let mut reply = Reply::of(outcome)?;
        let (outcome, alarm) = (reply.int()?, reply.int()?);
        let number = self.partitions.number_of(moved.spec.recipient);
        self.turns.hint(number, alarm);
        if outcome == 4 {
            self.follow_up(number, reply.gone()?);
        }
        Ok(match outcome {
            0 | 4 => Adopted::New,
            1 => Adopted::Same,
            2 => Adopted::Conflict,
            _ => Adopted::Full,
        })
    }

    pub(super) async fn depart(&self, sends: &[SendId]) -> Result<Vec<Cancelled>, StoreError> {
        let homes = self.homes(sends).await?;
        let (mut known, mut calls) = (Vec::new(), Vec::new());
        for (at, home) in homes.into_iter().enumerate() {
            let Some(home) = home else { continue };
            known.push(at);
            calls.push(self.depart_call(sends[at], home));
        }
        let answers = self.write(calls, self.safe(Wait::Stored)?).await?;
        let (mut departed, mut gone) = (vec![Cancelled::Unknown; sends.len()], Vec::new());
        for (at, answer) in known.into_iter().zip(answers) {
            departed[at] = outcome(answer)?;
            if departed[at] == Cancelled::Done {
                gone.push(self.unindex(sends[at]));
            }
        }
        self.write(gone, None).await?;
        Ok(departed)
    }

    fn depart_call(&self, send: SendId, home: &Partition) -> (Place, Cmd) {
        let mut call = home.fcall(&functions().depart);
        call.arg(&send.0[..]).arg(words(DEPARTED)).arg(&self.spans.keep).arg(&self.spans.pace);
        (home.place, call)
    }

    /// Where sends are, with one question for most of them.
    async fn homes(&self, sends: &[SendId]) -> Result<Vec<Option<&Partition>>, StoreError> {
        let ask = |send: &SendId| {
            let index = self.partitions.index_of(*send);
            let mut get = cmd("GET");
            get.arg(index.key("i", &send.0));
            (index.place, get)
        };
        let entries = self.router.many(Lane::Enqueue, sends.iter().map(ask).collect()).await;
        let mut homes = Vec::with_capacity(sends.len());
        for (send, entry) in sends.iter().zip(entries) {
            let number = match entry? {
                Value::BulkString(entry) => partition_in(&entry),
                _ => None,
            };
            homes.push(match number.and_then(|number| self.partitions.all().get(usize::from(number))) {
                None => self.find(*send).await?,
                home => home,
            });
        }
        Ok(homes)
    }

    /// Lets an index entry go with the send's head.
    fn unindex(&self, send: SendId) -> (Place, Cmd) {
        let index = self.partitions.index_of(send);
        let mut expire = cmd("PEXPIRE");
        expire.arg(index.key("i", &send.0)).arg(self.spans.keep_finished);
        (index.place, expire)
    }
}

fn outcome(answer: Value) -> Result<Cancelled, StoreError> {
    Ok(match crate::store::redis::reply::bytes(answer)?.as_slice() {
        b"done" => Cancelled::Done,
        b"begun" => Cancelled::InHandOver,
        b"unknown" => Cancelled::Unknown,
        letter => Cancelled::Ended(state(letter).ok_or_else(|| damaged("a known state"))?),
    })
}
