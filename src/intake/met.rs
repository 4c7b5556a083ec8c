//! What was recorded of one recipient in the last moments.

use std::time::{Duration, Instant};

use crate::model::{HintKind, SendId, Signal};

/// The same said again within this is the same visit: image proxies fetch one image hundreds of times
/// (exchangetuts; `classify.md` of SendGrid's and others' collapse windows are of this size).
const REPEATED: Duration = Duration::from_secs(10);

/// Presence, and the last mails that were shown.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Met {
    present: Option<Instant>,
    /// The newest first.
    shown: [Option<(Option<SendId>, HintKind, Instant)>; 3],
}

impl Met {
    /// Whether what this signal says is recorded already.
    pub(super) fn says(&self, signal: &Signal, refresh: Duration) -> bool {
        let within = |at: Instant, span: Duration| signal.received.saturating_duration_since(at) < span;
        if signal.about.is_none() && self.present.is_some_and(|at| within(at, refresh)) {
            return true;
        }
        let same = |(about, kind, at): &(Option<SendId>, HintKind, Instant)| {
            *about == signal.about && *kind == signal.judgement.kind() && within(*at, REPEATED.min(refresh))
        };
        self.shown.iter().flatten().any(same)
    }

    /// The same with this signal.
    pub(super) fn and(self, signal: &Signal, presence: bool, now: Instant) -> Self {
        let [first, second, _] = self.shown;
        let shown = Some((signal.about, signal.judgement.kind(), now));
        Self { present: presence.then_some(now).or(self.present), shown: [shown, first, second] }
    }
}
