//! The task that keeps a link connected.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use redis::Value;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};

use super::super::fault::Fault;
use super::dial::{Address, Dialled, Dialler};
use super::health::Trouble;
use super::{Live, State};

/// The server is asked for a sign of life this often.
const PULSE: Duration = Duration::from_secs(1);

/// A connection on which nothing was heard for this long while a reply was due has stalled.
const STALLED: Duration = Duration::from_secs(3);

/// Between two attempts to connect lies at least this; twice as much with the jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// And at most this; twice as much with the jitter, so that a server that is back is found within a second.
const LAST_PAUSE: Duration = Duration::from_millis(500);

/// All that the task needs.
pub(super) struct Keeper {
    pub(super) dialler: Arc<Dialler>,
    pub(super) server: Arc<Address>,
    pub(super) state: watch::Sender<State>,
    pub(super) trouble: Arc<Trouble>,
    pub(super) replace: Arc<Notify>,
}

/// How a connection ended.
enum End {
    /// The server closed it, or the kernel gave it up.
    Closed,
    /// Nothing is heard from it.
    Stalled,
    /// Somebody asked for another.
    Unwanted,
}

impl Keeper {
    /// Connects, watches, and begins again.
    pub(super) async fn run(self) -> Infallible {
        let mut number = 0;
        loop {
            let dialled = self.connect().await;
            let born = Instant::now();
            number += 1;
            self.trouble.health.up_for(dialled.uptime);
            let live = Live { number, connection: dialled.connection.clone() };
            self.state.send_replace(State::Up(live.clone()));
            let mut driver = dialled.driver;
            let end = tokio::select! {
                _ = &mut driver => End::Closed,
                end = self.watch(live, &dialled.reads) => end,
                () = self.unwanted(born) => End::Unwanted,
            };
            self.leave(end, born).await;
        }
    }

    /// Tries until it works.
    async fn connect(&self) -> Dialled {
        let pauses = ExponentialBuilder::default()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(LAST_PAUSE)
            .without_max_times()
            .with_jitter();
        let mut pauses = pauses.build();
        loop {
            match self.dialler.dial(&self.server).await {
                Ok(dialled) => return dialled,
                Err(fault) => self.down(fault),
            }
            sleep(pauses.next().unwrap_or(LAST_PAUSE)).await;
        }
    }

    /// Asks for signs of life; answers when none come.
    async fn watch(&self, mut live: Live, reads: &AtomicU64) -> End {
        live.connection.set_response_timeout(STALLED);
        let ping = redis::cmd("PING");
        loop {
            let before = reads.load(Ordering::Relaxed);
            match live.connection.send_packed_command(&ping).await {
                // It reads its files, or a script keeps it busy: the outage goes on.
                Ok(Value::ServerError(error))
                    if matches!(error.code(), "LOADING" | "MASTERDOWN" | "BUSY") =>
                {
                    self.trouble.begins();
                }
                Ok(_) => self.trouble.ends(),
                Err(error) if !error.is_timeout() => return End::Closed,
                // Replies come, but not ours yet: somebody before us waits for replicas.
                Err(_) if reads.load(Ordering::Relaxed) > before => {}
                Err(_) => return End::Stalled,
            }
            sleep(PULSE).await;
        }
    }

    /// Answers when somebody wants another connection, and this one has had its second.
    async fn unwanted(&self, born: Instant) {
        self.replace.notified().await;
        tokio::time::sleep_until(born + PULSE).await;
    }

    /// Says what has become of the connection, before it is dropped and those who wait on it hear of that.
    async fn leave(&self, end: End, born: Instant) {
        self.trouble.health.count_replaced();
        if let End::Stalled = end {
            self.down(Fault::unavailable(format!("{} does not answer", self.server)));
        } else {
            self.state.send_replace(State::Connecting);
        }
        if born.elapsed() < PULSE {
            // Something that takes connections only to close them is not asked in a circle.
            sleep(FIRST_PAUSE).await;
        }
    }

    fn down(&self, fault: Fault) {
        self.trouble.begins();
        self.state.send_replace(State::Down(fault));
    }
}
