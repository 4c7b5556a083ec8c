//! Commands on their way to their answers, in as many rounds as the servers ask for.
//!
//! A round sends all that is open, one pipeline per server, and hears the replies. What is answered is done; what was
//! redirected, or put off, stays open for the next round. One deadline counts for all of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use redis::{Arg, Cmd, Pipeline, Value};
use tokio::time::{Instant, sleep_until};

use super::super::fault::Fault;
use super::answer::Answer;
use super::place::Place;
use super::primary::Primary;
use super::safe::Safe;
use super::together::all;
use super::{Core, Lane};

/// Commands in one pipeline: a quarter of what may be under way on a link.
const CHUNK: usize = 1024;

/// Redirections followed without a pause. Two servers that each take the other for the owner are not asked in a circle.
const HOPS: u32 = 4;

/// The first and the longest pause before a server is asked again; up to twice as much with the jitter.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// The commands of one call.
pub(super) struct Batch<'a> {
    core: &'a Core,
    lane: Lane,
    safe: Option<Safe>,
    items: Vec<Item>,
}

struct Item {
    place: Place,
    command: Cmd,
    answer: Option<Result<Value, Fault>>,
    /// Whom to ask in the next round, in place of the owner.
    ask: Option<Arc<Primary>>,
    /// The library was loaded for it before.
    loaded: bool,
    /// Why it is still open, and whose fault that is.
    put_off: Option<(Fault, Arc<Primary>)>,
}

/// The part of a round that one server gets.
struct Group {
    to: Arc<Primary>,
    asking: bool,
    /// How often the library was loaded there before.
    seen: u64,
    items: Vec<usize>,
}

/// When the next round begins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Next {
    /// Everything is answered.
    Never,
    /// Something is to be sent elsewhere.
    Now,
    /// A server asked for patience.
    AfterPause,
}

impl<'a> Batch<'a> {
    /// Nothing is sent yet.
    pub(super) fn new(core: &'a Core, lane: Lane, commands: Vec<(Place, Cmd)>, safe: Option<Safe>) -> Self {
        let item =
            |(place, command)| Item { place, command, answer: None, ask: None, loaded: false, put_off: None };
        Self { core, lane, safe, items: commands.into_iter().map(item).collect() }
    }

    /// [`settle`](Self::settle) for a batch of one.
    pub(super) async fn settle_one(self) -> Result<Value, Fault> {
        let mut answers = self.settle().await;
        answers.pop().expect("as many answers as commands, which is one")
    }

    /// Goes on until all is answered, or patience is at its end.
    pub(super) async fn settle(mut self) -> Vec<Result<Value, Fault>> {
        let deadline = Instant::now() + self.lane.patience();
        let pauses = ExponentialBuilder::default().with_min_delay(PAUSES.0).with_max_delay(PAUSES.1);
        let mut pauses = pauses.without_max_times().with_jitter().build();
        let mut hops = 0;
        loop {
            let next = self.round().await;
            let now = Instant::now();
            if next == Next::Never || now >= deadline {
                return self.items.into_iter().map(|item| item.answered(self.lane)).collect();
            }
            hops += 1;
            if next == Next::AfterPause || hops > HOPS {
                let pause = pauses.next().unwrap_or(PAUSES.1);
                sleep_until(deadline.min(now + pause)).await;
            }
        }
    }

    async fn round(&mut self) -> Next {
        let mut next = Next::Never;
        let groups = self.groups(&mut next);
        let replies = all(groups.iter().map(|group| self.send(group))).await;
        for (group, replies) in groups.iter().zip(replies) {
            for (&index, reply) in group.items.iter().zip(replies) {
                let answer = reply.map_or_else(
                    |fault| Answer::Final(Err(fault)),
                    |value| Answer::read(value, &group.to.address),
                );
                next = next.max(self.heed(index, answer, &group.to, group.seen).await);
            }
        }
        next
    }

    /// What is open, by server.
    fn groups(&mut self, next: &mut Next) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for (index, item) in self.items.iter_mut().enumerate().filter(|(_, item)| item.answer.is_none()) {
            let (asked, owner) = (item.ask.take(), self.core.owner(item.place));
            let asking = asked.is_some();
            let Some(to) = asked.or(owner) else {
                self.core.suspect();
                *next = Next::AfterPause;
                continue;
            };
            let known = groups.iter().position(|group| group.asking == asking && Arc::ptr_eq(&group.to, &to));
            let known = known.unwrap_or_else(|| {
                groups.push(Group { seen: to.loads(), to, asking, items: Vec::new() });
                groups.len() - 1
            });
            groups[known].items.push(index);
        }
        groups
    }

    async fn send(&self, group: &Group) -> Vec<Result<Value, Fault>> {
        let mut replies = Vec::with_capacity(group.items.len());
        for chunk in group.items.chunks(CHUNK) {
            replies.extend(self.send_chunk(group, chunk).await);
        }
        replies
    }

    async fn send_chunk(&self, group: &Group, chunk: &[usize]) -> Vec<Result<Value, Fault>> {
        let mut pipeline = Pipeline::with_capacity(2 * chunk.len());
        for &index in chunk {
            if group.asking {
                pipeline.cmd("ASKING");
            }
            pipeline.add_command(self.items[index].command.clone());
        }
        let mut extra = Duration::ZERO;
        if let Some(safe) = self.safe {
            pipeline.add_command(safe.command());
            extra = safe.within();
        }
        let mut replies = match group.to.link(self.lane).many(&pipeline, extra).await {
            Ok(replies) => replies,
            Err(fault) => {
                self.core.suspect();
                return vec![Err(fault); chunk.len()];
            }
        };
        let safe = self.safe.map_or(Ok(()), |safe| safe.judge(replies.pop()));
        let own = replies.into_iter().skip(usize::from(group.asking)).step_by(1 + usize::from(group.asking));
        own.map(|reply| match (&safe, &reply) {
            (Err(fault), reply) if !matches!(reply, Value::ServerError(_)) => Err(fault.clone()),
            _ => Ok(reply),
        })
        .collect()
    }

    /// Does what an answer asks for, and says when the command's next round may be.
    pub(super) async fn heed(
        &mut self,
        index: usize,
        answer: Answer,
        from: &Arc<Primary>,
        seen: u64,
    ) -> Next {
        let (core, lane) = (self.core, self.lane);
        let item = &mut self.items[index];
        match answer {
            Answer::Final(answer) => return item.done(answer),
            Answer::Moved(..) | Answer::Ask(_) if !core.cluster => {
                let why = "the server is part of a cluster: name it as redis+cluster://";
                return item.done(Err(Fault::Refused(why.into())));
            }
            Answer::Moved(slot, to) => core.moved(Place(slot), &to, from),
            Answer::Ask(_) if is_function(&item.command) => {
                let why = "a partition is moving from one server of the cluster to another";
                return item.put_off(core, Fault::unavailable(why), from);
            }
            Answer::Ask(to) => {
                core.redirected.fetch_add(1, Ordering::Relaxed);
                item.ask = Some(core.primary(&to));
            }
            Answer::Missing if item.loaded => {
                return item.done(Err(Fault::Refused("the library lacks a function".into())));
            }
            Answer::Missing => {
                item.loaded = true;
                if let Err(fault) = from.load(&core.library, Some(seen)).await {
                    return item.done(Err(fault));
                }
            }
            Answer::Again(fault) => return item.put_off(core, fault, from),
            Answer::Astray(fault) => {
                core.suspect();
                if !core.cluster {
                    from.link(lane).replace();
                }
                return item.put_off(core, fault, from);
            }
        }
        Next::Now
    }
}

/// A function touches many keys of its partition, of which it declares only the tag. While they move, each server has
/// some, and on either it would run with half of them. So it waits until all have moved; the server that gives them
/// away answers `ASK` all the time, since the tag itself is never a key.
fn is_function(command: &Cmd) -> bool {
    matches!(command.args_iter().next(), Some(Arg::Simple(b"FCALL" | b"FCALL_RO")))
}

impl Item {
    fn done(&mut self, answer: Result<Value, Fault>) -> Next {
        self.answer = Some(answer);
        Next::Never
    }

    fn put_off(&mut self, core: &Core, fault: Fault, by: &Arc<Primary>) -> Next {
        core.postponed.fetch_add(1, Ordering::Relaxed);
        self.put_off = Some((fault, Arc::clone(by)));
        Next::AfterPause
    }

    /// The answer; without one, why it was put off last.
    fn answered(self, lane: Lane) -> Result<Value, Fault> {
        self.answer.unwrap_or_else(|| match self.put_off {
            Some((fault, by)) => {
                by.link(lane).fails();
                Err(fault)
            }
            None => Err(Fault::unavailable("no server of the cluster owns the keys")),
        })
    }
}
