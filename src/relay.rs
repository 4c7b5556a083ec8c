//! The relay: who takes our mail.
//!
//! A letter's way, step by step:
//!
//! 1. [`Relay::checkout`] waits for one of the `relay.connections` places and comes back with a [`Session`]: the place
//!    and a warm connection, opened if none is idle (TCP, greeting, `STARTTLS`, `AUTH`). Nothing was promised yet.
//! 2. The caller notes in the store that the hand-over begins.
//! 3. [`Session::deliver`] carries the letter: sender, recipient and message in *one round trip* where the relay offers
//!    PIPELINING and CHUNKING, two with PIPELINING alone, the plain dialogue otherwise.
//! 4. Each reply is read as the answer to its own command and looked up in one table (`decision.rs`). There are three
//!    results: the relay took it, it did not, or nobody can know ([`Delivery`]).
//! 5. Only after a complete, matched final reply does the connection go back to the idle ones. A session that is
//!    dropped at any point closes it, so that no late reply becomes the answer to another mail.
//! 6. A relay that cannot be reached (`breaker.rs`), or says that it cannot take mail now (`respite.rs`), is left in peace:
//!    everybody is told at once at step 1, and one at a time finds out whether it is back.
//!
//! Brands may have relays of their own ([`Relays`]): then each of these steps is about the one that the brand has at the
//! moment of step 1.
//!
//! lettre speaks the commands and reads the replies; pool, deadlines, pipelining and TLS are ours, because lettre's
//! pool reuses connections with replies outstanding, its timeout ends with connecting, and it waits for each reply.

mod breaker;
mod decision;
mod dial;
mod framing;
mod link;
mod metrics;
mod offers;
mod outbox;
mod pool;
mod reply;
mod respite;
mod routes;
mod target;
mod tls;
mod tone;
mod transaction;
mod wire;

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use decision::Decision;
pub use routes::{Relays, Route};
pub use target::RelayError;
pub use tone::Slows;

use self::dial::Dialler;
use self::link::Link;
use self::metrics::{Counted, Metrics, Register};
use self::outbox::Outbox;
use self::pool::Pool;
use self::reply::Trouble;
use self::respite::Turn;
use self::target::{Security, Server, Target};
use self::transaction::End;
use crate::config;
use crate::model::{Letter, MailStatus};
use crate::redact;
use crate::telemetry::Registry;

/// A relay: one pool of connections. Cheap to clone.
#[derive(Clone)]
pub struct Relay(Arc<Shared>);

struct Shared {
    door: Door,
    places: Arc<Semaphore>,
    metrics: Metrics,
}

enum Door {
    Outbox(Arc<Outbox>),
    Server(Arc<Pool>),
}

/// A place at the relay and a connection to it, for one letter. Dropping it closes the connection; [`unused`](Self::unused)
/// keeps it.
pub struct Session {
    relay: Relay,
    way: Way,
    _place: OwnedSemaphorePermit,
    _busy: Counted,
}

enum Way {
    Outbox(Arc<Outbox>),
    Server {
        pool: Arc<Pool>,
        link: Box<Link>,
        /// It has carried mails before, so it may have died since.
        reused: bool,
        /// Leave to speak to this relay.
        turn: Turn,
    },
}

/// What is known of a relay once it was [asked](Relay::check).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What it offers, fit for operators.
    pub told: String,
    /// The certificate that it showed and that is trusted, where the connection is encrypted.
    pub certificate: Option<CertificateDer<'static>>,
}

/// How a hand-over ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The relay took the letter.
    Accepted {
        /// Its words, fit for logs and histories.
        reply: String,
    },
    /// The relay has not taken it, that much is certain.
    Refused(Refusal),
    /// The relay may have it: the whole message was written, and no complete answer came back.
    Unknown {
        /// What happened, fit for logs and histories.
        reason: String,
    },
}

/// Why a letter was not taken, or not even offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What becomes of the send.
    pub decision: Decision,
    /// Who is to be slower, where it is temporary.
    pub slows: Slows,
    /// The relay's code and text or our own words, fit for logs and histories.
    pub reason: String,
    /// The relay said of the recipient that there is no such mailbox, in these words of RFC 3463.
    pub no_mailbox: Option<MailStatus>,
}

impl From<&Trouble> for Refusal {
    fn from(trouble: &Trouble) -> Self {
        Self {
            decision: trouble.decision(),
            slows: trouble.slows(),
            no_mailbox: trouble.no_mailbox(),
            reason: redact::foreign(&trouble.reason()),
        }
    }
}

impl Relay {
    /// Reads `[relay]`; creates the outbox directory (mode 0700) and does no other I/O but reading certificates.
    ///
    /// # Errors
    /// One sentence that names the key.
    pub fn new(settings: &config::Relay, data_dir: &Path, registry: &Registry) -> Result<Self, RelayError> {
        Self::open(settings, data_dir, &Register::new(registry))
    }

    fn open(settings: &config::Relay, data_dir: &Path, register: &Register) -> Result<Self, RelayError> {
        let places = Arc::new(Semaphore::new(settings.connections.min(Semaphore::MAX_PERMITS)));
        let (door, metrics) = match Target::read(settings, data_dir)? {
            Target::Outbox(directory) => {
                (Door::Outbox(Arc::new(Outbox::new(directory)?)), register.of("outbox".into()))
            }
            Target::Server(server) => {
                let encrypts = server.security != Security::Clear;
                let tls = tls::connector(encrypts, settings.ca.as_deref())?;
                let metrics = register.of(server.label());
                (Door::Server(pool(server, tls, settings, &metrics)), metrics)
            }
        };
        Ok(Self(Arc::new(Shared { door, places, metrics })))
    }

    /// Waits for a place, and opens a connection if no warm one is usable.
    ///
    /// # Errors
    /// The relay could not be reached, or would not have us; no letter is concerned.
    pub async fn checkout(&self) -> Result<Session, Refusal> {
        let place = Arc::clone(&self.0.places).acquire_owned().await;
        let place = place.expect("the semaphore is never closed");
        let metrics = &self.0.metrics;
        let busy = Counted::new(&metrics.busy);
        let way = match &self.0.door {
            Door::Outbox(outbox) => Way::Outbox(Arc::clone(outbox)),
            Door::Server(pool) => {
                let (link, reused, turn) = pool.take().await.map_err(|trouble| refused(metrics, &trouble))?;
                Way::Server { pool: Arc::clone(pool), link: Box::new(link), reused, turn }
            }
        };
        Ok(Session { relay: self.clone(), way, _place: place, _busy: busy })
    }

    /// Connects, greets, encrypts, authenticates and leaves: says what the relay offers.
    ///
    /// # Errors
    /// As [`checkout`](Self::checkout).
    pub async fn check(&self) -> Result<Checked, Refusal> {
        let pool = match &self.0.door {
            Door::Outbox(outbox) => {
                let told = format!("outbox {}", outbox.directory().display());
                return Ok(Checked { told, certificate: None });
            }
            Door::Server(pool) => pool,
        };
        let link = pool.dialler.dial().await.map_err(|trouble| Refusal::from(&trouble))?;
        let server = &pool.dialler.server;
        let told = format!(
            "{}: {}, {}, {} round trip(s) per mail",
            server.label(),
            if link.wire.encrypted() { "encrypted" } else { "not encrypted" },
            if server.credentials.is_some() { "logged in" } else { "no login" },
            link.offers.round_trips(),
        );
        let certificate = link.wire.certificate();
        link.quit().await;
        Ok(Checked { told, certificate })
    }

    /// Takes leave on idle connections; connections still in use are closed by their sessions.
    pub async fn close(&self) {
        if let Door::Server(pool) = &self.0.door {
            pool.close().await;
        }
    }
}

fn refused(metrics: &Metrics, trouble: &Trouble) -> Refusal {
    metrics.ended(trouble.label());
    trouble.into()
}

fn pool(
    server: Server,
    tls: tokio_rustls::TlsConnector,
    settings: &config::Relay,
    metrics: &Metrics,
) -> Arc<Pool> {
    let (limits, open) = (settings.timeouts.clone(), metrics.open.clone());
    let dialler = Dialler { server: Arc::new(server), tls, limits, open };
    let spans = (settings.idle, settings.max_age, settings.max_mails);
    Pool::new(dialler, spans, metrics.standing.clone())
}

impl Session {
    /// There is no letter for it after all: nothing was said, and the connection is as good as before.
    pub fn unused(self) {
        if let Way::Server { pool, link, .. } = self.way {
            pool.park(*link);
        }
    }

    /// Hands the letter over. From the first word on, only the result tells what became of it.
    pub async fn deliver(self, letter: &Letter) -> Delivery {
        let metrics = &self.relay.0.metrics;
        let end = match self.way {
            Way::Outbox(outbox) => match outbox.write(&letter.bytes).await {
                Ok(()) => End::Taken("written to the outbox".into()),
                Err(trouble) => End::Refused(trouble),
            },
            Way::Server { pool, link, reused, turn } => pool.deliver(*link, reused, turn, letter).await,
        };
        match end {
            End::Taken(reply) => {
                metrics.ended("250");
                Delivery::Accepted { reply }
            }
            End::Refused(trouble) => Delivery::Refused(refused(metrics, &trouble)),
            End::Unknown(reason) => {
                metrics.ended("unknown");
                Delivery::Unknown { reason }
            }
        }
    }
}
