//! Every key on one page.
//!
//! A person belongs to the partition `p` = first two bytes of their id modulo *P*, and everything of theirs carries its
//! hash tag `{v<p>}`: one slot of a cluster, one atomic function call. Ids stand in keys as their 16 raw bytes, and times
//! are milliseconds since 1970 by the server's clock.
//!
//! | key of a partition | type | what | gone |
//! | --- | --- | --- | --- |
//! | `{v<p>}:p:<person>` | string | presence: slice × 10 + [source](crate::model::Source); last seen is the expiry less the window | after the window |
//! | `{v<p>}:n:<slice>` | counter | people last seen in this sixteenth of a window | after the window |
//! | `{v<p>}:q:<person>` | sorted set | their live sends in claiming order (`lua/queue.lua`) | when empty |
//! | `{v<p>}:l:<person>` | string | the mails they got: when, whose (`lua/pace.lua`) | when no rule looks back so far |
//! | `{v<p>}:y:<person>` | hash | consents: `b:<brand>` or `p:<partner>` → 1 or 0, when, proof | when forgotten |
//! | `{v<p>}:z:<person>` | hash | whose mail they get no more: `*` or brand → why, since when, words; most have none | when lifted or forgotten |
//! | `{v<p>}:s:<send>` | hash | a send's head ([`Head`](super::head)) | `keep_finished` after its end |
//! | `{v<p>}:b:<send>` | string | its payload, the [`SendSpec`](crate::model::SendSpec) as JSON | with the final state |
//! | `{v<p>}:h:<send>` | list | its history, at most 19 lines | with the head |
//! | `{v<p>}:g:<send>` | string | when the relay took its mail, 0 while it is handed over; whose mailbox; `landed` | after [`Rules::recent`](super::super::Rules::recent) |
//! | `{v<p>}:w:<person>` | string | hints of their presence: kind, percent, until when | after `hint_ttl` |
//! | `{v<p>}:u:<person>` | string | in which hours of the week they are seen ([`Hours`](crate::model::Hours)) | after nine weeks, when they withdraw |
//! | `{v<p>}:m` | hash | watched mailboxes: person → sealed; `v` → how often that changed | person: when not watched any more; `v`: never |
//! | `{v<p>}:a:<case>` | set | the live sends of a case | when empty |
//! | `{v<p>}:d:<case>` | hash | a case ([`lua/cases.lua`](super::cases)) | `keep_cases` after it was closed |
//! | `{v<p>}:r:<person>` | set | their open cases | when empty |
//! | `{v<p>}:t` | sorted set | send → when [`tick`](super::super::Store::tick) looks at it | when empty |
//! | `{v<p>}:v` | sorted set | case → when [`tick`](super::super::Store::tick) looks at it | when empty |
//! | `{v<p>}:o` | sorted set | overdue send → when it may go, as far as is known | when empty |
//! | `{v<p>}:f` | sorted set | overdue sends that only wait for their flow | when empty |
//! | `{v<p>}:c` | hash | counters by flow and state, of cases by brand and state, of live sends by brand and day (`lua/days.lua`), live sends, open cases, arrivals | never; of days: at zero |
//! | `{v<p>}:k:<request>` | list | what a tick claimed | after a lease |
//! | `{v<p>}:e` | hash | events that are not on `vigie:events` yet (`lua/events.lua`) | when they are |
//! | `{v<p>}:x` | set | sends set aside because their keys are broken | never |
//! | `{v<q>}:j:<case>` | string | partition of a case, *q* by the case's own id | with the case |
//! | `{v<q>}:i:<send>` | string | digest and partition of a send, *q* by the send's own id | with the head |
//!
//! | other key | type | what |
//! | --- | --- | --- |
//! | `vigie:meta` | hash | format, number of partitions, whose people they are, `shut` while it is moved out of |
//! | `vigie:flows` | hash | `brand/` or `brand/campaign` → setting, JSON |
//! | `vigie:{vigie:flows}:t:<flow>` | hash | tokens taken of a limited flow (`lua/take.lua`), in the slot of `vigie:flows` |
//! | `vigie:{vigie:flows}:w:<flow>` | sorted set | send → when it asks for a token again |
//! | `vigie:gateways` | sorted set | gateway → alive until |
//! | `vigie:errands` | hash | errand → who has it, until when, how far it got (`lua/errand.lua`) |
//! | `vigie:sends`, `vigie:sends:rejected`, `vigie:events` | streams | from producers, back to them, [events](super::events) |

use redis::Cmd;

use crate::model::{FlowScope, RecipientId, SendId};

use super::router::Place;

/// The hash of facts that never change.
pub(super) const META: &str = "vigie:meta";
/// The hash of flow settings.
pub(super) const FLOWS: &str = "vigie:flows";
/// The living gateways.
pub(super) const GATEWAYS: &str = "vigie:gateways";

/// The hash of errands.
pub(super) const ERRANDS: &str = "vigie:errands";
/// The stream of events.
pub(super) const EVENTS: &str = "vigie:events";

/// One partition.
#[derive(Debug, Clone)]
pub(super) struct Partition {
    /// `{v<p>}`, the beginning of all its keys.
    pub(super) tag: String,
    /// Where it lives.
    pub(super) place: Place,
}

/// All partitions of a store.
#[derive(Debug)]
pub(super) struct Partitions(Vec<Partition>);

impl Partitions {
    /// As many as the store was divided into.
    pub(super) fn new(count: u16) -> Self {
        let partition = |number| {
            let tag = format!("{{v{number}}}");
            Partition { place: Place::of(tag.as_bytes()), tag }
        };
        Self((0..count).map(partition).collect())
    }

    /// How many there are.
    pub(super) fn count(&self) -> u16 {
        u16::try_from(self.0.len()).expect("they were counted in 16 bits")
    }

    /// All of them, in order.
    pub(super) fn all(&self) -> &[Partition] {
        &self.0
    }

    /// The number of a person's partition.
    pub(super) fn number_of(&self, who: RecipientId) -> u16 {
        who.partition(self.count())
    }

    /// A person's partition.
    pub(super) fn of(&self, who: RecipientId) -> &Partition {
        &self.0[usize::from(self.number_of(who))]
    }

    /// The partition that knows where a send is.
    pub(super) fn index_of(&self, send: SendId) -> &Partition {
        let number = u16::from_be_bytes([send.0[0], send.0[1]]) % self.count();
        &self.0[usize::from(number)]
    }
}

impl Partition {
    /// A function's call, as far as all calls are the same.
    pub(super) fn fcall(&self, function: &str) -> Cmd {
        let mut call = Cmd::with_capacity(16, 256);
        call.arg("FCALL").arg(function).arg(1).arg(&self.tag);
        call
    }

    /// A key that ends in an id.
    pub(super) fn key(&self, kind: &str, id: &[u8; 16]) -> Vec<u8> {
        let mut key = Vec::with_capacity(self.tag.len() + kind.len() + 18);
        key.extend_from_slice(self.tag.as_bytes());
        key.push(b':');
        key.extend_from_slice(kind.as_bytes());
        key.push(b':');
        key.extend_from_slice(id);
        key
    }
}

/// How a flow is named in keys and arguments: `brand/` or `brand/campaign`.
pub(super) fn flow(scope: &FlowScope) -> String {
    let campaign = scope.campaign.as_ref().map(crate::model::Name::as_str).unwrap_or_default();
    format!("{}/{campaign}", scope.brand)
}

/// The flow of that name; none if it is not one.
pub(super) fn scope(flow: &str) -> Option<FlowScope> {
    let (brand, campaign) = flow.split_once('/')?;
    let campaign = if campaign.is_empty() { None } else { Some(campaign.parse().ok()?) };
    Some(FlowScope { brand: brand.parse().ok()?, campaign })
}
