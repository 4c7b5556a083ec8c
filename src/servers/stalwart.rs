//! Stalwart's webhooks: `{"events": [{"id", "createdAt", "type", "data"}]}`.
//!
//! The shape is that of its serializer (0.15 and 0.16, read in the source; no such server ran here). Only `auth.success`
//! names the account; what follows on the connection has the account's number and the connection's, so both are
//! remembered for a day, each with the recipient and not with the address. Batches that were not answered in time come
//! again, so the last events are known by their ids.
//!
//! | event | says |
//! | --- | --- |
//! | `auth.success` | [`Login`](Deed::Login) |
//! | `imap.store` that mentions `Seen` | [`Read`](Deed::Read) |
//! | `imap.store` otherwise, `imap.move`, `imap.copy`, `imap.expunge` | [`Act`](Deed::Act) |
//! | `imap.fetch`, `imap.select`, `imap.idle-start`, … | [`Sync`](Deed::Sync): what was fetched is not told reliably |
//! | `imap.append` | [`Change`](Deed::Change): the folder has no name there |
//! | `imap.connection-end` and the rest of `imap.` | nothing |

use std::time::Duration;

use jiff::Timestamp;
use moka::sync::Cache;
use serde::Deserialize;
use serde_json::Value;

use super::people::Login;
use super::text::{mentions, text, texts};
use super::{Unheard, moment};
use crate::model::{Deed, RecipientId};

/// No account logs in less often than this without losing its connection.
const DAY: Duration = Duration::from_hours(24);

/// Accounts and connections that are remembered, at most; some 120 bytes each.
const ACCOUNTS: u64 = 50_000;

/// Stalwart gives an event up after five minutes.
const RETRIED: Duration = Duration::from_mins(10);

/// Events that are remembered, at most; some 100 bytes each.
const EVENTS: u64 = 50_000;

/// Longest id that is remembered; Stalwart's are numbers.
const LONGEST_ID: usize = 64;

/// What numbers begin with in the book, by what they number.
const CONNECTION: char = 's';
const ACCOUNT: char = 'a';

/// A webhook's body.
#[derive(Deserialize)]
struct Batch {
    events: Vec<Value>,
}

/// One event. Not `Debug`: it holds an address.
#[derive(Deserialize)]
pub(super) struct Event {
    #[serde(default, deserialize_with = "text")]
    id: Option<String>,
    #[serde(rename = "createdAt", default, deserialize_with = "moment")]
    created_at: Option<Timestamp>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    data: Data,
}

/// Its data, as far as it says something here.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Data {
    #[serde(deserialize_with = "text")]
    account_name: Option<String>,
    #[serde(deserialize_with = "text")]
    account_id: Option<String>,
    #[serde(deserialize_with = "text")]
    span_id: Option<String>,
    #[serde(deserialize_with = "text")]
    remote_ip: Option<String>,
    details: Value,
}

/// The events of a batch; one that cannot be read is left out and told by the whole batch being unreadable only if all
/// are such.
pub(super) fn read(body: &[u8]) -> Result<Vec<Event>, Unheard> {
    let Batch { events } = serde_json::from_slice(body).map_err(|_| Unheard::Unreadable)?;
    let read: Vec<_> = events.iter().filter_map(|event| Event::deserialize(event).ok()).collect();
    if read.is_empty() && !events.is_empty() { Err(Unheard::Unreadable) } else { Ok(read) }
}

impl Event {
    /// When it happened, in whole seconds.
    pub(super) fn at(&self) -> Option<Timestamp> {
        self.created_at
    }

    /// What it says.
    pub(super) fn deed(&self) -> Result<Deed, Unheard> {
        Ok(match self.kind.as_str() {
            "auth.success" => Deed::Login,
            "imap.store" => self.stored(),
            "imap.move" | "imap.copy" | "imap.expunge" => Deed::Act,
            "imap.append" => Deed::Change,
            "imap.fetch" | "imap.select" | "imap.examine" | "imap.search" | "imap.sort" | "imap.thread"
            | "imap.status" | "imap.list" | "imap.lsub" | "imap.noop" | "imap.idle-start"
            | "imap.idle-stop" | "jmap.method-call" => Deed::Sync,
            kind if kind.starts_with("imap.") || kind.starts_with("jmap.") || kind.starts_with("auth.") => {
                return Err(Unheard::Nothing);
            }
            _ => return Err(Unheard::Unknown),
        })
    }

    fn stored(&self) -> Deed {
        let seen = texts(&self.data.details).into_iter().any(|detail| mentions(detail, "seen"));
        if seen { Deed::Read } else { Deed::Act }
    }

    fn login(&self) -> Login {
        Login {
            user: self.data.account_name.clone().unwrap_or_default(),
            client: self.data.remote_ip.as_ref().and_then(|address| address.parse().ok()),
            ..Login::default()
        }
    }

    /// The numbers under which the account is known, the connection's first.
    fn numbers(&self) -> impl Iterator<Item = String> {
        let number = |kind: char, number: &Option<String>| {
            number
                .as_ref()
                .filter(|number| number.len() <= LONGEST_ID)
                .map(|number| format!("{kind}{number}"))
        };
        number(CONNECTION, &self.data.span_id).into_iter().chain(number(ACCOUNT, &self.data.account_id))
    }
}

/// What is remembered of Stalwart's accounts and events.
#[derive(Debug)]
pub(super) struct Book {
    accounts: Cache<String, Result<RecipientId, Unheard>>,
    events: Cache<String, ()>,
}

impl Default for Book {
    fn default() -> Self {
        Self {
            accounts: Cache::builder().max_capacity(ACCOUNTS).time_to_live(DAY).build(),
            events: Cache::builder().max_capacity(EVENTS).time_to_live(RETRIED).build(),
        }
    }
}

impl Book {
    /// Whose event it is; `identify` knows people by name.
    pub(super) fn who(
        &self,
        event: &Event,
        identify: impl FnOnce(&Login) -> Result<RecipientId, Unheard>,
    ) -> Result<RecipientId, Unheard> {
        if let Some(id) = event.id.as_ref().filter(|id| id.len() <= LONGEST_ID) {
            if self.events.contains_key(id) {
                return Err(Unheard::Repeated);
            }
            self.events.insert(id.clone(), ());
        }
        if event.data.account_name.is_none() {
            let known = event.numbers().find_map(|number| self.accounts.get(&number));
            // What means nothing is not about nobody.
            return known.unwrap_or_else(|| Err(event.deed().err().unwrap_or(Unheard::Nobody)));
        }
        let who = identify(&event.login());
        if event.kind == "auth.success" {
            // Who is ignored here, by where they come from, may be somebody elsewhere.
            let lasting = |number: &String| who.is_ok() || number.starts_with(CONNECTION);
            event.numbers().filter(lasting).for_each(|number| self.accounts.insert(number, who));
        }
        who
    }
}
