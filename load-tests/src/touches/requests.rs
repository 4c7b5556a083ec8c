//! Asking for many pixels, each once, over a fixed set of connections, one thread for all of them.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::LocalSet;

use crate::fires::MAIL_CLIENT;

/// What to ask for.
pub struct Plan {
    /// Whom.
    pub edge: SocketAddr,
    /// What.
    pub paths: Vec<String>,
    /// On how many connections; each asks again when it was answered.
    pub connections: usize,
    /// How many a second at most.
    pub rate: Option<u32>,
    /// How many in all so far; others raise it.
    pub allowed: Arc<AtomicUsize>,
}

/// What the connections share.
struct Shared {
    plan: Plan,
    begun: Instant,
    next: Cell<usize>,
    /// Somebody looked at the clock.
    tick: Notify,
}

/// Between two looks at the clock by connections that wait: the finest the runtime's timer has.
const TICK: Duration = Duration::from_millis(1);

/// Asks for everything; how long it took.
pub fn run(plan: Plan) -> Result<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let begun = Instant::now();
    let connections = plan.connections;
    let shared = Rc::new(Shared { plan, begun, next: Cell::new(0), tick: Notify::new() });
    let local = LocalSet::new();
    let ticking = Rc::clone(&shared);
    local.spawn_local(async move {
        loop {
            tokio::time::sleep(TICK).await;
            ticking.tick.notify_waiters();
        }
    });
    let asking: Vec<_> = (0..connections).map(|_| local.spawn_local(ask(Rc::clone(&shared)))).collect();
    local.block_on(&runtime, async move {
        for one in asking {
            one.await??;
        }
        Ok(begun.elapsed())
    })
}

/// One connection's requests.
async fn ask(shared: Rc<Shared>) -> Result<()> {
    let mut stream = TcpStream::connect(shared.plan.edge).await?;
    stream.set_nodelay(true)?;
    let mut request = Vec::with_capacity(512);
    let mut answer = [0; 2048];
    let mut expected = None;
    while let Some(path) = shared.path().await {
        request.clear();
        for part in ["GET ", path, " HTTP/1.1\r\nHost: edge\r\nUser-Agent: ", MAIL_CLIENT, "\r\n\r\n"] {
            request.extend_from_slice(part.as_bytes());
        }
        stream.write_all(&request).await?;
        // All answers are of the length of the first, which comes in one piece.
        let mut read = stream.read(&mut answer).await?;
        let expected = *expected.get_or_insert(read);
        ensure!(answer.starts_with(b"HTTP/1.1 200"), "the edge refuses");
        while read < expected {
            let more = stream.read(&mut answer[read..]).await?;
            ensure!(more > 0, "the edge hung up");
            read += more;
        }
    }
    Ok(())
}

impl Shared {
    /// The next path, as soon as it may be asked for.
    async fn path(&self) -> Option<&str> {
        let number = self.next.get();
        self.next.set(number + 1);
        let path = self.plan.paths.get(number)?;
        while !self.may(number) {
            self.tick.notified().await;
        }
        Some(path)
    }

    fn may(&self, number: usize) -> bool {
        let in_time = |rate: u32| number as f64 <= self.begun.elapsed().as_secs_f64() * f64::from(rate);
        number < self.plan.allowed.load(Ordering::Relaxed) && self.plan.rate.is_none_or(in_time)
    }
}
