//! What every step needs: the servers, the rules, and what all calls have in common.

use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use redis::{Cmd, ToRedisArgs, Value, cmd};
use tokio::sync::mpsc;

use super::Options;
use super::events::Events;
use super::figures::Figures;
use super::keys::{Partition, Partitions};
use super::library::functions;
use super::moving::{Gate, Scanned};
use super::reply::{Gone, Reply, Told};
use super::router::{Lane, Place, Router, Safe};
use super::server::Sync;
use super::turns::Turns;
use crate::model::{Budget, Cause, Claim, ClaimId, ConsentRule, SendId, SendSpec, SendState};
use crate::store::time::span;
use crate::store::{Rules, StoreError, Wait};

/// How long a server may take to write to its disk: with `appendfsync everysec` a second, and some.
const ON_DISK: Duration = Duration::from_secs(2);

/// What every step needs.
pub(super) struct Inner {
    pub(super) router: Router,
    pub(super) partitions: Partitions,
    pub(super) rules: Rules,
    pub(super) spans: Spans,
    pub(super) options: Options,
    pub(super) turns: Turns,
    pub(super) sync: Sync,
    /// Ids whose index entries get their time to live.
    pub(super) gone: mpsc::Sender<SendId>,
    pub(super) events: Events,
    pub(super) figures: OnceLock<Figures>,
    pub(super) gate: Gate,
    pub(super) scanned: Scanned,
    pub(super) closed: AtomicBool,
}

/// The rules as functions take them: milliseconds and counts.
pub(super) struct Spans {
    pub(super) window: i64,
    /// The width of the slices in which the present are counted.
    pub(super) slice: i64,
    /// How far back the rules look that say how often one person is written to.
    pub(super) memory: i64,
    /// These rules, as `lua/pace.lua` reads them.
    pub(super) pace: String,
    pub(super) recent: i64,
    pub(super) best_hour: i64,
    pub(super) lease: i64,
    pub(super) keep_finished: i64,
    pub(super) keep_cases: i64,
    /// How long finished sends and closed cases stay, as functions take it.
    pub(super) keep: String,
    pub(super) claims_per_touch: usize,
    /// The rules that most touches do not need, as `lua/touch.lua` reads them.
    pub(super) touching: String,
    /// Most live sends of one partition.
    pub(super) most_live: u64,
}

impl Spans {
    pub(super) fn new(rules: &Rules, partitions: u16) -> Self {
        let window = span(rules.window);
        let keep_cases = span(rules.keep_cases.max(rules.keep_finished));
        Self {
            window,
            slice: (window / 16).max(1),
            memory: memory(rules),
            pace: pace(rules),
            recent: span(rules.recent),
            best_hour: span(rules.best_hour),
            lease: span(rules.lease),
            keep_finished: span(rules.keep_finished),
            keep_cases,
            keep: format!("{} {keep_cases}", span(rules.keep_finished)),
            claims_per_touch: rules.claims_per_touch,
            touching: touching(rules),
            most_live: rules.max_waiting.div_ceil(partitions.into()),
        }
    }
}

fn touching(rules: &Rules) -> String {
    let (most, lease) = (rules.claims_per_touch, span(rules.lease));
    let (landed, threshold, ttl) = (span(rules.landed_within), rules.fire_threshold, span(rules.hint_ttl));
    let (echo, history, width) =
        (span(rules.echo), u8::from(rules.history), (span(rules.window) / 16).max(1));
    let pace = pace(rules);
    format!("{most} {lease} {landed} {threshold} {ttl} {echo} {history} {width} {pace}")
}

fn memory(rules: &Rules) -> i64 {
    let longest = rules.budgets.all().map(|budget| span(budget.within)).max();
    span(rules.min_gap).max(longest.unwrap_or_default())
}

fn pace(rules: &Rules) -> String {
    let (gap, budgets) = (span(rules.min_gap), &rules.budgets);
    if budgets.all().next().is_none() {
        return gap.to_string();
    }
    let listed = |budgets: &[Budget]| {
        let each = budgets.iter().map(|budget| format!("{}:{}", budget.at_most, span(budget.within)));
        each.collect::<Vec<_>>().join(",")
    };
    let brands = budgets.brands.iter().filter(|(_, budgets)| !budgets.is_empty());
    let brands: Vec<_> = brands.map(|(brand, budgets)| format!("{brand} {}", listed(budgets))).collect();
    format!("{gap}|{}|{}|{}", memory(rules), listed(&budgets.together), brands.join(";"))
}

impl Inner {
    pub(super) fn follow_figures(&self) {
        if let Some(figures) = self.figures.get() {
            figures.follow(self.router.healthy(), self.router.counts(), self.events.left());
        }
    }

    /// What to wait for behind new sends, for them to be as safe as was asked.
    pub(super) fn safe(&self, wait: Wait) -> Result<Option<Safe>, StoreError> {
        let Options { replicas, replicas_within: within, .. } = self.options;
        let copies = (replicas > 0).then_some(Safe::Replicas { count: replicas, within });
        match (wait, self.sync) {
            (Wait::Stored, _) | (Wait::Durable, Sync::Always) => Ok(copies),
            (Wait::Durable, Sync::OnRequest) => Ok(Some(Safe::Disk { replicas, within: ON_DISK })),
            (Wait::Durable, Sync::Unknown) if copies.is_some() => Ok(copies),
            (Wait::Durable, Sync::Unknown) => Err(StoreError::CannotWait(
                "this Redis cannot say when a send is on its disk: set `appendfsync always`, use Redis 7.2 or Valkey, or \
                 wait for a replica with store.enqueue_wait"
                    .into(),
            )),
        }
    }

    /// Commands that must be so safe.
    pub(super) async fn write(
        &self,
        commands: Vec<(Place, Cmd)>,
        safe: Option<Safe>,
    ) -> Result<Vec<Value>, StoreError> {
        let answers = match safe {
            Some(safe) => self.router.many_then_wait(commands, safe).await,
            None => self.router.many(Lane::Enqueue, commands).await,
        };
        answers.into_iter().map(|answer| answer.map_err(StoreError::from)).collect()
    }

    /// Says a step again that may be repeated, and waits until it is as safe as an enqueue; nothing where an enqueue waits
    /// for nothing. Said before without waiting: where replicas are missing the answer is only that, and what the step
    /// had to tell of sends that are gone would be lost with it. Said again, not just waited for: a server that became
    /// the primary in between may not have it.
    pub(super) async fn confirm(&self, place: Place, step: Cmd) -> Result<Option<Value>, StoreError> {
        let safe @ Some(_) = self.safe(Wait::Stored)? else { return Ok(None) };
        Ok(self.write(vec![(place, step)], safe).await?.pop())
    }

    pub(super) async fn call(
        &self,
        lane: Lane,
        partition: &Partition,
        call: Cmd,
    ) -> Result<Value, StoreError> {
        Ok(self.router.call(lane, partition.place, call).await?)
    }

    /// The flows held back now, as last arguments.
    pub(super) fn hold_back(&self, call: &mut Cmd) {
        for flow in self.turns.held_back() {
            call.arg(flow);
        }
    }

    /// Whether the mail may carry a pixel: what the person said to the brand, or its rule.
    pub(super) fn tracked(&self, spec: &SendSpec, said: Option<bool>) -> bool {
        let rule = self.rules.brands.consent(&spec.brand);
        said.unwrap_or(rule == ConsentRule::Presumed)
    }

    /// The claims that were told. One whose payload cannot be read is left out: it comes back by its lease, and the others
    /// go on.
    pub(super) fn claims(&self, told: Vec<Told>, request: ClaimId, cause: Cause) -> Vec<Claim> {
        let read = |told: Told| {
            let send = told.send;
            let claim = told.parse(request, cause, |spec, said| self.tracked(spec, said));
            claim.inspect_err(|error| tracing::error!(%send, %error, "a claimed send cannot be read")).ok()
        };
        told.into_iter().filter_map(read).collect()
    }

    /// Tells of sends of a partition that are gone, and lets their index entries go in time.
    pub(super) fn follow_up(&self, number: u16, gone: Vec<Gone>) {
        let partition = &self.partitions.all()[usize::from(number)];
        if gone.iter().any(|gone| gone.state == SendState::HandedOff) {
            // Its case may have left with it.
            self.outbox_has(number);
        }
        for gone in gone {
            // A full queue leaves an entry without end; see `after`.
            let _ = self.gone.try_send(gone.send);
            self.tell_end(partition, gone);
        }
    }

    /// An answer that ends in an alarm and what is gone.
    pub(super) fn conclude(&self, who: u16, mut reply: Reply) -> Result<(), StoreError> {
        self.turns.hint(who, reply.int()?);
        self.follow_up(who, reply.gone()?);
        Ok(())
    }

    /// The slice of the presence window it is now.
    pub(super) fn slice(&self) -> i64 {
        self.turns.server_now() / self.spans.slice
    }

    pub(super) fn number(&self, partition: &Partition) -> u16 {
        let at = self.partitions.all().iter().position(|other| other.tag == partition.tag);
        u16::try_from(at.unwrap_or_default()).unwrap_or_default()
    }
}

/// Sets a field of one of our own hashes, also when memory is short.
pub(super) fn set(hash: &str, field: &str, to: impl ToRedisArgs) -> (Place, Cmd) {
    let mut set = cmd("FCALL");
    set.arg(&functions().set).arg(1).arg(hash).arg(field).arg(to);
    (Place::of(hash.as_bytes()), set)
}
