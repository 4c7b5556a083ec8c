//! What leaves, page by page.

use std::ops::{Bound, RangeBounds};

use redis::cmd;

use super::chart::Chart;
use super::position::{At, Kind, Spot};
use super::scan::Step;
use crate::model::{FlowSetting, RecipientId, SendId, SendState};
use crate::store::StoreError;
use crate::store::portable::{Item, Moved, Page, Position};
use crate::store::redis::Inner;
use crate::store::redis::head::Looked;
use crate::store::redis::keys::{FLOWS, scope};
use crate::store::redis::library::functions;
use crate::store::redis::reply::{Reply, damaged};
use crate::store::redis::router::{Lane, Place};
use crate::store::redis::show::consents;
use crate::store::redis::suppression::suppressions;
use crate::store::time::timestamp;

/// Sends of one person read at once.
const AT_ONCE: usize = 500;

/// A person's waiting sends: when they arrived, and which.
type Arrivals = Vec<(i64, SendId)>;

/// Some of a step, and how far that goes; none for all of it.
type Part = (Vec<Item>, Option<(RecipientId, i64)>);

impl Inner {
    pub(super) async fn export(&self, after: Option<&Position>, most: usize) -> Result<Page, StoreError> {
        match after.map_or(Ok(At::Flows(None)), At::parse)? {
            At::Flows(after) => self.export_flows(after.as_deref(), most).await,
            At::Mailboxes(partition, after) => Box::pin(self.export_mailboxes(partition, after, most)).await,
            At::Scan(kind, spot) => {
                let chart = self.chart().await?;
                let start = Spot { mark: chart.mark, ..Spot::default() };
                let spot = spot.filter(|spot| spot.mark == chart.mark).unwrap_or(start);
                self.export_step(kind, spot, &chart, most).await
            }
        }
    }

    async fn export_flows(&self, after: Option<&str>, most: usize) -> Result<Page, StoreError> {
        let mut read = cmd("HGETALL");
        read.arg(FLOWS);
        let mut reply = Reply::of(self.router.call(Lane::Control, Place::of(FLOWS.as_bytes()), read).await?)?;
        let mut flows = Vec::new();
        while !reply.is_empty() {
            let (name, setting) = (reply.text()?, reply.bytes()?);
            let setting: FlowSetting =
                serde_json::from_slice(&setting).map_err(|_| damaged("a flow's setting"))?;
            let scope = scope(&name).ok_or_else(|| damaged("the name of a flow"))?;
            flows.push((name, Item::Flow(scope, setting)));
        }
        flows.retain(|(name, _)| after.is_none_or(|after| name.as_str() > after));
        flows.sort_by(|(one, _), (other, _)| one.cmp(other));
        let more = flows.len() > most;
        flows.truncate(most);
        let last = flows.last().map(|(name, _)| name.clone());
        let next = if more { At::Flows(last) } else { At::Mailboxes(0, None) };
        Ok(Page { items: flows.into_iter().map(|(_, item)| item).collect(), next: Some(next.position()) })
    }

    /// Partition after partition, until there are enough.
    async fn export_mailboxes(
        &self,
        mut partition: u16,
        mut after: Option<RecipientId>,
        most: usize,
    ) -> Result<Page, StoreError> {
        let mut items = Vec::new();
        while partition < self.partitions.count() {
            let people = self.mailboxes_of(usize::from(partition)).await?;
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            let mut rest = people.into_iter().filter(|(who, _)| (from, Bound::Unbounded).contains(who));
            for (who, sealed) in rest.by_ref().take(most - items.len()) {
                after = Some(who);
                items.push(Item::Mailbox(who, sealed));
            }
            if items.len() == most {
                return Ok(Page { items, next: Some(At::Mailboxes(partition, after).position()) });
            }
            (partition, after) = (partition + 1, None);
        }
        Ok(Page { items, next: Some(At::Scan(Kind::Consents, None).position()) })
    }

    async fn export_step(
        &self,
        kind: Kind,
        spot: Spot,
        chart: &Chart,
        most: usize,
    ) -> Result<Page, StoreError> {
        let (step, spot) = self.step(kind, spot, chart).await?;
        let people: Vec<_> = still_to_come(&step, spot).take(most).collect();
        let whole = still_to_come(&step, spot).nth(most).is_none();
        let (items, done) = match kind {
            Kind::Consents => self.consents_of(&people, most).await?,
            Kind::Suppressions => self.suppressions_of(&people, most).await?,
            Kind::Cases => {
                let cases = self.cases_of(&people).await?;
                (cases.into_iter().map(|case| Item::Case(Box::new(case))).collect(), None)
            }
            Kind::Sends => self.sends_of(&people, spot, most).await?,
        };
        let done = done.or_else(|| people.last().filter(|_| !whole).map(|who| (*who, i64::MAX)));
        let next = match done {
            Some(done) => Some(At::Scan(kind, Some(Spot { done: Some(done), ..spot }))),
            None => after(kind, spot, &step, chart),
        };
        Ok(Page { items, next: next.map(|at| at.position()) })
    }

    /// All that whole people said, until there is enough.
    async fn consents_of(&self, people: &[RecipientId], most: usize) -> Result<Part, StoreError> {
        let ask = |who: &RecipientId| {
            let partition = self.partitions.of(*who);
            let mut read = cmd("HGETALL");
            read.arg(partition.key("y", &who.0));
            (partition.place, read)
        };
        let answers = self.router.many(Lane::Control, people.iter().map(ask).collect()).await;
        let mut items = Vec::new();
        for (who, answer) in people.iter().zip(answers) {
            items.extend(consents(*who, Reply::of(answer?)?)?.into_iter().map(Item::Consent));
            if items.len() >= most && people.last() != Some(who) {
                return Ok((items, Some((*who, i64::MAX))));
            }
        }
        Ok((items, None))
    }

    /// All mail that whole people get no more, until there is enough.
    async fn suppressions_of(&self, people: &[RecipientId], most: usize) -> Result<Part, StoreError> {
        let asked = people.iter().map(|who| self.suppressions_call(*who)).collect();
        let answers = self.router.many(Lane::Control, asked).await;
        let mut items = Vec::new();
        for (who, answer) in people.iter().zip(answers) {
            let known = suppressions(*who, Reply::of(answer?)?)?;
            items.extend(known.into_iter().map(Item::Suppression));
            if items.len() >= most && people.last() != Some(who) {
                return Ok((items, Some((*who, i64::MAX))));
            }
        }
        Ok((items, None))
    }

    /// The waiting sends of these people, each one's in the order of their arrival.
    async fn sends_of(&self, people: &[RecipientId], spot: Spot, most: usize) -> Result<Part, StoreError> {
        let mut chosen = Vec::new();
        for (who, mut arrivals) in people.iter().zip(self.arrivals(people).await?) {
            let behind = |arrival: i64| spot.done.is_none_or(|done| (*who, arrival) > done);
            arrivals.retain(|(arrival, _)| behind(*arrival));
            arrivals.sort_unstable();
            // One that came back may have been met twice.
            arrivals.dedup();
            chosen.extend(arrivals.into_iter().map(|(arrival, send)| (*who, arrival, send)));
        }
        let done = match chosen.get(..most) {
            Some([.., (who, arrival, _)]) if chosen.len() > most => Some((*who, *arrival)),
            _ => None,
        };
        chosen.truncate(most);
        Ok((self.moved(&chosen).await?, done))
    }

    /// Who waits for each of them. Claims whose lease has run out are taken back first.
    async fn arrivals(&self, people: &[RecipientId]) -> Result<Vec<Arrivals>, StoreError> {
        let calls = people.iter().map(|who| self.leaving(*who, &[])).collect();
        let answers = self.router.many(Lane::Results, calls).await;
        let mut all = Vec::with_capacity(people.len());
        for (who, answer) in people.iter().zip(answers) {
            let mut arrivals = Vec::new();
            let mut last = self.left(*who, answer?, &mut arrivals)?;
            while !last.is_empty() {
                let (place, call) = self.leaving(*who, &last);
                let answer = self.router.call(Lane::Results, place, call).await?;
                last = self.left(*who, answer, &mut arrivals)?;
            }
            all.push(arrivals);
        }
        Ok(all)
    }

    fn leaving(&self, who: RecipientId, after: &[u8]) -> (Place, redis::Cmd) {
        let partition = self.partitions.of(who);
        let mut call = partition.fcall(&functions().leaving);
        call.arg(&who.0[..])
            .arg(after)
            .arg(AT_ONCE)
            .arg(self.quiet(partition.place))
            .arg(self.spans.lease)
            .arg(&self.spans.pace)
            .arg(self.spans.recent)
            .arg(&self.spans.keep)
            .arg(self.rules.max_attempts);
        (partition.place, call)
    }

    /// Reads an answer of `leaving`; gives the place to go on from, empty at the end.
    fn left(
        &self,
        who: RecipientId,
        answer: redis::Value,
        arrivals: &mut Arrivals,
    ) -> Result<Vec<u8>, StoreError> {
        let mut reply = Reply::of(answer)?;
        let last = reply.bytes()?;
        let mut waiting = reply.list()?;
        while !waiting.is_empty() {
            let (send, arrival) = (waiting.send()?, waiting.int()?);
            arrivals.push((arrival, send));
        }
        self.follow_up(self.partitions.number_of(who), reply.list()?.gone()?);
        Ok(last)
    }

    /// All there is to know of sends; those that do not wait any more are left out.
    async fn moved(&self, sends: &[(RecipientId, i64, SendId)]) -> Result<Vec<Item>, StoreError> {
        let look = |(who, _, send): &(RecipientId, i64, SendId)| {
            let partition = self.partitions.of(*who);
            let mut look = partition.fcall(&functions().look);
            look.arg(&send.0[..]);
            (partition.place, look)
        };
        let mut items = Vec::with_capacity(sends.len());
        for looked in self.router.many(Lane::Control, sends.iter().map(look).collect()).await {
            let moved = Looked::read(looked?)?.and_then(moved);
            items.extend(moved.map(|moved| Item::Send(Box::new(moved))));
        }
        Ok(items)
    }
}

/// The people of a step who are not, or not all, dealt with.
fn still_to_come(step: &Step, spot: Spot) -> impl Iterator<Item = RecipientId> {
    let behind = move |who: &RecipientId| match spot.done {
        Some((done, i64::MAX)) => *who > done,
        Some((done, _)) => *who >= done,
        None => true,
    };
    step.people.iter().copied().filter(behind)
}

/// What comes after a step.
fn after(kind: Kind, spot: Spot, step: &Step, chart: &Chart) -> Option<At> {
    let spot = Spot { done: None, ..spot };
    if step.next != 0 {
        return Some(At::Scan(kind, Some(Spot { cursor: step.next, ..spot })));
    }
    if spot.server + 1 < chart.servers.len() {
        return Some(At::Scan(kind, Some(Spot { server: spot.server + 1, cursor: 0, ..spot })));
    }
    match kind {
        Kind::Consents => Some(At::Scan(Kind::Suppressions, None)),
        Kind::Suppressions => Some(At::Scan(Kind::Cases, None)),
        Kind::Cases => Some(At::Scan(Kind::Sends, None)),
        Kind::Sends => None,
    }
}

fn moved(looked: Looked) -> Option<Moved> {
    let positive = |name| looked.number(name).filter(|number| *number > 0);
    Some(Moved {
        accepted_at: timestamp(looked.number("at").unwrap_or_default()),
        attempts: looked.attempts(),
        due: positive("du").map(timestamp),
        dated: positive("da").and_then(|dated| jiff::Timestamp::from_second(dated).ok()),
        spec: match looked.state {
            SendState::Waiting => looked.spec?,
            _ => return None,
        },
        history: looked.lines,
    })
}
