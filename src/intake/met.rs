//! What was recorded of one recipient in the last moments.

use std::time::{Duration, Instant};

use crate::model::{HintKind, SendId, Signal};

/// The same said again within this is the same visit: image proxies have been seen to fetch one image hundreds of times
/// (exchangetuts), and others who count opens collapse them over windows of this size.
const REPEATED: Duration = Duration::from_secs(10);

/// What was too young to be presence may be old enough soon, so it is asked again after this.
const ASKED_AGAIN: Duration = Duration::from_secs(2);

/// Presence, and the last mails that were shown.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Met {
    present: Option<Instant>,
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
    /// As a hint, in percent.
    hint: u8,
}

impl Met {
    /// Whether what this signal says is recorded already. Nothing weaker hides something stronger.
    pub(super) fn says(&self, signal: &Signal, refresh: Duration) -> bool {
        let within = |at: Instant, span: Duration| signal.received.saturating_duration_since(at) < span;
        if signal.about.is_none() && self.present.is_some_and(|at| within(at, refresh)) {
            return true;
        }
        let worth = signal.judgement.worth();
        let hint = worth.hint.map_or(0, |(_, hint)| hint.percent);
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
        let hint = signal.judgement.worth().hint.map_or(0, |(_, hint)| hint.percent);
        let shown = Shown { about: signal.about, kind: signal.judgement.kind(), at: now, presence, hint };
        let present = presence.then_some(now).or(self.present);
        Self { present, shown: [Some(shown), first, second] }
    }
}
