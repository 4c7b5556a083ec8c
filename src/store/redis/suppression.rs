//! Who gets no more mail. As safe as an enqueue before it is answered (`store.enqueue_wait`), and may be repeated.

use redis::{Cmd, cmd};

use super::enqueue::words;
use super::inner::Inner;
use super::keys::Partition;
use super::library::functions;
use super::reply::{Reply, damaged, int};
use super::router::{Lane, Place};
use crate::model::{RecipientId, SuppressReason, SuppressScope, Suppression};
use crate::store::time::{millis, timestamp};
use crate::store::{StoreError, Suppressed, Wait};

/// Most sends one call deals with.
const AT_ONCE: usize = 200;

impl Inner {
    /// The first call stops what comes later, and hands off what one call can; the others the rest. A gateway that dies
    /// in between leaves some that wait: they are handed off when they come back from a claim, or the call is repeated.
    pub(super) async fn suppress(&self, suppression: &Suppression) -> Result<Suppressed, StoreError> {
        let partition = self.partitions.of(suppression.recipient);
        let mut all = Suppressed::default();
        while self.round(partition, suppression, &mut all).await? {}
        let again = self.suppress_call(partition, suppression, b"");
        if let Some(answer) = self.confirm(partition.place, again).await? {
            let (told, _) = self.suppressed(partition, answer)?;
            all.new |= told.new;
            all.handed_off += told.handed_off;
        }
        Ok(all)
    }

    /// Once through the person's queue; tells whether to go again, for a send that was claimed meanwhile has its place
    /// before those that wait.
    async fn round(
        &self,
        partition: &Partition,
        suppression: &Suppression,
        all: &mut Suppressed,
    ) -> Result<bool, StoreError> {
        let (mut from, mut pages, mut handed_off) = (Vec::new(), 0, 0);
        all.in_hand_over = 0;
        loop {
            let call = self.suppress_call(partition, suppression, &from);
            let answer = self.call(Lane::Results, partition, call).await?;
            let (told, next) = self.suppressed(partition, answer)?;
            all.new |= told.new;
            all.in_hand_over += told.in_hand_over;
            handed_off += told.handed_off;
            pages += 1;
            if next.is_empty() {
                all.handed_off += handed_off;
                return Ok(pages > 1 && handed_off > 0);
            }
            from = next;
        }
    }

    fn suppress_call(&self, partition: &Partition, suppression: &Suppression, from: &[u8]) -> Cmd {
        let mut call = partition.fcall(&functions().suppress);
        call.arg(&suppression.recipient.0[..])
            .arg(suppression.scope.to_string())
            .arg(written(suppression))
            .arg(&self.spans.keep)
            .arg(&self.spans.pace)
            .arg(from)
            .arg(AT_ONCE);
        call
    }

    /// Reads an answer: what was done, and the place to go on from.
    fn suppressed(
        &self,
        partition: &Partition,
        answer: redis::Value,
    ) -> Result<(Suppressed, Vec<u8>), StoreError> {
        let mut reply = Reply::of(answer)?;
        let told =
            Suppressed { new: reply.int()? == 1, handed_off: reply.small()?, in_hand_over: reply.small()? };
        let next = reply.bytes()?;
        self.conclude(self.number(partition), reply)?;
        self.outbox_has(self.number(partition));
        Ok((told, next))
    }

    pub(super) async fn unsuppress(
        &self,
        who: RecipientId,
        scope: &SuppressScope,
    ) -> Result<bool, StoreError> {
        let partition = self.partitions.of(who);
        let mut call = partition.fcall(&functions().unsuppress);
        call.arg(&who.0[..]).arg(scope.to_string());
        let told = self.write(vec![(partition.place, call)], self.safe(Wait::Stored)?).await?;
        Ok(told.first().map(int).transpose()? == Some(1))
    }

    /// Reads what a person's key says, for whoever moves it.
    pub(super) fn suppressions_call(&self, who: RecipientId) -> (Place, Cmd) {
        let partition = self.partitions.of(who);
        let mut read = cmd("HGETALL");
        read.arg(partition.key("z", &who.0));
        (partition.place, read)
    }
}

/// As `lua/suppressed.lua` keeps it.
fn written(suppression: &Suppression) -> String {
    let letter = match suppression.why {
        SuppressReason::HardBounce => 'h',
        SuppressReason::Complaint => 'c',
        SuppressReason::Unsubscribed => 'u',
        SuppressReason::Manual => 'm',
    };
    format!("{letter}{} {}", millis(suppression.since), words(&suppression.detail))
}

/// What a person's key says: scope → why, since when, words.
pub(super) fn suppressions(who: RecipientId, mut known: Reply) -> Result<Vec<Suppression>, StoreError> {
    let mut all = Vec::new();
    while !known.is_empty() {
        let (scope, text) = (known.text()?, known.text()?);
        all.push(read(who, &scope, &text).ok_or_else(|| damaged("a suppression that can be read"))?);
    }
    all.sort_by(|one: &Suppression, other| one.scope.cmp(&other.scope));
    Ok(all)
}

fn read(recipient: RecipientId, scope: &str, text: &str) -> Option<Suppression> {
    let scope = if scope == "*" { SuppressScope::All } else { SuppressScope::Brand(scope.parse().ok()?) };
    let (letter, rest) = text.split_at_checked(1)?;
    let why = match letter {
        "h" => SuppressReason::HardBounce,
        "c" => SuppressReason::Complaint,
        "u" => SuppressReason::Unsubscribed,
        _ => SuppressReason::Manual,
    };
    let (since, detail) = rest.split_once(' ')?;
    let since = timestamp(since.parse().ok()?);
    Some(Suppression { recipient, scope, why, detail: detail.to_owned(), since })
}
