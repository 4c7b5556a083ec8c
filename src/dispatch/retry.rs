//! What a refusal means for the send: pure, so that it can be read as a table and tested as one.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::after;
use crate::config::Retry;
use crate::model::{Claim, Deferral, Finish};
use crate::relay::{Decision, Refusal};

/// The fate of a claim whose mail the relay did not take.
///
/// Only a refusal of this very mail counts as one of its attempts; a relay that is busy, down or misconfigured is not
/// the send's fault, and must not use up its chances.
pub(super) fn after_refusal(refusal: Refusal, claim: &Claim, now: Timestamp, retry: &Retry) -> Finish {
    let reason = refusal.reason;
    match refusal.decision {
        Decision::Reject => Finish::Rejected { reason },
        Decision::Defer => {
            let until = after(now, spread(backoff(claim.attempt, retry), claim));
            Finish::Deferred(Deferral { until, reason, counts: true })
        }
        Decision::Throttle | Decision::Unreachable | Decision::Misconfigured => {
            Finish::Deferred(Deferral { until: soon(claim, now, retry), reason, counts: false })
        }
    }
}

/// The earliest next try after a trouble that was not the send's.
pub(super) fn soon(claim: &Claim, now: Timestamp, retry: &Retry) -> Timestamp {
    after(now, spread(retry.first, claim))
}

/// `retry.first`, doubled with each attempt, at most `retry.longest`.
fn backoff(attempt: u32, retry: &Retry) -> Duration {
    let doublings = attempt.saturating_sub(1).min(31);
    retry.first.saturating_mul(1 << doublings).min(retry.longest)
}

/// Up to a fifth longer, by the send's id: what was deferred together does not come back together.
fn spread(delay: Duration, claim: &Claim) -> Duration {
    let share = f64::from(claim.hold.send.0[15]) / 255.0 * 0.2;
    delay.saturating_add(delay.mul_f64(share))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Retry =
        Retry { first: Duration::from_secs(5), longest: Duration::from_hours(1), max_attempts: 12 };

    #[test]
    fn delays_double_up_to_the_longest() {
        let seconds: Vec<u64> =
            [1, 2, 3, 10, 11, 40].map(|attempt| backoff(attempt, &RETRY).as_secs()).to_vec();
        assert_eq!(seconds, [5, 10, 20, 2560, 3600, 3600]);
    }
}
