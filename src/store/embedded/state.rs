//! The rules of the store as a state machine: no disk, no clock, no locks.
//!
//! Each operation takes the time, changes what is in memory and leaves behind the [`Change`]s that make the same
//! step on disk ([`State::take_changes`]). A send moves between these places:
//!
//! ```text
//!  admit ──▶ Early ──due──▶ Ready ──deadline──▶ Overdue        (waiting: in `queue`, with a timer where time matters)
//!              ▲ ▲            │ touch, enqueue, tick │ tick
//!              │ └─ deferred ─┴──────▶ Claimed ◀─────┘         (`contacts` and `claims` know it, the lease is its timer)
//!              └── released, lease over ─┘  │
//!                                           └─ finish, cancel, lease over after begin ─▶ gone, with an `End`
//! ```
//!
//! [`claim`] takes what is due, [`finish`] ends claims, [`end`] cancels, [`tick`] does what time brings. Overdue sends
//! need no presence, so something must come back for each: either its timer, or its flow in `held` (looked at when
//! the flow opens), or, where one mail decides over the next, the end of the claim that is in its way.

mod calendar;
mod cases;
mod claim;
mod consents;
mod contacts;
mod end;
mod finish;
mod flows;
mod hints;
mod load;
mod look;
mod meters;
mod moving;
mod near;
mod queue;
mod recent;
mod seen;
mod sends;
mod suppressions;
mod tick;
mod waiting;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use crate::model::{
    ClaimId, Consent, FlowScope, FlowSetting, Flows, HistoryEntry, Pass, SendId, SendState, Toll,
};
use crate::redact::foreign;
use crate::store::{Rules, Snapshot};

use calendar::Calendar;
use cases::Cases;
pub(super) use claim::Taken;
use consents::Consents;
use contacts::Contacts;
use flows::FlowTable;
use hints::Hints;
use meters::Meters;
pub(super) use moving::Place;
use queue::Queue;
use recent::Recent;
pub(super) use seen::Seen;
use sends::{Entry, Sends, Slot, Stand};
use suppressions::Suppressions;
pub(super) use tick::Turn;

use super::presence::Presence;
use super::records::{Change, Event, Head, Held, Tally};
use super::time::{EVER, Millis, NEVER, span, timestamp};

/// Everything the store knows without looking at the disk.
#[derive(Debug)]
pub(super) struct State {
    rules: Rules,
    sends: Sends,
    cases: Cases,
    calendar: Calendar,
    queue: Queue,
    timers: BTreeSet<(Millis, Slot)>,
    /// When an overdue send may go, as far as is known. Looked at after all other timers have done their work, so that
    /// the best of a person's overdue sends is known.
    overdue: BTreeSet<(Millis, Slot)>,
    /// Overdue sends that only wait for their flow to open.
    held: BTreeMap<u32, BTreeSet<Slot>>,
    /// The claim in force, or the last one, of each live send that was ever claimed.
    holds: HashMap<Slot, Held>,
    /// What is held under which claim.
    claims: HashMap<ClaimId, Vec<Slot>>,
    contacts: Contacts,
    presence: Presence,
    recent: Recent,
    hints: Hints,
    consents: Consents,
    suppressions: Suppressions,
    flows: FlowTable,
    meters: Meters,
    /// The arrival number of the next send.
    arrivals: u64,
    pub(super) changes: Vec<Change>,
}

impl State {
    /// An empty store under these rules.
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            sends: Sends::new(rules.max_waiting),
            cases: Cases::default(),
            calendar: Calendar::default(),
            queue: Queue::default(),
            timers: BTreeSet::new(),
            overdue: BTreeSet::new(),
            held: BTreeMap::new(),
            holds: HashMap::new(),
            claims: HashMap::new(),
            contacts: Contacts::new(span(rules.min_gap), rules.budgets.clone()),
            presence: Presence::new(span(rules.window), rules.max_online),
            recent: Recent::new(span(rules.recent)),
            hints: Hints::new(span(rules.hint_ttl)),
            consents: Consents::new(),
            suppressions: Suppressions::new(),
            flows: FlowTable::default(),
            meters: Meters::default(),
            arrivals: 0,
            changes: Vec::new(),
            rules,
        }
    }

    /// What the steps since the last call change on disk, in order.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// How many more sends may be admitted.
    pub(super) fn room(&self) -> u64 {
        self.rules.max_waiting.saturating_sub(self.sends.len())
    }

    /// At most this many sends of one person are claimed by one call.
    pub(super) fn claims_per_call(&self) -> usize {
        self.rules.claims_per_touch
    }

    /// The counters of accepted sends, as they will be with these new ones.
    pub(super) fn accepted_after(&self, new: HashMap<FlowScope, u64>) -> Vec<Change> {
        let sum = |(scope, new)| {
            let accepted = self.flows.accepted(&scope) + new;
            Change::Tally(scope, Tally::Accepted(accepted))
        };
        new.into_iter().map(sum).collect()
    }

    /// All counters.
    pub(super) fn snapshot(&self, now: Millis) -> Snapshot {
        Snapshot {
            flows: self.flows.snapshot(),
            cases: self.cases.counts(),
            open: self.calendar.on(now),
            online: self.presence.count(now),
        }
    }

    /// The operators' settings.
    pub(super) fn flow_settings(&self) -> Arc<Flows> {
        self.flows.settings()
    }

    /// Changes one flow's setting. What it held back is looked at by the next [`tick`](Self::tick).
    pub(super) fn set_flow(&mut self, scope: FlowScope, setting: FlowSetting) {
        self.flows.set(scope, setting);
    }

    /// Takes a token of each flow that is limited, or of none.
    pub(super) fn take(&mut self, send: SendId, tolls: &[Toll], now: Millis) -> Pass {
        self.meters.take(send, tolls, &self.flows.settings(), now, &mut self.changes)
    }

    /// Records what a person said.
    pub(super) fn consent(&mut self, consent: &Consent, now: Millis) {
        self.consents.set(consent.recipient, &consent.grantee, consent.granted);
        if !consent.granted {
            // What is known of their presence may come from the very pixel they object to.
            self.presence.away(consent.recipient, now);
            self.hints.forget(consent.recipient);
            self.changes.push(Change::NoHours(consent.recipient));
            self.unaim(consent.recipient, now);
        }
    }

    /// A live send's record as it stands now.
    fn head(&self, slot: Slot) -> Head {
        let entry = self.sends.at(slot);
        let scope = self.flows.scope(entry.flow);
        Head {
            recipient: entry.recipient,
            brand: scope.brand.clone(),
            campaign: scope.campaign.clone(),
            case: entry.case,
            priority: entry.priority,
            due: entry.due,
            deadline: entry.deadline,
            aimed: (entry.aimed != NEVER).then_some(entry.aimed),
            on_deadline: entry.on_deadline,
            on_uncertain: entry.on_uncertain,
            arrival: entry.arrival,
            attempts: entry.attempts,
            events: entry.events,
            dated: entry.dated,
            accepted_on: entry.accepted_on,
            forgotten: entry.forgotten,
            leaves: entry.leaves,
            held: self.holds.get(&slot).copied(),
        }
    }

    /// Notes that a live send's record changed.
    fn save(&mut self, slot: Slot) {
        let head = self.head(slot);
        self.changes.push(Change::Head(self.sends.at(slot).id, head));
    }

    /// Notes a line of a live send's history. The text comes from callers and relays, so addresses are taken out.
    fn note(&mut self, slot: Slot, now: Millis, event: &str, detail: &str) {
        let entry = self.sends.at_mut(slot);
        entry.events = entry.events.saturating_add(1);
        let line = HistoryEntry { at: timestamp(now), event: event.to_owned(), detail: foreign(detail) };
        self.changes.push(Change::Event(entry.id, Event { n: entry.events, line }));
    }

    /// The claim on this entry is over, for the given `finish` (or zero).
    fn unclaim(&mut self, slot: Slot, finish: u64) {
        let who = self.sends.at(slot).recipient;
        self.set_timer(slot, NEVER);
        self.contacts.unclaimed(who, slot);
        let Some(held) = self.holds.get_mut(&slot) else { return };
        held.ended = Some(finish);
        if let Some(slots) = self.claims.get_mut(&held.claim) {
            slots.retain(|other| *other != slot);
            if slots.is_empty() {
                self.claims.remove(&held.claim);
            }
        }
    }

    /// A claimed entry waits again; its claim was ended before. Whoever was forgotten meanwhile gets nothing more, nor does
    /// whoever gets no more mail; and what was to leave while it was handed over leaves now.
    fn come_back(&mut self, slot: Slot, now: Millis) -> SendState {
        let (flow, who) = (self.sends.at(slot).flow, self.sends.at(slot).recipient);
        if let Some(to) = self.sends.at(slot).leaves {
            let why =
                if to == SendState::Cancelled { "its case was settled" } else { "its case left e-mail" };
            self.finalise(slot, SendState::Claimed, to, now, why);
            return to;
        }
        if self.sends.at(slot).forgotten {
            self.finalise(slot, SendState::Claimed, SendState::Cancelled, now, "forgotten");
            return SendState::Cancelled;
        }
        if let Some(words) = self.stopped(slot) {
            self.finalise(slot, SendState::Claimed, SendState::HandedOff, now, words);
            return SendState::HandedOff;
        }
        self.shelve(slot, now);
        self.flows.shift(flow, SendState::Claimed, SendState::Waiting);
        self.save(slot);
        self.rewake(who, now);
        SendState::Waiting
    }
}

/// The moment a specification names, or the one that stands for none.
fn moment(at: Option<Timestamp>, none: Millis) -> Millis {
    at.map_or(none, super::time::millis)
}
