//! Time-driven work, shared by the living gateways.
//!
//! Every [`BEAT`] a gateway says that it lives, hears who else does, and reads the flow settings; partition `p` belongs to
//! the `p mod n`-th of the `n` living gateways by name. Each [`BEAT`] it also asks its partitions for their next timer, and
//! in between it sleeps towards the earliest one it knows: timers that it set itself it knows at once. So a timer set by
//! another gateway is late by [`BEAT`] at most, and the partitions of a gateway that died are taken over after [`ALIVE`].
//! Two gateways that look at one partition at the same time do no harm: a tick is atomic.
//!
//! Idle, this costs a Redis two `ZRANGE` for each partition and four commands for each gateway, every [`BEAT`].

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::{Value, cmd};
use tokio::sync::{Notify, watch};

use crate::clock::Clock;
use crate::model::{Cause, ClaimId, FlowScope, FlowSetting, Flows};
use crate::store::time::{Millis, NEVER, millis, timestamp};
use crate::store::{StoreError, Ticked};

use super::Inner;
use super::fault::Fault;
use super::keys::{FLOWS, GATEWAYS, scope};
use super::library::functions;
use super::reply::{Reply, number};
use super::router::{Lane, Place};

/// How often a gateway says that it lives and looks at what others have changed.
pub(super) const BEAT: Duration = Duration::from_millis(500);

/// A gateway that was not heard of for so long is dead.
pub(super) const ALIVE: Duration = Duration::from_secs(2);

/// Partitions whose tick is asked for at the same time.
const AT_ONCE: usize = 16;

/// What a gateway knows of time.
#[derive(Debug)]
pub(super) struct Turns {
    clock: Clock,
    /// Takes no share.
    guest: bool,
    name: String,
    /// Server time minus ours, in milliseconds.
    offset: AtomicI64,
    /// When each partition's next timer comes, by the server's clock.
    heads: Vec<AtomicI64>,
    /// Which partitions are ours.
    ours: Vec<AtomicBool>,
    /// Which partitions' timers cannot be read, as far as that was said.
    broken: Vec<AtomicBool>,
    /// When the next flow runs again by itself, by our clock.
    opens: AtomicI64,
    earlier: Notify,
    flows: watch::Sender<Arc<Flows>>,
    /// The last tick and the partitions it asked, in case it comes again.
    last: Mutex<(Option<ClaimId>, Vec<usize>)>,
}

impl Turns {
    /// Nothing is known yet.
    pub(super) fn new(partitions: u16, clock: Clock, guest: bool) -> Self {
        let all = || 0..partitions;
        Self {
            clock,
            guest,
            name: uuid::Uuid::now_v7().to_string(),
            offset: AtomicI64::new(0),
            heads: all().map(|_| AtomicI64::new(NEVER)).collect(),
            ours: all().map(|_| AtomicBool::new(false)).collect(),
            broken: all().map(|_| AtomicBool::new(false)).collect(),
            opens: AtomicI64::new(NEVER),
            earlier: Notify::new(),
            flows: watch::Sender::default(),
            last: Mutex::default(),
        }
    }

    /// The server's time, as far as we know.
    pub(super) fn server_now(&self) -> Millis {
        millis(self.clock.now()).saturating_add(self.offset.load(Ordering::Relaxed))
    }

    /// Our clock and the server's differ by this; whoever sleeps by it looks again.
    fn set_offset(&self, offset: Millis) {
        if self.offset.swap(offset, Ordering::Relaxed) != offset {
            self.earlier.notify_waiters();
        }
    }

    /// The settings as last read.
    pub(super) fn flows(&self) -> watch::Receiver<Arc<Flows>> {
        self.flows.subscribe()
    }

    /// The settings that hold something back now.
    pub(super) fn held_back(&self) -> Vec<String> {
        let flows = self.flows.borrow();
        if flows.settings.is_empty() {
            return Vec::new();
        }
        let now = self.clock.now();
        flows
            .settings
            .iter()
            .filter(|(_, setting)| setting.paused(now))
            .map(|(scope, _)| super::keys::flow(scope))
            .collect()
    }

    /// A function set a timer (zero: none).
    pub(super) fn hint(&self, partition: u16, alarm: Millis) {
        if alarm > 0
            && !self.guest
            && self.heads[usize::from(partition)].fetch_min(alarm, Ordering::Relaxed) > alarm
        {
            self.earlier.notify_waiters();
        }
    }

    /// Takes over settings, and looks at everything again: what was held back may run.
    fn follow(&self, flows: Flows) {
        let changed = self.flows.send_if_modified(|known| {
            let changed = **known != flows;
            if changed {
                *known = Arc::new(flows);
            }
            changed
        });
        if changed {
            self.look_again();
        }
    }

    /// A setting that this gateway made itself.
    pub(super) fn set_flow(&self, scope: FlowScope, setting: FlowSetting) {
        let mut flows = (**self.flows.borrow()).clone();
        flows.settings.insert(scope, setting);
        self.follow(flows);
    }

    fn look_again(&self) {
        let now = self.clock.now();
        let flows = self.flows.borrow();
        let ends =
            flows.settings.values().filter(|setting| setting.paused(now)).filter_map(|setting| setting.until);
        self.opens.store(ends.map(millis).min().unwrap_or(NEVER), Ordering::Relaxed);
        for (head, ours) in self.heads.iter().zip(&self.ours) {
            if ours.load(Ordering::Relaxed) {
                head.store(0, Ordering::Relaxed);
            }
        }
        self.earlier.notify_waiters();
    }

    /// The timers of a partition cannot be read, now or later: said once.
    fn complain(&self, partition: usize, fault: &Fault) {
        if !self.broken[partition].swap(true, Ordering::Relaxed) {
            tracing::error!("time stands still in partition {partition}, its timers cannot be read: {fault}");
        }
    }

    /// When something comes next, by our clock.
    fn next(&self) -> Millis {
        let head = self.heads.iter().map(|head| head.load(Ordering::Relaxed)).min().unwrap_or(NEVER);
        let head =
            if head == NEVER { NEVER } else { head.saturating_sub(self.offset.load(Ordering::Relaxed)) };
        head.min(self.opens.load(Ordering::Relaxed))
    }

    /// Waits until a partition's timer has come or a flow runs again.
    pub(super) async fn due(&self) {
        loop {
            let earlier = self.earlier.notified();
            tokio::pin!(earlier);
            earlier.as_mut().enable();
            let next = self.next();
            if next <= millis(self.clock.now()) {
                return;
            }
            tokio::select! {
                () = self.clock.sleep_until(timestamp(next)) => {}
                () = &mut earlier => {}
            }
        }
    }

    /// The partitions whose timers have come.
    fn due_now(&self) -> Vec<usize> {
        if self.opens.load(Ordering::Relaxed) <= millis(self.clock.now()) {
            self.look_again();
        }
        let now = self.server_now();
        let due = |(at, head): (usize, &AtomicI64)| (head.load(Ordering::Relaxed) <= now).then_some(at);
        self.heads.iter().enumerate().filter_map(due).collect()
    }

    /// Takes over our share of the partitions; tells which are newly ours.
    fn share(&self, mut gateways: Vec<String>) -> Vec<usize> {
        gateways.sort_unstable();
        let mut fresh = Vec::new();
        let mine = gateways.iter().position(|name| *name == self.name);
        for (number, ours) in self.ours.iter().enumerate() {
            let is_ours = mine.is_some_and(|mine| number % gateways.len() == mine);
            if is_ours && !ours.load(Ordering::Relaxed) {
                fresh.push(number);
            }
            ours.store(is_ours, Ordering::Relaxed);
        }
        fresh
    }
}

impl Inner {
    /// Beats until the store is closed.
    pub(super) async fn keep_beating(self: Arc<Self>) {
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        beat.tick().await;
        let mut said = false;
        loop {
            beat.tick().await;
            match self.beat().await {
                Err(error @ StoreError::Unfit(_)) if !said => {
                    said = true;
                    tracing::error!(%error, "the store is not what it was");
                }
                Err(error) => tracing::debug!(%error, "the store was not heard of"),
                Ok(()) => said = false,
            }
        }
    }

    /// One beat: we live; who else does; what the flows are; when our partitions' timers come. Of a cluster, the server
    /// that has what all share may be away, and others have work to do.
    pub(super) async fn beat(&self) -> Result<(), StoreError> {
        let heard = self.hear_of_others().await;
        self.read_heads().await;
        heard
    }

    async fn hear_of_others(&self) -> Result<(), StoreError> {
        let before = self.turns.clock.now();
        let mut answer =
            Reply::of(self.beat_call(if self.turns.guest { Duration::ZERO } else { ALIVE }).await?)?;
        let server = answer.int()?;
        let after = self.turns.clock.now();
        // A clock that was moved between question and answer says nothing about the other one.
        if after.duration_since(before) < jiff::SignedDuration::from_millis(250) {
            self.turns.set_offset(server - millis(after));
        }
        let mut gateways = Vec::new();
        while !answer.is_empty() {
            gateways.push(answer.text()?);
        }
        let fresh = self.turns.share(gateways);
        self.read_held(fresh).await;
        self.read_flows().await?;
        self.keep_meta().await
    }

    /// Signs off: the others take over at once.
    pub(super) async fn sign_off(&self) -> Result<(), StoreError> {
        self.beat_call(Duration::ZERO).await.map(drop)
    }

    async fn beat_call(&self, alive: Duration) -> Result<Value, StoreError> {
        let mut call = cmd("FCALL");
        call.arg(&functions().beat)
            .arg(1)
            .arg(GATEWAYS)
            .arg(&self.turns.name)
            .arg(alive.as_millis().to_string());
        Ok(self.router.call(Lane::Control, Place::of(GATEWAYS.as_bytes()), call).await?)
    }

    async fn read_flows(&self) -> Result<(), StoreError> {
        let mut read = cmd("HGETALL");
        read.arg(FLOWS);
        let mut reply = Reply::of(self.router.call(Lane::Control, Place::of(FLOWS.as_bytes()), read).await?)?;
        let mut flows = Flows::default();
        while !reply.is_empty() {
            let (name, setting) = (reply.text()?, reply.bytes()?);
            let setting: Option<FlowSetting> = serde_json::from_slice(&setting).ok();
            match (scope(&name), setting) {
                (Some(scope), Some(setting)) => drop(flows.settings.insert(scope, setting)),
                _ => tracing::error!("vigie:flows holds a setting that cannot be read; it is ignored"),
            }
        }
        self.turns.follow(flows);
        Ok(())
    }

    /// What partitions that are newly ours hold back may have been let go meanwhile: those that hold anything are due.
    /// A partition that does not answer is newly ours with the next beat again.
    async fn read_held(&self, fresh: Vec<usize>) {
        let ask = |number: &usize| {
            let partition = &self.partitions.all()[*number];
            let mut exists = cmd("EXISTS");
            exists.arg(format!("{}:f", partition.tag));
            (partition.place, exists)
        };
        let held = self.router.many(Lane::Control, fresh.iter().map(ask).collect()).await;
        for (number, held) in fresh.into_iter().zip(held) {
            match held {
                Ok(Value::Int(1)) => self.turns.hint(u16::try_from(number).unwrap_or_default(), 1),
                Ok(_) => {}
                Err(_) => self.turns.ours[number].store(false, Ordering::Relaxed),
            }
        }
    }

    async fn read_heads(&self) {
        let ours: Vec<usize> =
            (0..self.turns.ours.len()).filter(|p| self.turns.ours[*p].load(Ordering::Relaxed)).collect();
        let ask = |number: &usize| {
            let partition = &self.partitions.all()[*number];
            ["t", "o"].map(|timers| {
                let mut range = cmd("ZRANGE");
                range.arg(format!("{}:{timers}", partition.tag)).arg(0).arg(0).arg("WITHSCORES");
                (partition.place, range)
            })
        };
        let heads = self.router.many(Lane::Control, ours.iter().flat_map(ask).collect()).await;
        for (number, head) in ours.into_iter().flat_map(|number| [number, number]).zip(heads) {
            match head {
                Ok(head) => {
                    if let Some(when) = first_score(head) {
                        self.turns.hint(u16::try_from(number).unwrap_or_default(), when.max(1));
                    }
                }
                Err(fault @ Fault::Refused(_)) => self.turns.complain(number, &fault),
                Err(_) => {}
            }
        }
    }

    /// Does what time has brought to the partitions that are due.
    pub(super) async fn tick(&self, request: ClaimId, limit: usize) -> Result<Ticked, StoreError> {
        let due = {
            let mut last = self.turns.last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.0 != Some(request) {
                *last = (Some(request), self.turns.due_now());
            }
            last.1.clone()
        };
        let (mut ticked, mut left, mut failed) = (Ticked::default(), limit, None);
        for group in due.chunks(AT_ONCE) {
            if left == 0 {
                break;
            }
            let group = &group[..group.len().min(left)];
            let share = left / group.len();
            let calls = group.iter().map(|number| self.tick_call(*number, request, share)).collect();
            let answers = self.router.many(Lane::Results, calls).await;
            for (number, answer) in group.iter().zip(answers) {
                let answer = answer.map_err(StoreError::from);
                match answer.and_then(|answer| self.take_turn(*number, request, answer, &mut ticked)) {
                    Ok(done) => left = left.saturating_sub(done),
                    Err(error) => {
                        tracing::warn!(partition = number, %error, "time-driven work of one partition is late");
                        failed = Some(error);
                    }
                }
            }
        }
        if let Some(error) = failed.filter(|_| left == limit) {
            return Err(error);
        }
        ticked.more |= !self.turns.due_now().is_empty();
        Ok(ticked)
    }

    fn tick_call(&self, number: usize, request: ClaimId, limit: usize) -> (Place, redis::Cmd) {
        let partition = &self.partitions.all()[number];
        let quiet = self.router.quiet_for(partition.place, self.rules.lease);
        // What others set from here on comes with the next beat.
        self.turns.heads[number].store(NEVER, Ordering::Relaxed);
        let mut call = self.fcall(&functions().tick, partition);
        call.arg(&request.0[..])
            .arg(limit)
            .arg(u64::try_from(quiet.as_millis()).unwrap_or(u64::MAX))
            .arg(self.spans.claims_per_touch)
            .arg(self.spans.lease)
            .arg(self.spans.min_gap)
            .arg(self.spans.scan_grace)
            .arg(self.spans.keep_finished)
            .arg(self.rules.max_attempts)
            .arg(self.turns.server_now());
        self.hold_back(&mut call);
        (partition.place, call)
    }

    /// Reads one partition's tick into the whole; tells how many sends it dealt with.
    fn take_turn(
        &self,
        number: usize,
        request: ClaimId,
        answer: Value,
        ticked: &mut Ticked,
    ) -> Result<usize, StoreError> {
        let mut reply = Reply::of(answer)?;
        let (head, more) = (reply.int()?, reply.int()? == 1);
        let partition = u16::try_from(number).unwrap_or_default();
        self.turns.hint(partition, if more { 1 } else { head });
        let before = ticked.claims.len() + ticked.expired.len() + ticked.ended.len();
        for told in reply.list()?.claims()? {
            ticked.claims.push(self.claim(told, request, Cause::Time)?);
        }
        let mut expired = reply.list()?;
        while !expired.is_empty() {
            ticked.expired.push((expired.send()?, expired.state()?));
        }
        let gone = reply.list()?.gone()?;
        let lapsed = gone.iter().filter(|gone| gone.detail == "deadline");
        ticked.ended.extend(lapsed.map(|gone| (gone.send, gone.state)));
        self.follow_up(gone);
        let mut aside = reply.list()?;
        while !aside.is_empty() {
            let send = aside.send()?;
            tracing::error!(%send, "set aside: its keys in Redis are not what vigie wrote; see the key `x` of its partition");
        }
        Ok(ticked.claims.len() + ticked.expired.len() + ticked.ended.len() - before)
    }
}

fn first_score(range: Value) -> Option<Millis> {
    let mut reply = Reply::of(range).ok()?;
    let first = reply.next().ok()?;
    // RESP3 pairs member and score.
    if let Value::Array(_) = first {
        reply = Reply::of(first).ok()?;
        reply.next().ok()?;
    }
    match reply.next().ok()? {
        #[expect(clippy::cast_possible_truncation, reason = "a score is whole milliseconds")]
        Value::Double(score) => Some(score as Millis),
        Value::BulkString(score) => number(&score),
        _ => None,
    }
}
