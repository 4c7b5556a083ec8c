//! Time-driven work, shared by the living gateways.
//!
//! Every [`BEAT`] a gateway says that it lives, hears who else does, and reads the flow settings; partition `p` belongs to
//! the `p mod n`-th of the `n` living gateways by name. Each [`BEAT`] it also asks its partitions for their next timer, and
//! in between it sleeps towards the earliest one it knows: timers that it set itself it knows at once. So a timer set by
//! another gateway is late by [`BEAT`] at most, and the partitions of a gateway that died are taken over after [`ALIVE`].
//! Two gateways that look at one partition at the same time do no harm: a tick is atomic.
//!
//! Idle, this costs a Redis three `ZRANGE` and a quarter of a `HGET` for each partition and five commands for each gateway,
//! every [`BEAT`]. [Mailboxes](mailboxes) to watch are shared the same way.

mod beat;
pub(super) mod mailboxes;
mod tick;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use self::mailboxes::Watched;
use super::fault::Fault;
use crate::clock::Clock;
use crate::model::{ClaimId, FlowScope, FlowSetting, Flows};
use crate::store::time::{Millis, NEVER, millis, timestamp};

/// How often a gateway says that it lives and looks at what others have changed.
pub(super) const BEAT: Duration = Duration::from_millis(500);

/// A gateway that was not heard of for so long is dead.
pub(super) const ALIVE: Duration = Duration::from_secs(2);

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
    /// Which partitions have not said what they hold, since they are ours or since a tick was not answered.
    unread: Vec<AtomicBool>,
    /// Which partitions' timers cannot be read, as far as that was said.
    broken: Vec<AtomicBool>,
    /// When the next flow runs again by itself, by our clock.
    opens: AtomicI64,
    earlier: Notify,
    flows: watch::Sender<Arc<Flows>>,
    /// The mailboxes of our partitions.
    pub(super) mailboxes: Watched,
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
            unread: all().map(|_| AtomicBool::new(false)).collect(),
            broken: all().map(|_| AtomicBool::new(false)).collect(),
            opens: AtomicI64::new(NEVER),
            earlier: Notify::new(),
            flows: watch::Sender::default(),
            mailboxes: Watched::new(partitions),
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
        // Not only ours: one that changes hands now was asked by the other gateway before it knew.
        if !self.guest {
            for head in &self.heads {
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

    /// Takes over our share of the partitions.
    fn share(&self, mut gateways: Vec<String>) {
        gateways.sort_unstable();
        let mine = gateways.iter().position(|name| *name == self.name);
        for (number, ours) in self.ours.iter().enumerate() {
            let is_ours = mine.is_some_and(|mine| number % gateways.len() == mine);
            let was_ours = ours.swap(is_ours, Ordering::Relaxed);
            if is_ours && !was_ours {
                self.lose_sight(number);
            }
            if was_ours && !is_ours {
                self.mailboxes.leave(number);
            }
        }
    }

    /// The numbers of our partitions.
    pub(super) fn our_partitions(&self) -> Vec<u16> {
        let ours = self.ours.iter().zip(0..);
        ours.filter_map(|(ours, number)| ours.load(Ordering::Relaxed).then_some(number)).collect()
    }

    /// Nobody knows what this partition has due: the next beat asks.
    fn lose_sight(&self, partition: usize) {
        self.unread[partition].store(true, Ordering::Relaxed);
    }

    /// The partitions to ask what they hold.
    fn out_of_sight(&self) -> Vec<usize> {
        let unread = self.unread.iter().enumerate();
        unread.filter_map(|(at, unread)| unread.swap(false, Ordering::Relaxed).then_some(at)).collect()
    }
}
