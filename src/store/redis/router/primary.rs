//! One primary: a link for each lane, and the library.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::{Cmd, Value, cmd};
use tokio::sync::Mutex;

use super::super::fault::Fault;
use super::super::link::{Address, Dialler, Health, Link};
use super::{Lane, Library};
use crate::clock::Clock;

/// What is said when the library is missing and we may not load it.
const REMEDY: &str = "the functions are not loaded and this user may not load them: \
                      run `vigie redis install` with a user that may";

/// A server that owns slots.
pub(super) struct Primary {
    pub(super) address: Arc<Address>,
    links: [Link; Lane::ALL.len()],
    health: Arc<Health>,
    /// How often the library was looked for; one looks at a time.
    loads: AtomicU64,
    loading: Mutex<()>,
}

impl Primary {
    /// Begins to connect all lanes, so that no first call of a lane has to.
    pub(super) fn new(dialler: &Arc<Dialler>, clock: &Clock, address: Address) -> Arc<Self> {
        let (address, health) = (Arc::new(address), Arc::new(Health::new(clock.clone())));
        let links = Lane::ALL.map(|_| Link::new(Arc::clone(dialler), Arc::clone(&address), &health));
        Arc::new(Self { address, links, health, loads: AtomicU64::new(0), loading: Mutex::default() })
    }

    /// The link of a lane.
    pub(super) fn link(&self, lane: Lane) -> &Link {
        &self.links[lane as usize]
    }

    /// Whether every lane is connected.
    pub(super) fn is_up(&self) -> bool {
        self.links.iter().all(Link::is_up)
    }

    /// Whether calls on any lane fail at present.
    pub(super) fn in_trouble(&self) -> bool {
        self.links.iter().any(Link::in_trouble)
    }

    /// Takes over slots of another server: if that was away, their leases could not be renewed.
    pub(super) fn inherit(&self, before: &Self) {
        if std::ptr::eq(self, before) {
            return;
        }
        if before.in_trouble() {
            self.health.is_back();
        } else {
            self.health.inherit(&before.health);
        }
    }

    /// What is left of `lease` since the server came back; all of it while it is away.
    pub(super) fn quiet_for(&self, lease: Duration) -> Duration {
        if self.in_trouble() {
            return lease;
        }
        self.health.back_for().map_or(Duration::ZERO, |back| lease.saturating_sub(back))
    }

    /// Connections replaced.
    pub(super) fn replaced(&self) -> u64 {
        self.health.replaced()
    }

    /// A mark for [`load`](Self::load).
    pub(super) fn loads(&self) -> u64 {
        self.loads.load(Ordering::Acquire)
    }

    /// Loads the library unless it is there; unless somebody did so since `seen` was read. A user who may neither look
    /// nor load learns at the first call whether it is missing.
    pub(super) async fn load(&self, library: &Library, seen: Option<u64>) -> Result<(), Fault> {
        let _one = self.loading.lock().await;
        if seen.is_some_and(|seen| seen != self.loads()) {
            return Ok(());
        }
        if !self.is_loaded(library).await? {
            let reply = self.ask(cmd("FUNCTION").arg("LOAD").arg(&library.source)).await?;
            match reply {
                Value::ServerError(error) if is_there_already(&error) => {}
                Value::ServerError(error) if error.code() == "NOPERM" => match seen {
                    Some(_) => return Err(Fault::Refused(REMEDY.into())),
                    None => return self.may_be_loaded(library).await,
                },
                Value::ServerError(error) => return Err(Fault::of(&error)),
                _ => {}
            }
        }
        self.loads.fetch_add(1, Ordering::Release);
        Ok(())
    }

    async fn is_loaded(&self, library: &Library) -> Result<bool, Fault> {
        let reply = self.ask(&list(library)).await?;
        match reply {
            Value::Array(libraries) => Ok(!libraries.is_empty()),
            Value::ServerError(error) if error.code() != "NOPERM" => Err(Fault::of(&error)),
            _ => Ok(false),
        }
    }

    /// We may not load. If we may not look either, it can still be there.
    async fn may_be_loaded(&self, library: &Library) -> Result<(), Fault> {
        match self.ask(&list(library)).await? {
            Value::ServerError(_) => Ok(()),
            _ => Err(Fault::Refused(REMEDY.into())),
        }
    }

    async fn ask(&self, command: &Cmd) -> Result<Value, Fault> {
        self.link(Lane::Control).call(command).await
    }
}

fn list(library: &Library) -> Cmd {
    let mut list = cmd("FUNCTION");
    list.arg("LIST").arg("LIBRARYNAME").arg(&library.name);
    list
}

/// Another gateway was faster.
fn is_there_already(error: &redis::ServerError) -> bool {
    error.details().is_some_and(|details| details.ends_with("already exists"))
}
