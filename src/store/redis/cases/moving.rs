//! Cases that move from one store to another.

use redis::{Cmd, cmd};

use super::Indexed;
use super::record::record;
use crate::model::{CaseId, CaseRecord, CaseSeen, CaseState, RecipientId};
use crate::store::redis::inner::Inner;
use crate::store::redis::keys::Partition;
use crate::store::redis::library::functions;
use crate::store::redis::reply::Reply;
use crate::store::redis::router::Lane;
use crate::store::time::millis;
use crate::store::{StoreError, Wait};

impl Inner {
    /// Takes open cases in from another store; says which are new here.
    pub(in crate::store::redis) async fn adopt_cases(
        &self,
        records: &[&CaseRecord],
    ) -> Result<Vec<bool>, StoreError> {
        let open = |(at, record): (usize, &&CaseRecord)| Some((at, record.spec.clone()?));
        let (places, specs): (Vec<_>, Vec<_>) = records.iter().enumerate().filter_map(open).unzip();
        let (mut asked, mut calls) = (Vec::new(), Vec::new());
        for ((at, spec), indexed) in places.into_iter().zip(&specs).zip(self.index_cases(&specs).await) {
            if let Indexed::Here { .. } = indexed? {
                let (record, (place, mut call)) = (records[at], self.put_call(spec));
                call.arg(millis(record.opened)).arg(millis(record.updated)).arg(record.mails);
                bring(&mut call, &record.seen);
                asked.push(at);
                calls.push((place, call));
            }
        }
        let mut new = vec![false; records.len()];
        for (at, outcome) in asked.into_iter().zip(self.write(calls, self.safe(Wait::Stored)?).await?) {
            let mut reply = Reply::of(outcome)?;
            new[at] = reply.bytes()? == b"n";
            if let Some(spec) = &records[at].spec {
                self.conclude(self.partitions.number_of(spec.recipient), reply)?;
            }
        }
        Ok(new)
    }

    pub(in crate::store::redis) async fn depart_cases(&self, cases: &[CaseId]) -> Result<(), StoreError> {
        let homes = self.case_homes(cases).await?;
        let depart = |(case, home): (&CaseId, Option<&Partition>)| {
            let home = home?;
            let mut call = home.fcall(&functions().depart_case);
            call.arg(&case.0.0[..]);
            Some((home.place, call))
        };
        let calls = cases.iter().zip(homes).filter_map(depart).collect();
        self.write(calls, self.safe(Wait::Stored)?).await?;
        let unindex = |case: &CaseId| {
            let index = self.partitions.index_of(case.0);
            let mut del = cmd("DEL");
            del.arg(index.key("j", &case.0.0));
            (index.place, del)
        };
        self.write(cases.iter().map(unindex).collect(), None).await.map(drop)
    }

    /// The open cases of people.
    pub(in crate::store::redis) async fn cases_of(
        &self,
        people: &[RecipientId],
    ) -> Result<Vec<CaseRecord>, StoreError> {
        let ask = |who: &RecipientId| {
            let partition = self.partitions.of(*who);
            let mut members = cmd("SMEMBERS");
            members.arg(partition.key("r", &who.0));
            (partition.place, members)
        };
        let answers = self.router.many(Lane::Control, people.iter().map(ask).collect()).await;
        let mut looks = Vec::new();
        for (who, answer) in people.iter().zip(answers) {
            let (partition, mut cases) = (self.partitions.of(*who), Reply::of(answer?)?);
            while !cases.is_empty() {
                let mut look = cmd("HGETALL");
                look.arg(partition.key("d", &cases.send()?.0));
                looks.push((partition.place, look));
            }
        }
        let mut found = Vec::with_capacity(looks.len());
        for looked in self.router.many(Lane::Control, looks).await {
            found.extend(record(Reply::of(looked?)?)?);
        }
        found.retain(|case| case.state == CaseState::Open);
        Ok(found)
    }
}

/// How the letters of a case fared, as `put_case` takes it in.
fn bring(call: &mut Cmd, seen: &CaseSeen) {
    call.arg(seen.opens).arg(seen.clicks);
    for at in [seen.last, seen.first_mail, seen.last_mail] {
        match at {
            Some(at) => call.arg(millis(at)),
            None => call.arg(""),
        };
    }
    for (send, at) in &seen.letters {
        call.arg(&send.0[..]).arg(millis(*at));
    }
}
