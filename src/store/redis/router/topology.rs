//! Which servers there are: asked of any that answers, and put in place of what was known.

use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use redis::{Value, cmd};
use tokio::time::{sleep, timeout};

use super::super::fault::Fault;
use super::super::link::Address;
use super::place::Place;
use super::primary::Primary;
use super::slots::{self, Range, Slots};
use super::{Core, Lane};

/// While something is amiss the map is read this often: a promoted replica is found within it.
const RETRY: Duration = Duration::from_millis(500);

/// And never more often than this, however many commands are redirected.
const SPACING: Duration = Duration::from_millis(100);

/// A server that takes longer to tell is passed over.
const PATIENCE: Duration = Duration::from_millis(500);

impl Core {
    /// Reads the map anew when somebody suspects it, and regularly while a primary is away. Never ends.
    pub(super) async fn follow(self: Arc<Self>) -> Infallible {
        loop {
            tokio::select! {
                () = self.stale.notified() => {}
                () = self.amiss() => {}
            }
            if let Err(fault) = self.refresh().await {
                tracing::debug!(%fault, "no server tells which of them owns what");
            }
            sleep(SPACING).await;
        }
    }

    async fn amiss(&self) {
        loop {
            sleep(RETRY).await;
            if !self.is_healthy() {
                return;
            }
        }
    }

    /// Asks one server after another, those first that answer other calls.
    pub(super) async fn refresh(&self) -> Result<(), Fault> {
        let mut primaries = self.primaries();
        primaries.sort_by_key(|primary| primary.in_trouble() || !primary.is_up());
        let mut fault = Fault::unavailable("no server of the cluster is known");
        for primary in &primaries {
            match self.ask(primary).await {
                Ok(ranges) => {
                    self.put_in_place(ranges);
                    return Ok(());
                }
                Err(why) => fault = why,
            }
        }
        let asked = |address: &Address| primaries.iter().any(|primary| *primary.address == *address);
        for address in self.known().into_iter().filter(|address| !asked(address)) {
            match self.ask_stranger(&address).await {
                Ok(ranges) => {
                    self.put_in_place(ranges);
                    return Ok(());
                }
                Err(why) => fault = why,
            }
        }
        Err(fault)
    }

    async fn ask(&self, primary: &Primary) -> Result<Vec<Range>, Fault> {
        let question = cmd("CLUSTER").arg("SLOTS").take();
        let reply = timeout(PATIENCE, primary.link(Lane::Control).call(&question)).await;
        let reply = reply.unwrap_or_else(|_| Err(silent(&primary.address)))?;
        understood(&reply, &primary.address)
    }

    /// A server that is named, or a replica: a connection for one question.
    async fn ask_stranger(&self, address: &Address) -> Result<Vec<Range>, Fault> {
        let mut dialled = self.dialler.dial(address).await?;
        let question = cmd("CLUSTER").arg("SLOTS").take();
        let reply = timeout(PATIENCE, dialled.connection.send_packed_command(&question)).await;
        let reply = reply.ok().and_then(Result::ok).ok_or_else(|| silent(address))?;
        understood(&reply, address)
    }

    /// Servers that are still primaries keep their connections; those that are none any more lose them.
    fn put_in_place(&self, ranges: Vec<Range>) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let mut new = Slots::empty();
        for range in &ranges {
            let known = new.at(&range.primary).or_else(|| slots.at(&range.primary)).cloned();
            let primary =
                known.unwrap_or_else(|| Primary::new(&self.dialler, &self.clock, range.primary.clone()));
            slots.owners(range.first, range.last).for_each(|before| primary.inherit(before));
            new.give(range.first, range.last, &primary);
        }
        *slots = new;
        drop(slots);
        let nodes = ranges.into_iter().flat_map(|range| range.replicas.into_iter().chain([range.primary]));
        self.remember(nodes);
    }

    /// Whom to ask when none of the primaries answers. What the URL names comes first and stays.
    fn remember(&self, nodes: impl Iterator<Item = Address>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.truncate(self.named);
        for node in nodes {
            if !known.contains(&node) {
                known.push(node);
            }
        }
    }

    /// A server said that a slot is another's.
    pub(super) fn moved(&self, place: Place, to: &Address, from: &Arc<Primary>) {
        self.redirected.fetch_add(1, Ordering::Relaxed);
        self.suspect();
        let to = self.primary(to);
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        if slots.owner(place).is_none_or(|owner| !Arc::ptr_eq(owner, &to)) {
            to.inherit(from);
            slots.give(place.0, place.0, &to);
        }
    }

    /// The primary at an address, connected to from now on.
    pub(super) fn primary(&self, address: &Address) -> Arc<Primary> {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = slots.at(address) {
            return Arc::clone(known);
        }
        let primary = Primary::new(&self.dialler, &self.clock, address.clone());
        slots.adopt(&primary);
        primary
    }
}

fn understood(reply: &Value, asked: &Address) -> Result<Vec<Range>, Fault> {
    if let Value::ServerError(error) = reply {
        return Err(Fault::of(error));
    }
    let ranges = slots::read(reply, asked);
    if ranges.is_empty() { Err(Fault::unavailable(format!("{asked} knows of no slots"))) } else { Ok(ranges) }
}

fn silent(asked: &Address) -> Fault {
    Fault::unavailable(format!("{asked} does not tell who owns what"))
}
