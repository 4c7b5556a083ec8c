//! What was recorded of one recipient in the last moments.

use std::hash::BuildHasher;
use std::time::{Duration, Instant};

use foldhash::quality::FixedState;

use crate::model::{HintKind, Origin, SendId, Signal};

/// The same said again within this is the same visit: image proxies have been seen to fetch one image hundreds of times
/// (exchangetuts), and others who count opens collapse them over windows of this size.
const REPEATED: Duration = Duration::from_secs(10);

/// What was too young to be presence may be old enough soon, and whoever has not consented may consent, so it is asked
/// again after this.
const ASKED_AGAIN: Duration = Duration::from_secs(2);

/// Presence, the last mails that were shown, and who was not allowed to see it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Met {
    present: Option<Instant>,
    /// Whose pixel it was, as a number, that the recipient has not consented to.
    refused: Option<(Instant, u64)>,
    /// The newest first.
    shown: [Option<Shown>; 3],
}

/// A signal that was recorded.
#[derive(Debug, Clone, Copy)]
struct Shown {
    about: Option<SendId>,
    kind: HintKind,
    at: Instant,
    /// As presence.
    presence: bool,
    /// The surest hint that it can have been, in percent.
    hint: u8,
}

impl Met {
    /// Whether what this signal says is recorded already. Nothing weaker hides something stronger.
    pub(super) fn says(&self, signal: &Signal, refresh: Duration) -> bool {
        let within = |at: Instant, span: Duration| signal.received.saturating_duration_since(at) < span;
        if signal.about.is_none() && self.present.is_some_and(|at| within(at, refresh)) {
            return true;
        }
        if self
            .refused
            .is_some_and(|(at, whose)| within(at, ASKED_AGAIN.min(refresh)) && whose == number(signal))
        {
            return true;
        }
        let worth = signal.judgement.worth();
        let hint = worth.surest_hint();
        self.shown.iter().flatten().any(|shown| {
            let same = shown.about == signal.about && shown.kind == signal.judgement.kind();
            let lasting = if shown.presence || worth.fires.is_none() { REPEATED } else { ASKED_AGAIN };
            let at_once = worth.fires == Some(Duration::ZERO);
            let as_strong = shown.presence || !at_once && hint <= shown.hint;
            same && as_strong && within(shown.at, lasting.min(refresh))
        })
    }

    /// The same with this signal.
    pub(super) fn and(self, signal: &Signal, presence: bool, now: Instant) -> Self {
        let [first, second, _] = self.shown;
        let hint = signal.judgement.worth().surest_hint();
        let shown = Shown { about: signal.about, kind: signal.judgement.kind(), at: now, presence, hint };
        let present = presence.then_some(now).or(self.present);
        Self { present, shown: [Some(shown), first, second], ..self }
    }

    /// The same, but the recipient has not consented to whose pixel this signal is.
    pub(super) fn without_consent(self, signal: &Signal, now: Instant) -> Self {
        Self { refused: Some((now, number(signal))), ..self }
    }
}

/// Whose signal it is, as a number: two are the same one by chance once in 2⁶⁴.
fn number(signal: &Signal) -> u64 {
    match &signal.origin {
        Origin::Tracked { grantee, .. } => FixedState::default().hash_one(grantee),
        Origin::Trusted => 0,
    }
}
