//! A send taken for firing, and how a claim ends.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{CaseFacts, ClaimId, Name, RecipientId, SendId, SendSpec};

/// What made a send go: the three doors into firing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// The recipient was seen online.
    Touch,
    /// It arrived while the recipient was online.
    Enqueue,
    /// Its not-before or re-arm moment came while the recipient was online, or its deadline passed.
    Time,
}

impl Cause {
    /// The word for histories and labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Touch => "touch",
            Self::Enqueue => "enqueue",
            Self::Time => "time",
        }
    }
}

/// The right to fire one send until the lease runs out.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Which send, under which claim: what every later operation on it must show.
    pub hold: Hold,
    /// What to send.
    pub spec: Arc<SendSpec>,
    /// What is known of its case at this moment, if it belongs to one that was opened.
    pub facts: Option<Arc<CaseFacts>>,
    /// What made it go.
    pub cause: Cause,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The moment of the first claim, in whole seconds: the mail's `Date`, the same for every attempt.
    pub dated: Timestamp,
    /// Whether the recipient's consent allows a pixel and tracked links in this mail.
    pub tracked: bool,
    /// Whether the deadline has passed, so that a deferral may be retried without seeing the recipient.
    pub overdue: bool,
}

/// The fence: a claim on a send. Operations that show a hold the store no longer honours change nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hold {
    /// Which send.
    pub send: SendId,
    /// Under which claim.
    pub claim: ClaimId,
    /// Whose send: says where a partitioned store keeps it.
    pub recipient: RecipientId,
}

/// How a claim ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// The relay answered 250 to this message.
    Accepted {
        /// The relay's reply, shortened and without addresses.
        reply: String,
        /// Whose mailbox it is in, by its domain.
        provider: Option<Name>,
    },
    /// Not now: back to waiting, not claimed again before the given moment.
    Deferred(Deferral),
    /// Its deadline has passed, and so have others': back to waiting, and it does not count as an attempt. It is claimed at
    /// this moment, or before that if its recipient is seen or the store was restarted. What is overdue of the same person and
    /// flow and ranks lower may wait as long.
    Queued {
        /// When its turn comes.
        until: Timestamp,
        /// Why.
        reason: String,
    },
    /// The relay refused it for good, or it cannot be rendered.
    Rejected {
        /// Why, without addresses.
        reason: String,
    },
    /// The attempt was given up before anything was tried (shutdown, a flow paused in between): back to waiting at
    /// once, and it does not count as an attempt.
    Released {
        /// Why.
        reason: String,
    },
    /// The hand-over began and its end is unknown: final, or back to waiting where the send's brand chose `resend`.
    Uncertain {
        /// Why.
        reason: String,
    },
}

impl Finish {
    /// Tells one `finish` from another, the same in every version and on every machine; never zero.
    pub fn mark(&self) -> u64 {
        let (kind, text, until, counts) = match self {
            Self::Accepted { reply, .. } => (1, reply, 0, false),
            Self::Deferred(deferral) => {
                (2, &deferral.reason, deferral.until.as_millisecond(), deferral.counts)
            }
            Self::Queued { until, reason } => (6, reason, until.as_millisecond(), false),
            Self::Rejected { reason } => (3, reason, 0, false),
            Self::Released { reason } => (4, reason, 0, false),
            Self::Uncertain { reason } => (5, reason, 0, false),
        };
        let hash = Sha256::new().chain_update([kind, u8::from(counts)]).chain_update(until.to_be_bytes());
        let hash = hash.chain_update(text).finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&hash[..8]);
        u64::from_be_bytes(first).max(1)
    }
}

/// A temporary refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deferral {
    /// Not claimed again before this moment.
    pub until: Timestamp,
    /// Why, without addresses.
    pub reason: String,
    /// Whether it counts as an attempt of this send (a relay that is down is not the send's fault).
    pub counts: bool,
}
