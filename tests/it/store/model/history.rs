//! What can happen in a history, and how often.

use std::time::Duration;

use proptest::prelude::*;
use vigie::model::{Hint, HintKind, OnDeadline, Worth};

/// One step of a history. Numbers choose among few people, sends and claims, so that steps meet each other.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Enqueue(Vec<Wish>),
    Touch(Visit),
    Away(u8),
    Unmask(u8),
    Tick { limit: usize },
    Renew(usize),
    Begin(usize),
    Finish(usize, End),
    Cancel(u8),
    Aim { reference: u8, seconds: u16 },
    PutCase { brand: usize, case: u8, who: u8, amount: u8, deadline: Option<u16> },
    Settle { brand: usize, case: u8 },
    HandOff { brand: usize, case: u8 },
    Forget(u8),
    Consent { who: u8, granted: bool },
    Suppress { who: u8, brand: Option<usize> },
    Unsuppress { who: u8, brand: Option<usize> },
    Flow { brand: usize, campaign: bool, paused: bool, until: Option<u16> },
    Pass(u16),
    Reopen,
    Crash,
}

/// A signal: of which person, by a pixel or not, about which of the sends, and which of the [`WORTHS`].
#[derive(Debug, Clone)]
pub(super) struct Visit {
    pub(super) who: u8,
    pub(super) tracked: bool,
    pub(super) about: Option<u8>,
    pub(super) worth: usize,
}

/// What signals are worth here: presence, what mail clients, proxies, prefetchers and mail servers show, and nothing.
pub(super) const WORTHS: [Worth; 8] = [
    Worth::PRESENCE,
    worth(Some(20), Some((0, HintKind::Image, 35)), Some(20)),
    worth(Some(20), Some((0, HintKind::Proxy, 45)), Some(20)),
    worth(None, Some((0, HintKind::Prefetch, 70)), Some(0)),
    worth(None, Some((0, HintKind::Mailbox, 40)), None),
    worth(None, Some((30, HintKind::Click, 75)), None),
    Worth { later: Some((Duration::from_secs(35), Hint { kind: HintKind::Click, percent: 75 })), ..UNSURE },
    worth(Some(35), None, None),
];

const UNSURE: Worth = worth(None, Some((10, HintKind::Click, 30)), None);

const fn worth(fires: Option<u64>, hint: Option<(u64, HintKind, u8)>, lands: Option<u64>) -> Worth {
    const fn seconds(n: Option<u64>) -> Option<Duration> {
        match n {
            Some(n) => Some(Duration::from_secs(n)),
            None => None,
        }
    }
    let hint = match hint {
        Some((from, kind, percent)) => Some((Duration::from_secs(from), Hint { kind, percent })),
        None => None,
    };
    Worth { fires: seconds(fires), hint, later: None, lands: seconds(lands) }
}

/// A send to be accepted; times in seconds from now.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) reference: u8,
    pub(super) priority: i16,
    pub(super) due: Option<u16>,
    pub(super) deadline: Option<u16>,
    pub(super) on_deadline: OnDeadline,
    pub(super) resend: bool,
    pub(super) campaign: bool,
    pub(super) case: bool,
}

/// How a claim ends.
#[derive(Debug, Clone)]
pub(super) enum End {
    Accepted,
    Deferred { seconds: u16, counts: bool },
    Rejected,
    Released,
    Uncertain,
}

fn wish() -> impl Strategy<Value = Wish> {
    let on_deadline = prop_oneof![Just(OnDeadline::Send), Just(OnDeadline::Handoff), Just(OnDeadline::Drop)];
    let times = (prop::option::weighted(0.3, 0..90_u16), prop::option::weighted(0.5, 0..200_u16));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (0..16_u8, -1..2_i16, times, on_deadline, flags).prop_map(
        |(reference, priority, (due, deadline), on_deadline, (resend, campaign, case))| Wish {
            reference,
            priority,
            due,
            deadline,
            on_deadline,
            resend,
            campaign,
            case,
        },
    )
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        3 => Just(End::Accepted),
        2 => (0..60_u16, any::<bool>()).prop_map(|(seconds, counts)| End::Deferred { seconds, counts }),
        1 => Just(End::Rejected),
        1 => Just(End::Released),
        1 => Just(End::Uncertain),
    ]
}

/// Any step, the frequent ones more often.
pub(super) fn step() -> impl Strategy<Value = Step> {
    let people = 0..3_u8;
    prop_oneof![
        12 => prop::collection::vec(wish(), 1..4).prop_map(Step::Enqueue),
        16 => (people.clone(), any::<bool>(), prop::option::weighted(0.5, 0..16_u8), 0..WORTHS.len())
            .prop_map(|(who, tracked, about, worth)| Step::Touch(Visit { who, tracked, about, worth })),
        2 => people.clone().prop_map(Step::Away),
        1 => people.clone().prop_map(Step::Unmask),
        10 => prop_oneof![1 => 1..4_usize, 3 => Just(1000)].prop_map(|limit| Step::Tick { limit }),
        2 => (0..4_usize).prop_map(Step::Renew),
        8 => (0..4_usize).prop_map(Step::Begin),
        12 => ((0..4_usize), end()).prop_map(|(hold, end)| Step::Finish(hold, end)),
        2 => (0..16_u8).prop_map(Step::Cancel),
        4 => (0..2_usize, 0..3_u8, prop_oneof![8 => Just(None), 1 => Just(Some(1_u8))], 0..3_u8, prop::option::of(1..150_u16))
            .prop_map(|(brand, case, other, amount, deadline)| {
                let who = other.map_or(case, |by| (case + by) % 3);
                Step::PutCase { brand, case, who, amount, deadline }
            }),
        1 => (0..2_usize, 0..3_u8).prop_map(|(brand, case)| Step::Settle { brand, case }),
        1 => (0..2_usize, 0..3_u8).prop_map(|(brand, case)| Step::HandOff { brand, case }),
        1 => people.clone().prop_map(Step::Forget),
        2 => (people.clone(), prop::option::of(0..2_usize)).prop_map(|(who, brand)| Step::Suppress { who, brand }),
        2 => (people.clone(), prop::option::of(0..2_usize)).prop_map(|(who, brand)| Step::Unsuppress { who, brand }),
        2 => (people, any::<bool>()).prop_map(|(who, granted)| Step::Consent { who, granted }),
        3 => (0..2_usize, any::<bool>(), any::<bool>(), prop::option::of(0..120_u16))
            .prop_map(|(brand, campaign, paused, until)| Step::Flow { brand, campaign, paused, until }),
        4 => (0..16_u8, 0..100_u16).prop_map(|(reference, seconds)| Step::Aim { reference, seconds }),
        10 => (1..70_u16).prop_map(Step::Pass),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
    ]
}
