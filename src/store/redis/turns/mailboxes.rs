//! Watched mailboxes, shared by the living gateways as partitions are.
//!
//! Each partition's hash of mailboxes counts its changes. With every beat a gateway looks at that number in a quarter of
//! its partitions, and reads those whole that have changed or are newly its own. So, with [`BEAT`] and [`ALIVE`]:
//!
//! | what happens | until the right gateway knows, at most |
//! | --- | --- |
//! | a mailbox is added, changed or removed through the gateway that watches it | at once |
//! | through another one | four beats: 2 s |
//! | a gateway joins, or signs off | a beat of the one that gives up the partition, a beat of the one that gets it: for up to half a second nobody or both watch |
//! | a gateway dies | [`ALIVE`] and a beat: 2.5 s |
//!
//! A gateway that does not reach Redis goes on with what it knows, and so may watch what another has taken over.
//!
//! [`BEAT`]: super::BEAT
//! [`ALIVE`]: super::ALIVE

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::{Cmd, Value, cmd};
use tokio::sync::watch;

use super::super::fault::Fault;
use super::super::inner::Inner;
use super::super::keys::Partition;
use super::super::library::functions;
use super::super::reply::{Reply, int, number};
use super::super::router::{Lane, Place};
use crate::model::{Mailboxes, RecipientId, Sealed};
use crate::store::{StoreError, Wait};

/// A partition is looked at with every so manieth beat.
const ROUNDS: usize = 4;

/// The field that counts changes; a person's has sixteen bytes.
const CHANGES: &[u8] = b"v";

/// What is known of our partitions' mailboxes.
#[derive(Debug)]
pub(in crate::store::redis) struct Watched {
    partitions: Mutex<Vec<Known>>,
    all: watch::Sender<Arc<Mailboxes>>,
    round: AtomicUsize,
}

/// One partition's, as last read.
#[derive(Debug, Default, Clone, PartialEq)]
struct Known {
    /// How often they had changed; not known while the partition is not ours, or could not be read.
    changes: Option<i64>,
    people: Mailboxes,
}

impl Watched {
    /// Nothing is known yet.
    pub(super) fn new(partitions: u16) -> Self {
        let partitions = Mutex::new(vec![Known::default(); usize::from(partitions)]);
        Self { partitions, all: watch::Sender::default(), round: AtomicUsize::default() }
    }

    /// Where to hear of them.
    pub(in crate::store::redis) fn heard(&self) -> watch::Receiver<Arc<Mailboxes>> {
        self.all.subscribe()
    }

    /// A partition is not ours any more.
    pub(super) fn leave(&self, partition: usize) {
        self.learn(vec![(partition, Known::default())]);
    }

    /// A partition is to be read again.
    fn lose_sight(&self, partition: usize) {
        self.known()[partition].changes = None;
    }

    /// How often these had changed, as far as is known.
    fn changes(&self, partition: usize) -> Option<i64> {
        self.known()[partition].changes
    }

    /// Takes over what was read, and publishes it if it is new.
    fn learn(&self, read: Vec<(usize, Known)>) {
        let mut partitions = self.known();
        let mut new = false;
        for (partition, known) in read {
            new |= partitions[partition].people != known.people;
            partitions[partition] = known;
        }
        if new {
            let people = partitions.iter().flat_map(|known| &known.people);
            let all = people.map(|(who, sealed)| (*who, sealed.clone())).collect();
            self.all.send_replace(Arc::new(all));
        }
    }

    fn known(&self) -> MutexGuard<'_, Vec<Known>> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Has a mailbox watched or no more.
    pub(in crate::store::redis) async fn watch_mailbox(
        &self,
        who: RecipientId,
        sealed: Option<Sealed>,
    ) -> Result<(), StoreError> {
        if sealed.is_some()
            && !self.is_watched(who).await?
            && self.count_mailboxes().await? >= self.rules.max_mailboxes
        {
            return Err(StoreError::Full("`watch.max_mailboxes` is reached".into()));
        }
        let call = self.mailbox_call(who, sealed.as_ref());
        self.write(vec![call], self.safe(Wait::Stored)?).await?;
        self.follow_mailbox_of(who).await;
        Ok(())
    }

    /// Replaces what is sealed, as long as it is still known.
    pub(in crate::store::redis) async fn reseal_mailbox(
        &self,
        who: RecipientId,
        known: &Sealed,
        fresh: &Sealed,
    ) -> Result<bool, StoreError> {
        let (place, mut call) = self.mailbox_call(who, Some(fresh));
        call.arg(known.as_bytes());
        let answers = self.write(vec![(place, call)], self.safe(Wait::Stored)?).await?;
        self.follow_mailbox_of(who).await;
        Ok(answers == [Value::Int(1)])
    }

    /// Takes mailboxes over from another store, unless one of the person is watched here; tells of each whether it was.
    pub(in crate::store::redis) async fn adopt_mailboxes(
        &self,
        mailboxes: &[(RecipientId, &Sealed)],
    ) -> Result<Vec<bool>, StoreError> {
        let mut new = Vec::with_capacity(mailboxes.len());
        for (who, _) in mailboxes {
            new.push(!self.is_watched(*who).await?);
        }
        let call = |((who, sealed), _): (&(RecipientId, &Sealed), &bool)| {
            let (place, mut call) = self.mailbox_call(*who, Some(sealed));
            call.arg("");
            (place, call)
        };
        let calls = mailboxes.iter().zip(&new).filter(|(_, new)| **new).map(call).collect();
        self.write(calls, self.safe(Wait::Stored)?).await?;
        Ok(new)
    }

    /// The mailboxes of one partition, wherever it is watched.
    pub(in crate::store::redis) async fn mailboxes_of(&self, number: usize) -> Result<Mailboxes, StoreError> {
        let (place, read) = read_all(&self.partitions.all()[number]);
        Ok(known(self.router.call(Lane::Control, place, read).await?)?.people)
    }

    /// A person was forgotten, or their mailbox changed, through us: if it is ours, we know it at once. If it cannot be
    /// read now, the next beat reads it.
    pub(in crate::store::redis) async fn follow_mailbox_of(&self, who: RecipientId) {
        let number = usize::from(self.partitions.number_of(who));
        if self.turns.ours[number].load(Ordering::Relaxed) {
            self.turns.mailboxes.lose_sight(number);
            self.read_mailboxes(&[number]).await;
        }
    }

    /// With a beat: reads what has changed in a part of our partitions, and all that is newly ours.
    pub(super) async fn follow_mailboxes(&self) {
        let watched = &self.turns.mailboxes;
        let round = watched.round.fetch_add(1, Ordering::Relaxed) % ROUNDS;
        let ours = |number: &usize| self.turns.ours[*number].load(Ordering::Relaxed);
        let ours = (0..self.turns.ours.len()).filter(ours);
        let (known, mut unread): (Vec<_>, Vec<_>) =
            ours.partition(|number| watched.changes(*number).is_some());
        let asked = known.into_iter().filter(|number| number % ROUNDS == round).collect();
        unread.extend(self.changed(asked).await);
        self.read_mailboxes(&unread).await;
    }

    /// Those of these partitions whose mailboxes have changed. One that does not answer is asked in the next round.
    async fn changed(&self, asked: Vec<usize>) -> Vec<usize> {
        let ask = |number: &usize| {
            let partition = &self.partitions.all()[*number];
            let mut get = cmd("HGET");
            get.arg(mailboxes_key(partition)).arg(CHANGES);
            (partition.place, get)
        };
        let answers = self.router.many(Lane::Control, asked.iter().map(ask).collect()).await;
        let has_changed = |(at, answer): (usize, Result<Value, Fault>)| {
            let count = match answer.ok()? {
                Value::BulkString(count) => number(&count),
                _ => Some(0),
            };
            (count != self.turns.mailboxes.changes(at)).then_some(at)
        };
        asked.into_iter().zip(answers).filter_map(has_changed).collect()
    }

    /// Reads partitions whole. One that cannot be read keeps what is known of it, and is read again with the next beat.
    async fn read_mailboxes(&self, numbers: &[usize]) {
        let calls = numbers.iter().map(|number| read_all(&self.partitions.all()[*number])).collect();
        let answers = self.router.many(Lane::Control, calls).await;
        let mut read = Vec::with_capacity(numbers.len());
        for (&number, answer) in numbers.iter().zip(answers) {
            match answer.map_err(StoreError::from).and_then(known) {
                Ok(known) => read.push((number, known)),
                Err(error) => {
                    tracing::debug!(partition = number, %error, "watched mailboxes cannot be read");
                    self.turns.mailboxes.lose_sight(number);
                }
            }
        }
        // Not what went to another gateway meanwhile.
        read.retain(|(number, _)| self.turns.ours[*number].load(Ordering::Relaxed));
        self.turns.mailboxes.learn(read);
    }

    async fn is_watched(&self, who: RecipientId) -> Result<bool, StoreError> {
        let partition = self.partitions.of(who);
        let mut get = cmd("HGET");
        get.arg(mailboxes_key(partition)).arg(&who.0[..]);
        Ok(self.router.call(Lane::Control, partition.place, get).await? != Value::Nil)
    }

    /// How many are watched, by all gateways.
    async fn count_mailboxes(&self) -> Result<usize, StoreError> {
        let count = |partition: &Partition| {
            let mut count = cmd("HLEN");
            count.arg(mailboxes_key(partition));
            (partition.place, count)
        };
        let calls = self.partitions.all().iter().map(count).collect();
        let mut all = 0;
        for fields in self.router.many(Lane::Control, calls).await {
            // All but the count of changes.
            all += usize::try_from(int(&fields?)?).unwrap_or_default().saturating_sub(1);
        }
        Ok(all)
    }

    fn mailbox_call(&self, who: RecipientId, sealed: Option<&Sealed>) -> (Place, Cmd) {
        let partition = self.partitions.of(who);
        let mut call = partition.fcall(&functions().mailbox);
        call.arg(&who.0[..]).arg(sealed.map(Sealed::as_bytes).unwrap_or_default());
        (partition.place, call)
    }
}

fn mailboxes_key(partition: &Partition) -> String {
    format!("{}:m", partition.tag)
}

fn read_all(partition: &Partition) -> (Place, Cmd) {
    let mut read = cmd("HGETALL");
    read.arg(mailboxes_key(partition));
    (partition.place, read)
}

/// One partition's mailboxes, as Redis tells them. What is no person's is left out.
fn known(answer: Value) -> Result<Known, StoreError> {
    let mut reply = Reply::of(answer)?;
    let (mut changes, mut people) = (0, Mailboxes::new());
    while !reply.is_empty() {
        let (field, value) = (reply.bytes()?, reply.bytes()?);
        match <[u8; 16]>::try_from(&field[..]) {
            Ok(who) => drop(people.insert(RecipientId(who), Sealed::new(value))),
            Err(_) if field == CHANGES => changes = number(&value).unwrap_or_default(),
            Err(_) => {}
        }
    }
    Ok(Known { changes: Some(changes), people })
}
