//! Which server a command goes to, and what happens when it was the wrong one.
//!
//! A call looks up who owns its [`Place`] in a map that is kept in memory, and goes straight to that server over the
//! [`Link`](super::link::Link) of its [`Lane`]. All else is for the case that the reply is a redirection:
//!
//! - `MOVED`: the map is put right for this slot, the command follows at once, and a task in the background
//!   ([`topology`]) reads the whole map anew. The same task does so every half second while some primary is not
//!   connected, so a promoted replica is found although nothing redirects to it. Calls never wait for that.
//! - `ASK`: the slot is on its way to another server. A command on one key follows this once, behind `ASKING`; a
//!   function waits until the whole slot has moved, or it would run with half of its keys.
//! - `TRYAGAIN`, `LOADING`, `CLUSTERDOWN`, `READONLY` and their like: tried again with jitter, for a second in all; a
//!   result (which must be recorded) for two.
//! - The function is not there, because somebody flushed the functions, or the server restarted empty: the library is
//!   loaded once, and the command sent again.
//! - No connection, or no reply in time: fails at once. Whoever called knows what repeating means.
//!
//! One server without a cluster is the same with a map that never changes.

mod answer;
mod batch;
mod place;
mod primary;
mod safe;
mod slots;
#[cfg(test)]
mod tests;
mod together;
mod topology;

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use redis::{Cmd, Value};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use self::answer::Answer;
use self::batch::Batch;
pub(super) use self::place::Place;
use self::primary::Primary;
pub(super) use self::safe::Safe;
use self::slots::Slots;
use self::together::all;
use super::fault::Fault;
use super::library::Library;
use super::link::{Address, Dialler};
use crate::clock::Clock;
use crate::config::RedisUrl;

/// Which of a server's connections a command takes, so that a touch never queues behind a `WAIT` or a bulk push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Signals: somebody is online now.
    Hot,
    /// What became of claims.
    Results,
    /// New sends, with the waiting for replicas.
    Enqueue,
    /// All that can wait a moment: settings, heartbeats, looking things up.
    Control,
}

impl Lane {
    const ALL: [Self; 4] = [Self::Hot, Self::Results, Self::Enqueue, Self::Control];

    /// For how long a command is tried again while a server asks for patience.
    fn patience(self) -> Duration {
        match self {
            // A result that is not recorded becomes a second mail.
            Self::Results => Duration::from_secs(2),
            Self::Hot | Self::Enqueue | Self::Control => Duration::from_secs(1),
        }
    }
}

/// What has happened since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Connections replaced, of the servers that are primaries now.
    pub(super) replaced: u64,
    /// Commands sent on to another server.
    pub(super) redirected: u64,
    /// Commands put off because a server asked for patience.
    pub(super) postponed: u64,
}

/// The servers of one store. Cheap to clone; the last one dropped closes the connections.
#[derive(Clone)]
pub(super) struct Router {
    core: Arc<Core>,
    /// Follows the cluster's changes.
    _topology: Option<Arc<AbortOnDropHandle<Infallible>>>,
}

/// One primary.
#[derive(Clone)]
pub(super) struct Server(Arc<Primary>);

impl Server {
    /// Its host and port.
    pub(super) fn name(&self) -> String {
        self.0.address.to_string()
    }
}

/// What the calls and the topology's task share.
struct Core {
    dialler: Arc<Dialler>,
    /// What outages are measured by.
    clock: Clock,
    library: Library,
    cluster: bool,
    slots: RwLock<Slots>,
    /// Whom to ask for the map: those that the URL names, and all that the last map named.
    known: RwLock<Vec<Address>>,
    /// How many of them the URL names.
    named: usize,
    /// The map is out of date.
    stale: Notify,
    redirected: AtomicU64,
    postponed: AtomicU64,
}

impl Router {
    /// Connects to every primary and loads the library where it is missing.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] if no server can be reached; of a cluster some primaries may be away.
    /// [`Fault::Refused`] if a server does not let us in, or lacks the library and does not let us load it: the text
    /// names the remedy.
    pub(super) async fn connect(url: &RedisUrl, library: Library, clock: &Clock) -> Result<Self, Fault> {
        let core = Arc::new(Core::new(url, library, clock.clone()));
        if url.cluster {
            core.refresh().await?;
        } else if let [only, ..] = core.known().as_slice() {
            let primary = Primary::new(&core.dialler, &core.clock, only.clone());
            *core.slots.write().unwrap_or_else(PoisonError::into_inner) = Slots::of_one(primary);
        }
        core.load_everywhere().await?;
        core.dialler.proven();
        let follow = || Arc::new(AbortOnDropHandle::new(tokio::spawn(Arc::clone(&core).follow())));
        let topology = url.cluster.then(follow);
        Ok(Self { core, _topology: topology })
    }

    /// Sends one command to the primary that owns the place.
    ///
    /// # Errors
    /// See the [module doc](self) for what is tried before; a server's error never says more than its code and a
    /// sentence of ours.
    pub(super) async fn call(&self, lane: Lane, place: Place, command: Cmd) -> Result<Value, Fault> {
        let Some(primary) = self.core.owner(place) else {
            return Batch::new(&self.core, lane, vec![(place, command)], None).settle_one().await;
        };
        let seen = primary.loads();
        let reply = primary.link(lane).call(&command).await;
        let reply = reply.inspect_err(|_| self.core.suspect())?;
        match Answer::read(reply, &primary.address) {
            Answer::Final(answer) => answer,
            answer => {
                let mut batch = Batch::new(&self.core, lane, vec![(place, command)], None);
                batch.heed(0, answer, &primary, seen).await;
                batch.settle_one().await
            }
        }
    }

    /// Sends many commands, to all servers at once and up to a thousand per server before a reply is waited for;
    /// answers in the order given. Commands for one server run in their order, unless redirected.
    pub(super) async fn many(&self, lane: Lane, commands: Vec<(Place, Cmd)>) -> Vec<Result<Value, Fault>> {
        Batch::new(&self.core, lane, commands, None).settle().await
    }

    /// As [`many`](Self::many), on the lane for new sends; answers only when each server said that all of it is as
    /// safe as asked for. Where one does not in time, its commands fail as [`Fault::NotReplicated`], though done.
    pub(super) async fn many_then_wait(
        &self,
        commands: Vec<(Place, Cmd)>,
        safe: Safe,
    ) -> Vec<Result<Value, Fault>> {
        Batch::new(&self.core, Lane::Enqueue, commands, Some(safe)).settle().await
    }

    /// The primaries as they are now; of a cluster, as its map says that is read for this.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] if no server of a cluster says who they are.
    pub(super) async fn servers(&self) -> Result<Vec<Server>, Fault> {
        if self.core.cluster {
            self.core.refresh().await?;
        }
        let primaries = self.core.primaries();
        let owns = |primary: &Arc<Primary>| {
            let slots = self.core.slots.read().unwrap_or_else(PoisonError::into_inner);
            slots.owners(0, place::SLOTS - 1).any(|owner| Arc::ptr_eq(owner, primary))
        };
        Ok(primaries.into_iter().filter(owns).map(Server).collect())
    }

    /// The server that owns a place, if there is one.
    pub(super) fn owner(&self, place: Place) -> Option<Server> {
        self.core.owner(place).map(Server)
    }

    /// Sends a command, without keys, to this server.
    ///
    /// # Errors
    /// As [`call`](Self::call), but that nothing is tried again.
    pub(super) async fn call_on(&self, server: &Server, lane: Lane, command: &Cmd) -> Result<Value, Fault> {
        self.core.call_on(&server.0, lane, command).await
    }

    /// What is left of `lease` since this place's server came back from an outage, or started: until then holders
    /// may have been unable to renew, and their leases are not to be reclaimed. Zero is fine; an outage that lasts
    /// leaves all of it.
    pub(super) fn quiet_for(&self, place: Place, lease: Duration) -> Duration {
        self.core.owner(place).map_or(lease, |primary| primary.quiet_for(lease))
    }

    /// Whether every slot has a primary and all of them are connected.
    pub(super) fn healthy(&self) -> bool {
        self.core.is_healthy()
    }

    /// What has happened since the start.
    pub(super) fn counts(&self) -> Counts {
        Counts {
            replaced: self.core.primaries().iter().map(|primary| primary.replaced()).sum(),
            redirected: self.core.redirected.load(Ordering::Relaxed),
            postponed: self.core.postponed.load(Ordering::Relaxed),
        }
    }
}

impl Core {
    fn new(url: &RedisUrl, library: Library, clock: Clock) -> Self {
        let named = url.servers.iter().map(|(host, port)| Address { host: host.clone(), port: *port });
        Self {
            dialler: Arc::new(Dialler::new(url)),
            clock,
            library,
            cluster: url.cluster,
            slots: RwLock::new(Slots::empty()),
            known: RwLock::new(named.collect()),
            named: url.servers.len(),
            stale: Notify::new(),
            redirected: AtomicU64::new(0),
            postponed: AtomicU64::new(0),
        }
    }

    fn owner(&self, place: Place) -> Option<Arc<Primary>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner).owner(place).cloned()
    }

    fn primaries(&self) -> Vec<Arc<Primary>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner).primaries().to_vec()
    }

    fn known(&self) -> Vec<Address> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_healthy(&self) -> bool {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.is_complete() && slots.primaries().iter().all(|primary| primary.is_up())
    }

    /// Something does not fit the map: it is read anew, soon, by the topology's task.
    fn suspect(&self) {
        self.stale.notify_one();
    }

    /// A command that belongs to a server rather than to a place.
    async fn call_on(&self, primary: &Arc<Primary>, lane: Lane, command: &Cmd) -> Result<Value, Fault> {
        let seen = primary.loads();
        let mut answer = Answer::read(primary.link(lane).call(command).await?, &primary.address);
        if answer == Answer::Missing {
            primary.load(&self.library, Some(seen)).await?;
            answer = Answer::read(primary.link(lane).call(command).await?, &primary.address);
        }
        match answer {
            Answer::Final(answer) => answer,
            Answer::Again(fault) | Answer::Astray(fault) => Err(fault),
            Answer::Moved(..) | Answer::Ask(_) => Err(Fault::unavailable("the keys are another server's")),
            Answer::Missing => Err(Fault::Refused("the library lacks a function".into())),
        }
    }

    /// Of a cluster some primaries may be away: they get the library when they are back and somebody misses it.
    async fn load_everywhere(&self) -> Result<(), Fault> {
        let primaries = self.primaries();
        let loaded = all(primaries.iter().map(|primary| primary.load(&self.library, None))).await;
        let some = loaded.iter().any(Result::is_ok);
        let away = |fault: &Fault| some && matches!(fault, Fault::Unavailable(_));
        loaded.into_iter().filter_map(Result::err).find(|fault| !away(fault)).map_or(Ok(()), Err)
    }
}
