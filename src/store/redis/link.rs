//! One supervised connection to one server.
//!
//! A [`Link`] is always one of three things: *up*, and then a call costs one look at the current connection;
//! *connecting*, at the start and when a connection was closed, and then calls wait for the first attempt, which takes
//! no longer than a second; or *down*, and then calls fail at once. A task of its own, the [keeper], brings
//! it from one to the next, so that nobody who calls ever opens a connection:
//!
//! - The connection closed (a restart, `CLIENT KILL`, the server's `timeout`): the keeper hears of it at once, also
//!   while nothing is sent, and connects anew. Commands that were under way are sent once more over the new
//!   connection: every command that goes through here may run twice.
//! - The server takes commands and answers none (stopped, hung, a path that swallows packets): a `PING` a second
//!   waits behind whatever is under way; if nothing at all is heard for three seconds, the connection is dropped, and
//!   calls fail at once until another one answers. redis-rs' own manager would stay with such a connection for as
//!   long as the kernel does.
//!
//! What is under way on a link is bounded: beyond [`IN_FLIGHT`] commands a call fails at once rather than queue.

mod dial;
mod health;
mod heard;
mod keeper;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, RedisResult, Value};
use tokio::sync::{Notify, Semaphore, SemaphorePermit, watch};
use tokio_util::task::AbortOnDropHandle;

pub(super) use self::dial::{Address, Dialler};
pub(super) use self::health::Health;
use self::health::Trouble;
use self::keeper::Keeper;
use super::fault::Fault;

/// Commands under way on one link; a stalled server holds no more of them in our memory.
pub(super) const IN_FLIGHT: usize = 4096;

/// A reply that takes longer is not waited for.
const RESPONSE: Duration = Duration::from_secs(2);

/// One supervised connection. Dropping it closes the connection.
pub(super) struct Link {
    server: Arc<Address>,
    state: watch::Receiver<State>,
    permits: Semaphore,
    trouble: Arc<Trouble>,
    replace: Arc<Notify>,
    _keeper: AbortOnDropHandle<Infallible>,
}

/// What a call finds.
#[derive(Clone)]
enum State {
    /// The first attempt, or the first since a connection closed.
    Connecting,
    /// Ready.
    Up(Live),
    /// Why not; attempts go on.
    Down(Fault),
}

/// The connection of the moment.
#[derive(Clone)]
struct Live {
    /// Counts the link's connections.
    number: u64,
    connection: MultiplexedConnection,
}

/// What goes out in one write.
#[derive(Clone, Copy)]
enum Message<'a> {
    One(&'a Cmd),
    /// Several, and how long their replies may take.
    Many(&'a Pipeline, Duration),
}

impl Link {
    /// Begins to connect.
    pub(super) fn new(dialler: Arc<Dialler>, server: Arc<Address>, health: &Arc<Health>) -> Self {
        let (sender, state) = watch::channel(State::Connecting);
        let (trouble, replace) = (Trouble::new(health), Arc::default());
        let keeper = Keeper {
            dialler,
            server: Arc::clone(&server),
            state: sender,
            trouble: Arc::clone(&trouble),
            replace: Arc::clone(&replace),
        };
        let keeper = AbortOnDropHandle::new(tokio::spawn(keeper.run()));
        Self { server, state, permits: Semaphore::new(IN_FLIGHT), trouble, replace, _keeper: keeper }
    }

    /// Sends one command; an error that the server answers is a value here.
    pub(super) async fn call(&self, command: &Cmd) -> Result<Value, Fault> {
        let _permit = self.permit(1)?;
        self.deliver(Message::One(command)).await
    }

    /// Sends several in one write and answers as many values; errors that the server answers are among them.
    /// `extra` is added to how long replies may take, for commands that wait themselves.
    pub(super) async fn many(&self, commands: &Pipeline, extra: Duration) -> Result<Vec<Value>, Fault> {
        let _permits = self.permit(commands.len())?;
        match self.deliver(Message::Many(commands, RESPONSE + extra)).await? {
            Value::Array(values) if values.len() == commands.len() => Ok(values),
            _ => Err(self.fault("answers out of step")),
        }
    }

    /// Whether calls would reach the server now.
    pub(super) fn is_up(&self) -> bool {
        matches!(*self.state.borrow(), State::Up(_))
    }

    /// Asks for another connection: this one leads to a server that is not the primary any more, and its name may
    /// have come to mean another.
    pub(super) fn replace(&self) {
        self.replace.notify_one();
    }

    /// Whether calls fail at present, or just timed out.
    pub(super) fn in_trouble(&self) -> bool {
        self.trouble.is_on()
    }

    fn permit(&self, commands: usize) -> Result<SemaphorePermit<'_>, Fault> {
        let commands = u32::try_from(commands).unwrap_or(u32::MAX);
        self.permits.try_acquire_many(commands).map_err(|_| self.fault("has too many commands under way"))
    }

    /// Sends it, and once more if the connection turns out to be closed.
    async fn deliver(&self, message: Message<'_>) -> Result<Value, Fault> {
        let mut live = self.live(0).await?;
        match live.send(message).await {
            Err(error) if error.is_timeout() => Err(self.late()),
            Err(_) => {
                let mut live = self.live(live.number + 1).await?;
                live.send(message).await.map_err(|error| {
                    if error.is_timeout() { self.late() } else { self.fault("closed the connection twice") }
                })
            }
            Ok(value) => Ok(value),
        }
    }

    /// The connection, if it is at least the `number`th.
    async fn live(&self, number: u64) -> Result<Live, Fault> {
        if let State::Up(live) = &*self.state.borrow()
            && live.number >= number
        {
            return Ok(live.clone());
        }
        self.next(number).await
    }

    #[cold]
    async fn next(&self, number: u64) -> Result<Live, Fault> {
        let mut state = self.state.clone();
        let settled = state.wait_for(|state| match state {
            State::Connecting => false,
            State::Up(live) => live.number >= number,
            State::Down(_) => true,
        });
        match settled.await.as_deref() {
            Ok(State::Up(live)) => Ok(live.clone()),
            Ok(State::Down(fault)) => Err(fault.clone()),
            _ => Err(self.fault("is not connected to any more")),
        }
    }

    /// Calls fail although the server answers: counts as an outage until its next sign of life.
    pub(super) fn fails(&self) {
        self.trouble.begins();
    }

    fn late(&self) -> Fault {
        self.fails();
        self.fault("did not answer in time")
    }

    fn fault(&self, what: &str) -> Fault {
        Fault::unavailable(format!("{} {what}", self.server))
    }
}

impl Live {
    async fn send(&mut self, message: Message<'_>) -> RedisResult<Value> {
        match message {
            Message::One(command) => self.connection.send_packed_command(command).await,
            Message::Many(commands, limit) => {
                self.connection.set_response_timeout(limit);
                let values = self.connection.send_packed_commands(commands, 0, commands.len()).await?;
                Ok(Value::Array(values))
            }
        }
    }
}
