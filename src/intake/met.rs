//! What was recorded of one recipient in the last moments.

use std::time::{Duration, Instant};

use crate::model::{HintKind, SendId, Signal};

/// The same said again within this is the same visit: image proxies have been seen to fetch one image hundreds of times
/// (exchangetuts), and others who count opens collapse them over windows of this size.
const REPEATED: Duration = Duration::from_secs(10);

/// Presence, and the last mails that were shown.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Met {
    present: Option<Instant>,
    /// The newest first.
    shown: [Option<Shown>; 3],
}

/// A signal that was taken in.
#[derive(Debug, Clone, Copy)]
struct Shown {
    about: Option<SendId>,
    kind: HintKind,
    /// From which age of its mail on it is presence.
    fires: Option<Duration>,
    at: Instant,
}

impl Met {
    /// Whether what this signal says is recorded already.
    pub(super) fn says(&self, signal: &Signal, refresh: Duration) -> bool {
        let within = |at: Instant, span: Duration| signal.received.saturating_duration_since(at) < span;
        if signal.about.is_none() && self.present.is_some_and(|at| within(at, refresh)) {
            return true;
        }
        let worth = signal.judgement.worth();
        // Somebody who reads a mail says more than their client said that logged in a moment before.
        let as_much =
            |shown: &Shown| worth.fires.is_none_or(|from| shown.fires.is_some_and(|said| said <= from));
        let same = |shown: &Shown| {
            shown.about == signal.about
                && shown.kind == signal.judgement.kind()
                && as_much(shown)
                && within(shown.at, REPEATED.min(refresh))
        };
        self.shown.iter().flatten().any(same)
    }

    /// The same with this signal.
    pub(super) fn and(self, signal: &Signal, presence: bool, now: Instant) -> Self {
        let [first, second, _] = self.shown;
        let (kind, fires) = (signal.judgement.kind(), signal.judgement.worth().fires);
        let shown = Shown { about: signal.about, kind, fires, at: now };
        Self { present: presence.then_some(now).or(self.present), shown: [Some(shown), first, second] }
    }
}
