//! Mailboxes watched by IMAP `IDLE`: a person who reads changes flags, and the mail server says so within a second.
//!
//! The life of one watched [`Mailbox`]:
//!
//! 1. [`Watchers::set`] says which mailboxes there are, at any moment anew. Each has a task of its own.
//! 2. It waits for its turn ([`turns`]): so many log in at a time here, and so many at one server.
//! 3. It connects ([`crate::dial`]), speaks TLS, and logs in ([`login`]) with a password or an access token
//!    ([`Tokens`]; [`TokenSource`] gets them from an OAuth 2 server). `ID ("name" "vigie")` comes first, so that the
//!    server's own reports of this login can be told from a person's.
//! 4. It looks at INBOX with `EXAMINE`, which changes nothing, not even `\Recent`, and learns the flags of the newest
//!    messages ([`known`]): only who knows what was can say what changed. What happened while nobody looked is not told.
//! 5. It says `IDLE`, and again after [`Settings::renew`], whatever the server has said meanwhile ([`session`]). A flag
//!    gained, a message expunged or arrived is [`Seen`], once in a [`Settings::moment`] ([`watch`]).
//! 6. Whatever goes wrong ends the connection ([`trouble`]); the next one comes after a pause that doubles, with full
//!    jitter. A refused password waits for [`Settings::refused`].
//!
//! A change says that *something* changed the flags: another mail client, a filter, a script. How much that is worth is
//! decided elsewhere.
//!
//! # What it costs
//!
//! An idle mailbox takes some 16 KiB here, TLS and a kibibyte of known flags included (1 000 mailboxes of a Dovecot,
//! resident memory of an unoptimised build), one file descriptor, and a renewal in nine minutes.
//! A `tests/it/watch_imap` test holds it below 64 KiB. On a Dovecot it takes a process and an inotify instance: see
//! `fs.inotify.max_user_instances` there, or it tells changes up to half a minute late.
//!
//! # A server is not trusted
//!
//! It may be down, slow, broken or hostile, and thousands of them are listened to at once. So each answer has a deadline;
//! a line is at most 16 KiB, and what one step may bring altogether is limited, too ([`wire`]); what is not understood is
//! skipped and what cannot be IMAP ends the connection. A literal is refused at its announcement: nothing that is asked
//! here is answered with one.
//!
//! That is why this speaks IMAP itself, in under six hundred lines. async-imap 0.12 takes literals of up to 512 MiB and
//! lets `* OK Still here` put off the renewal for ever; imap-next 0.3 has limits, but brings a complete codec, still
//! alpha, which has to understand all of an answer of which ten words matter here.

mod dialogue;
mod keeper;
mod known;
mod login;
mod metrics;
mod pause;
mod response;
mod session;
mod token;
mod trouble;
mod turns;
mod watch;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::redact::Secret;

pub use crate::dial::{Roots, RootsError};
pub use keeper::Watchers;
pub use metrics::{Metrics, State};
pub use token::{Grant, GrantError, Rotated, TokenError, TokenSource, Tokens};
pub use watch::Condition;

/// The name this client gives with `ID`, for servers and operators who want to tell it from people.
pub const CLIENT_NAME: &str = "vigie";

/// How watching is done. The default is right for production; tests are in more of a hurry.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// `IDLE` is said anew after this at most (up to a fifth earlier): shorter than what firewalls and servers
    /// tolerate as silence.
    pub renew: Duration,
    /// Until a connection must stand, name look-up and TLS included.
    pub connect: Duration,
    /// Until each answer of the server must be complete.
    pub step: Duration,
    /// The first pause after a lost connection is random up to this; each further one up to twice as long.
    pub first: Duration,
    /// No such pause is longer.
    pub longest: Duration,
    /// The pause after a refused login, and at a server that cannot do what is needed.
    pub refused: Duration,
    /// Changes of one mailbox within this are one.
    pub moment: Duration,
    /// Most mailboxes that connect and log in at the same time.
    pub logins: usize,
    /// Most of those at one server.
    pub logins_per_server: usize,
    /// Most mailboxes watched.
    pub most: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            renew: Duration::from_mins(9),
            connect: Duration::from_secs(10),
            step: Duration::from_secs(30),
            first: Duration::from_secs(1),
            longest: Duration::from_mins(5),
            refused: Duration::from_hours(1),
            moment: Duration::from_secs(2),
            logins: 32,
            logins_per_server: 8,
            most: 10_000,
        }
    }
}

/// What the caller calls a mailbox. It is logged: never an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxId(Arc<str>);

impl MailboxId {
    /// Wraps the caller's name.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The caller's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MailboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A mailbox to watch, with its owner's consent. Formats without user and credentials.
#[derive(Clone, PartialEq)]
pub struct Mailbox {
    /// What the caller calls it; one is watched under one id.
    pub id: MailboxId,
    /// The mail server's name, which its certificate must have, or its address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: Tls,
    /// Who logs in.
    pub user: String,
    /// With what.
    pub credentials: Credentials,
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, host, port, tls, user: _, credentials: _ } = self;
        f.debug_struct("Mailbox")
            .field("id", id)
            .field("host", host)
            .field("port", port)
            .field("tls", tls)
            .finish_non_exhaustive()
    }
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte, usually at port 993.
    Implicit,
    /// From `STARTTLS` on, usually at port 143; a server that does not do it gets no login.
    StartTls,
    /// Not at all: only to this machine itself.
    None,
}

/// What a login is proved with.
#[derive(Clone)]
pub enum Credentials {
    /// A password: `AUTHENTICATE PLAIN` or `LOGIN`.
    Password(Secret),
    /// An access token, got anew when it is needed: `AUTHENTICATE XOAUTH2`. Two are equal if they are the same `Arc`.
    Token(Arc<dyn Tokens>),
}

impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Password(one), Self::Password(other)) => one == other,
            (Self::Token(one), Self::Token(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

/// What happened in a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activity {
    /// A message gained `\Seen`.
    Read,
    /// A message gained `\Answered`, `\Flagged` or `\Deleted`.
    Acted,
    /// A message is gone.
    Removed,
    /// A message came: the sender's doing, not the owner's.
    Arrived,
}

impl Activity {
    /// Every activity, for metric labels.
    pub const ALL: [Self; 4] = [Self::Read, Self::Acted, Self::Removed, Self::Arrived];

    /// The lower-case word for labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Acted => "acted",
            Self::Removed => "removed",
            Self::Arrived => "arrived",
        }
    }
}

/// Something was seen to happen in a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// In which one.
    pub mailbox: MailboxId,
    /// What; the first of several within a [`Settings::moment`].
    pub what: Activity,
    /// When the server's word was read here. Dovecot speaks half a second after the change.
    pub at: Instant,
}

/// Who is told; must neither block nor panic.
pub type Tell = Arc<dyn Fn(Seen) + Send + Sync>;
