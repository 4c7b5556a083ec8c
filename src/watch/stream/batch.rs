//! Entries in hand: from being read to being done.

use std::time::Duration;

use redis::RedisResult;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::entry::Entry;
use super::group::Group;
use super::{Consumer, MOST_PENDING, PAUSES, Verdict, pauses, rejected};

/// How often entries that are being worked on are kept from being taken for stuck: several times within
/// [`Pace::stuck_after`](super::Pace::stuck_after).
const KEPT_IN_STUCK: u32 = 3;

impl Consumer {
    /// Sees these entries through: until each is done, left pending on purpose, or the gateway stops. What the store does
    /// not take is held for so long, unless it takes others meanwhile, and then put off. Says whether it took any.
    pub(super) async fn handle(
        &mut self,
        mut hand: Vec<Entry>,
        hold: Duration,
        group: &mut Group,
        stop: &CancellationToken,
    ) -> RedisResult<bool> {
        let (mut pauses, since) = (pauses(), Instant::now());
        while !hand.is_empty() {
            let Some(verdicts) = self.ask(&hand, group).await else { return Ok(false) };
            let taken = verdicts.iter().any(|verdict| matches!(verdict, Verdict::Accepted | Verdict::Same));
            self.blameless = ids(&hand);
            hand = self.settle(hand, verdicts, group).await?;
            self.blameless.clear();
            let ids = ids(&hand);
            if ids.is_empty() {
                return Ok(taken);
            }
            if taken || since.elapsed() >= hold {
                self.put_off(&ids, group).await?;
                return Ok(taken);
            }
            group.keep_cleared(&ids).await?;
            self.answered();
            self.observe(group).await?;
            let longest = PAUSES.1.min(self.keep_every());
            let pause = pauses.next().unwrap_or(longest).min(longest);
            tracing::info!(
                waiting = ids.len(),
                ?pause,
                "the store takes no sends from the stream; trying again"
            );
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                group.give_back(&ids).await?;
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// Lets entries lie that the store does not take, so that others are read; the next upkeep but one, of any gateway,
    /// finds them stuck.
    async fn put_off(&mut self, ids: &[String], group: &mut Group) -> RedisResult<()> {
        group.put_off(ids, self.pace.stuck_after.saturating_sub(self.pace.upkeep)).await?;
        self.answered();
        self.crowded = group.own_number().await? >= MOST_PENDING;
        tracing::info!(
            waiting = ids.len(),
            "the store does not take these sends of the stream; others go first"
        );
        Ok(())
    }

    /// Asks for the verdicts in a task of its own: a panic costs these entries one attempt, not the gateway its consumer.
    /// None after a panic: all stay pending, and come back as stuck entries.
    async fn ask(&self, hand: &[Entry], group: &mut Group) -> Option<Vec<Verdict>> {
        let sends: Vec<_> = hand.iter().filter_map(Entry::pushed).collect();
        let mut work = tokio::spawn((self.accept)(sends));
        let answers = loop {
            tokio::select! {
                answers = &mut work => break answers,
                () = tokio::time::sleep(self.keep_every()) => {
                    // If Redis is away, the work goes on all the same; acknowledging it will tell.
                    let _ = group.keep(&ids(hand)).await;
                }
            }
        };
        let Ok(answers) = answers else {
            tracing::error!(
                entries = hand.len(),
                "accepting sends of the stream panicked; they stay pending"
            );
            return None;
        };
        let mut answers = answers.into_iter();
        let answer = |entry: &Entry| match entry.send {
            Some(_) => answers.next().unwrap_or(Verdict::Broken),
            None => rejected::no_send(),
        };
        Some(hand.iter().map(answer).collect())
    }

    /// Rejects, acknowledges, and returns what has to be asked again. Broken ones are left pending and come back as stuck
    /// entries; unless all are broken, which is no entry's fault.
    async fn settle(
        &mut self,
        hand: Vec<Entry>,
        verdicts: Vec<Verdict>,
        group: &mut Group,
    ) -> RedisResult<Vec<Entry>> {
        let (mut done, mut refused, mut later) = (Vec::new(), Vec::new(), Vec::new());
        let nobodys_fault = hand.len() > 1 && verdicts.iter().all(|verdict| *verdict == Verdict::Broken);
        for (entry, verdict) in hand.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Accepted | Verdict::Same => done.push((entry.id, verdict)),
                Verdict::Rejected(problem) => refused.push((entry, problem)),
                Verdict::Broken if !nobodys_fault => {
                    tracing::error!(entry = entry.id, "an internal error; the entry stays pending");
                }
                Verdict::Later | Verdict::Broken => later.push(entry),
            }
        }
        let stored: Vec<String> = done.iter().map(|(id, _)| id.clone()).collect();
        group.done(&stored).await?;
        for (_, verdict) in &done {
            self.metrics.ended(verdict);
        }
        self.reject(refused, group).await?;
        Ok(later)
    }

    /// Writes rejections down, then acknowledges them.
    pub(super) async fn reject(
        &mut self,
        refused: Vec<(Entry, String)>,
        group: &mut Group,
    ) -> RedisResult<()> {
        self.rejected.put(&refused).await?;
        let ids: Vec<String> = refused.iter().map(|(entry, _)| entry.id.clone()).collect();
        group.done(&ids).await?;
        if let Some(first) = ids.first() {
            tracing::warn!(
                count = ids.len(),
                first,
                "sends of the stream were rejected: see vigie:sends:rejected"
            );
        }
        for (_, problem) in refused {
            self.metrics.ended(&Verdict::Rejected(problem));
        }
        Ok(())
    }

    fn keep_every(&self) -> Duration {
        self.pace.stuck_after / KEPT_IN_STUCK
    }
}

fn ids(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| entry.id.clone()).collect()
}
