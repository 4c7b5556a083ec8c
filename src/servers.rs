//! What mail servers and webmails report, and what that says about a person.
//!
//! Each server has its own words for what happens in a mailbox. This room turns them into a [`Deed`] of a recipient, or
//! says why a report is about nobody ([`Unheard`]). It does no input or output; what it remembers is bounded.
//!
//! The way of one report:
//!
//! 1. **Words** ([`dovecot`], [`policy`], [`stalwart`], [`webmail`]): the server's JSON becomes who, what and when. What a
//!    person does (reads, moves, answers, deletes) is told apart from what mail clients do by themselves (log in, open
//!    folders, look for what is new, fetch ahead, idle): a client that polls every five minutes is no person.
//! 2. **Who** ([`people`]): the user's name becomes an address, the address a recipient. Whoever is to be ignored ends
//!    here, with the whole session: migrations, backups, master users, vigie's own watchers.
//! 3. **When**: what was done too long ago is no presence any more.

mod dovecot;
mod moment;
mod people;
mod policy;
mod stalwart;
mod text;
mod webmail;
mod words;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::config;
use crate::model::{Deed, RecipientId, Source};
use crate::token::Identity;
use people::{Login, People};

pub use moment::moment;
pub use words::{DEEDS, deed, source};

/// Who reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// Dovecot's event exporter: one event per request.
    Dovecot,
    /// Dovecot's auth policy: a question before a login, a report after it.
    Policy,
    /// Stalwart's webhooks: batches of events.
    Stalwart,
    /// A webmail's server, or a portal's: one object or several.
    Webmail,
}

impl Server {
    /// Every server, for tables and labels.
    pub const ALL: [Self; 4] = [Self::Dovecot, Self::Policy, Self::Stalwart, Self::Webmail];

    /// The word for labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dovecot => "dovecot",
            Self::Policy => "dovecot-policy",
            Self::Stalwart => "stalwart",
            Self::Webmail => "webmail",
        }
    }
}

/// Why a report says nothing about anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unheard {
    /// It is known to mean nothing: a failed login, the end of a session, what another event tells better.
    Nothing,
    /// The settings say to ignore whoever did it.
    Ignored,
    /// It was done too long ago.
    Stale,
    /// It claims to be done later than now.
    Ahead,
    /// It was reported before.
    Repeated,
    /// It names nobody with an address.
    Nobody,
    /// An event vigie does not know.
    Unknown,
    /// Not what this server sends.
    Unreadable,
}

impl Unheard {
    /// Every reason, for tables and labels.
    pub const ALL: [Self; 8] = [
        Self::Nothing,
        Self::Ignored,
        Self::Stale,
        Self::Ahead,
        Self::Repeated,
        Self::Nobody,
        Self::Unknown,
        Self::Unreadable,
    ];

    /// The word for labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Ignored => "ignored",
            Self::Stale => "stale",
            Self::Ahead => "ahead",
            Self::Repeated => "repeated",
            Self::Nobody => "nobody",
            Self::Unknown => "unknown",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Somebody did something, a moment ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Who.
    pub recipient: RecipientId,
    /// What kind of source says so.
    pub source: Source,
    /// What they did.
    pub deed: Deed,
}

/// A report as it came. Not `Debug`: it holds addresses.
#[derive(Clone, Copy)]
pub struct Report<'a> {
    /// Who sent it.
    pub server: Server,
    /// What the query says of it: `kind=read` from an exporter whose filter lets only that through, `command=report`
    /// from an auth policy.
    pub query: &'a str,
    /// Its body.
    pub body: &'a [u8],
    /// When it came.
    pub received: Timestamp,
}

/// What one event says before anybody asked who it is and how long ago. Not `Debug`: it holds an address.
struct Said {
    who: Login,
    source: Source,
    deed: Deed,
    at: Option<Timestamp>,
}

/// Understands servers' reports.
#[derive(Debug)]
pub struct Interpreter {
    people: People,
    stalwart: stalwart::Book,
    max_age: Duration,
    max_ahead: Duration,
}

impl Interpreter {
    /// An interpreter with these settings, that knows people by `identity`.
    pub fn new(settings: &config::Signals, identity: Identity) -> Self {
        Self {
            people: People::new(settings, identity),
            stalwart: stalwart::Book::default(),
            max_age: settings.server_max_age,
            max_ahead: settings.max_ahead,
        }
    }

    /// What a report says, event by event.
    pub fn hear(&self, report: Report<'_>) -> Vec<Result<Heard, Unheard>> {
        let Report { query, body, received, .. } = report;
        let one = |said: Result<Said, Unheard>| said.and_then(|said| self.believe(&said, received));
        match report.server {
            Server::Dovecot => vec![one(dovecot::read(query, body))],
            Server::Policy => vec![one(policy::read(query, body))],
            Server::Webmail => each(webmail::read(body), one),
            Server::Stalwart => each(stalwart::read(body), |event| self.stalwart(&event, received)),
        }
    }

    fn believe(&self, said: &Said, received: Timestamp) -> Result<Heard, Unheard> {
        let recipient = self.people.identify(&said.who)?;
        self.fresh(said.at, received)?;
        let deed = self.people.deed(&said.who, said.deed);
        Ok(Heard { recipient, source: said.source, deed })
    }

    fn stalwart(&self, event: &stalwart::Event, received: Timestamp) -> Result<Heard, Unheard> {
        let recipient = self.stalwart.who(event, |login| self.people.identify(login))?;
        let deed = event.deed()?;
        self.fresh(event.at(), received)?;
        Ok(Heard { recipient, source: Source::Imap, deed })
    }

    fn fresh(&self, at: Option<Timestamp>, received: Timestamp) -> Result<(), Unheard> {
        match at.map_or(Age::Fresh, |at| age(at, received, self.max_age, self.max_ahead)) {
            Age::Fresh => Ok(()),
            Age::Stale => Err(Unheard::Stale),
            Age::Ahead => Err(Unheard::Ahead),
        }
    }
}

/// Whether what was done then says something about now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// It does.
    Fresh,
    /// It was too long ago.
    Stale,
    /// It has not come yet, also where clocks differ a little.
    Ahead,
}

/// How what was done at `at` stands to `now`.
pub fn age(at: Timestamp, now: Timestamp, max_age: Duration, max_ahead: Duration) -> Age {
    let since = now.duration_since(at);
    let signed = |span: Duration| SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
    if since > signed(max_age) {
        Age::Stale
    } else if since < -signed(max_ahead) {
        Age::Ahead
    } else {
        Age::Fresh
    }
}

fn each<T>(
    events: Result<Vec<T>, Unheard>,
    hear: impl FnMut(T) -> Result<Heard, Unheard>,
) -> Vec<Result<Heard, Unheard>> {
    match events {
        Ok(events) => events.into_iter().map(hear).collect(),
        Err(why) => vec![Err(why)],
    }
}

#[cfg(test)]
mod tests;
