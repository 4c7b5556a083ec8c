//! The words of the product, without any input or output: what a signal, a send, a claim and an outcome are.
//!
//! Everything above this module speaks in these types. They carry no addresses in their `Debug` output
//! (see [`crate::redact`]) and no behaviour that needs a clock, a disk or a socket.

mod claim;
mod flow;
mod id;
mod letter;
mod person;
mod send;
mod signal;
mod verdict;

pub use claim::{Cause, Claim, Deferral, Finish, Hold};
pub use flow::{FlowScope, FlowSetting, FlowState, Flows};
pub use id::{BadName, ClaimId, Name, RecipientId, SendId};
pub use letter::Letter;
pub use person::{Consent, ConsentRule, Grantee, Origin};
pub use send::{HistoryEntry, OnDeadline, OnUncertain, SendRecord, SendSpec, SendState};
pub use signal::{Signal, Source};
pub use verdict::{Class, Verdict};
