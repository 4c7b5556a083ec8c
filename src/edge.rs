//! The public listener: mail clients fetch pixels and follow links here, and so does everything else on the internet.
//!
//! # One request
//!
//! 1. A thread of the edge **accepts** the connection if a permit is free in all and for its address (`limits`). Behind a
//!    load balancer that speaks the PROXY protocol the client is introduced first (`introduction`), and has the share of its own address.
//! 2. hyper reads the head; a watch per connection (`pulse`) cuts clients that send it slowly or read slowly.
//! 3. The path chooses the `route`; everything unknown is an empty 404.
//! 4. The token is **verified in memory** and the request judged (`tracker`); what comes of it is offered to the
//!    [intake](crate::intake), which never waits. Agent and address (`client`: the peer's, or whom a trusted proxy names)
//!    end here.
//! 5. The **answer** is one of a few constants (`answer`), but for the pages of unsubscribing. For a pixel it is the same bytes whatever the token was.
//!
//! Two endpoints have to hear a `body` out before they answer: a page's `beacon`, and whoever posts to `unsubscribe`. And
//! one is answered before anything is known of it: a partner's pixel without a token is put `aside`, so that not even the
//! time it takes tells who is known here.
//!
//! Nothing between the first and the last byte touches a disk, a lock that is held over work, or another socket.
//!
//! # Threads
//!
//! Each thread has its own single-threaded runtime and its own socket on the same port (`SO_REUSEPORT`): the kernel
//! spreads connections and no task ever moves between cores. CPU per request against one multi-threaded runtime, each
//! measured in turns with nginx (whose CPU per request is 1) on a busy two-core machine, mean of two runs of three
//! rounds; differences below a tenth are noise:
//!
//! | | one thread | two threads |
//! | --- | --- | --- |
//! | a runtime and a socket for each thread | 0.94 | 0.95 |
//! | one multi-threaded runtime | 0.93 | 1.07 |
//!
//! # Price
//!
//! `vigie-load pixels` loads one thread of the edge (good token, recipient already online) and one nginx process that
//! serves `empty_gif` and does nothing else, in turns with `wrk -t1 -c64`. Medians of three runs on a busy two-core
//! machine: 0.97–0.98 of nginx's requests per second at 1.01–1.06 of its CPU per request.
//!
//! What that took, in instructions per request outside the kernel (callgrind; about 10,000 in all with SHA
//! instructions, most of them hyper's): one timer for each connection instead of hyper's for each request saves 1,350
//! (`pulse`); header values made at compile time and plain instead of vectored writes save 1,280 (`answer`).
//! Reading the agent by the rules was 5 % of all time and is remembered instead ([`classify`](crate::classify)).
//! Counters and the lookup of recently touched recipients do not show in profiles.

mod accept;
mod answer;
mod aside;
mod beacon;
mod body;
mod client;
mod connection;
mod introduction;
mod limits;
mod listen;
mod metrics;
mod origins;
mod pulse;
mod route;
mod script;
mod service;
mod tracker;
mod unsubscribe;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::config;
use crate::telemetry::Registry;
use accept::Door;
use service::Call;

pub use answer::{CACHE_CONTROL, GIF};
pub use tracker::{Parts, PaymentClick, Payments, Tracker};
pub use unsubscribe::{Recorder, Unsubscriber};

/// The public listener, bound and ready to run. The kernel queues connections from here on.
#[derive(Debug)]
pub struct Edge {
    /// One socket for each thread, all on one address.
    listeners: Vec<TcpListener>,
    address: SocketAddr,
    door: Arc<Door>,
    /// What the threads put aside.
    aside: mpsc::Receiver<Call>,
}

impl Edge {
    /// Binds the sockets. Port 0 takes a free port, the same for every thread.
    ///
    /// # Errors
    /// If the address is taken or not ours.
    pub fn bind(
        config: &config::Edge,
        tracker: Tracker,
        unsubscriber: Unsubscriber,
        registry: &Registry,
    ) -> io::Result<Self> {
        let sockets = listen::bind(config.listen, threads(config)?)?;
        Ok(Self::new(sockets, config, tracker, unsubscriber, registry))
    }

    /// On sockets that listen already, shared by all threads.
    ///
    /// # Errors
    /// There is none, or it cannot be shared.
    pub fn on(
        passed: &[TcpListener],
        config: &config::Edge,
        tracker: Tracker,
        unsubscriber: Unsubscriber,
        registry: &Registry,
    ) -> io::Result<Self> {
        let sockets = listen::share(passed, threads(config)?)?;
        Ok(Self::new(sockets, config, tracker, unsubscriber, registry))
    }

    fn new(
        (listeners, address): (Vec<TcpListener>, SocketAddr),
        config: &config::Edge,
        tracker: Tracker,
        unsubscriber: Unsubscriber,
        registry: &Registry,
    ) -> Self {
        let (put, aside) = aside::aside();
        let door = Arc::new(Door::new(config, Arc::new(tracker), unsubscriber, put, registry));
        Self { listeners, address, door, aside }
    }

    /// Where it listens.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown`, then stops accepting, lets requests in flight finish for at most
    /// `edge.request_timeout`, and closes what is left.
    ///
    /// # Errors
    /// If a thread cannot start or dies; the others are stopped then.
    pub async fn run(self, shutdown: CancellationToken) -> io::Result<()> {
        let stop = shutdown.child_token();
        // Whoever drops this future stops the threads.
        let _stops = stop.clone().drop_guard();
        let hearing = tokio::spawn(aside::hear(self.aside, Arc::clone(&self.door.tracker)));
        let threads: Vec<_> = self
            .listeners
            .into_iter()
            .enumerate()
            .map(|(number, listener)| start(number, listener, Arc::clone(&self.door), stop.child_token()))
            .collect();
        let mut outcome = Ok(());
        for thread in threads {
            let ended = match thread {
                Ok(done) => done.await.unwrap_or_else(|_| Err(io::Error::other("an edge thread died"))),
                Err(error) => Err(error),
            };
            if ended.is_err() {
                stop.cancel();
                outcome = outcome.and(ended);
            }
        }
        // The last who could put anything aside.
        drop(self.door);
        let _ = hearing.await;
        outcome
    }
}

/// How many threads are meant.
fn threads(config: &config::Edge) -> io::Result<usize> {
    match config.threads {
        0 => thread::available_parallelism().map(usize::from),
        some => Ok(some),
    }
}

/// Starts one thread; the receiver hears how it ended.
fn start(
    number: usize,
    listener: TcpListener,
    door: Arc<Door>,
    stop: CancellationToken,
) -> io::Result<oneshot::Receiver<io::Result<()>>> {
    let (ended, done) = oneshot::channel();
    thread::Builder::new().name(format!("edge-{number}")).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        // Nobody to tell if `run` was dropped: the process is ending.
        let _ = ended.send(runtime.and_then(|runtime| runtime.block_on(accept::serve(listener, door, stop))));
    })?;
    Ok(done)
}
