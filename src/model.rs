//! The words of the product, without any input or output: what a signal, a send, a claim and an outcome are.
//!
//! Everything above this module speaks in these types. They carry no addresses in their `Debug` output
//! (see [`crate::redact`]) and no behaviour that needs a clock, a disk or a socket.

mod amount;
mod budget;
mod case;
mod claim;
mod deed;
mod event;
mod flow;
mod hours;
mod id;
mod judgement;
mod letter;
mod limit;
mod mailbox;
mod person;
mod refused;
mod seen;
mod send;
mod signal;
mod suppression;
mod verdict;

pub use amount::{Amount, BadAmount, BadCurrency, Currency};
pub use budget::{Budget, Budgets, Contact};
pub use case::{CaseFacts, CaseId, CaseRecord, CaseSpec, CaseState, FirstLetter};
pub use claim::{Cause, Claim, Deferral, Finish, Hold};
pub use deed::Deed;
pub use event::{Event, Position, Told, names_a_kind};
pub use flow::{DOMAINS, FlowScope, FlowSetting, FlowState, Flows, PARTNERS};
pub use hours::Hours;
pub use id::{BadName, ClaimId, Name, RecipientId, SendId};
pub use judgement::{Hint, HintKind, Judgement, Landed, MailAge, Worth, reaches};
pub use letter::Letter;
pub use limit::{Limits, Pass, Ramp, Rate, Toll};
pub use mailbox::{Mailboxes, Sealed};
pub use person::{Consent, ConsentRule, Grantee, Origin, Said};
pub use refused::{BadStatus, MailStatus};
pub use seen::{CaseSeen, Glance, Seen};
pub use send::{HistoryEntry, OnDeadline, OnUncertain, SendRecord, SendSpec, SendState};
pub use signal::{Leaving, Signal, Source};
pub use suppression::{SuppressReason, SuppressScope, Suppression};
pub use verdict::{Class, Presence, Verdict};
