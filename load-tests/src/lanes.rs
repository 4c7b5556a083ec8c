//! Open loop over HTTP: requests leave at their planned moments on a fixed set of warm connections, whether or not earlier
//! ones have been answered, and each answer's latency counts from the planned moment.
//!
//! One thread plans and writes, straight to blocking sockets, and one per connection reads: a timer of the runtime is late
//! by up to a millisecond, which would be counted as the gateway's. Requests that are due together leave together.

mod answers;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use crate::fires::MAIL_CLIENT;
use crate::samples::Samples;

/// Warm connections to one listener.
pub struct Lanes {
    all: Vec<Lane>,
    next: usize,
    progress: Arc<Progress>,
}

/// How far a run is; others may look.
#[derive(Debug, Default)]
pub struct Progress {
    asked: AtomicU64,
    answered: AtomicU64,
}

/// What came back.
#[derive(Debug, Default)]
pub struct Answers {
    /// From the planned moment to the end of the answer.
    pub latencies: Samples,
    /// Answers that were neither 2xx nor 3xx.
    pub refused: u64,
    /// Requests without an answer.
    pub unanswered: u64,
}

struct Lane {
    stream: TcpStream,
    /// Requests that are due and not written yet.
    due: Vec<u8>,
    planned: Sender<Instant>,
    reading: JoinHandle<Answers>,
}

/// So many bytes leave at once, at most.
const TOGETHER: usize = 8 << 10;

impl Progress {
    /// Requests that left, and answers that came.
    pub fn so_far(&self) -> (u64, u64) {
        (self.asked.load(Ordering::Relaxed), self.answered.load(Ordering::Relaxed))
    }
}

impl Lanes {
    /// Connects.
    pub fn open(address: SocketAddr, connections: usize) -> Result<Self> {
        let progress = Arc::<Progress>::default();
        let lane = |_| {
            let stream = TcpStream::connect(address).context("the edge does not listen")?;
            stream.set_nodelay(true)?;
            let (planned, moments) = channel();
            let (input, count) = (stream.try_clone()?, Arc::clone(&progress));
            let reading = std::thread::spawn(move || answers::read(input, &moments, &count.answered));
            Ok(Lane { stream, due: Vec::with_capacity(TOGETHER), planned, reading })
        };
        let all = (0..connections.max(1)).map(lane).collect::<Result<_>>()?;
        Ok(Self { all, next: 0, progress })
    }

    /// How far it is, for others to look at.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Asks for `path` at a moment, as a mail client does; waits for the moment if it lies ahead.
    pub fn get(&mut self, planned: Instant, path: &str) -> Result<()> {
        self.ask(planned, "GET", path, "")
    }

    /// Sends a request at a moment; waits for the moment if it lies ahead.
    pub fn ask(&mut self, planned: Instant, method: &str, path: &str, body: &str) -> Result<()> {
        let now = Instant::now();
        if planned > now {
            self.flush()?;
            std::thread::sleep(planned - Instant::now().min(planned));
        }
        let number = self.next;
        self.next = (self.next + 1) % self.all.len();
        let lane = &mut self.all[number];
        lane.planned.send(planned).map_err(|_| anyhow!("the edge hung up"))?;
        write!(lane.due, "{method} {path} HTTP/1.1\r\nHost: edge\r\nUser-Agent: {MAIL_CLIENT}\r\n")?;
        if !body.is_empty() {
            let length = body.len();
            write!(
                lane.due,
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n"
            )?;
        }
        write!(lane.due, "\r\n{body}")?;
        self.progress.asked.fetch_add(1, Ordering::Relaxed);
        if lane.due.len() > TOGETHER {
            lane.flush()?;
        }
        Ok(())
    }

    /// Writes what is due.
    pub fn flush(&mut self) -> Result<()> {
        self.all.iter_mut().try_for_each(Lane::flush)
    }

    /// Waits for the answers that are missing, and says what came.
    pub fn close(mut self) -> Result<Answers> {
        self.flush()?;
        let mut all = Answers::default();
        for Lane { planned, reading, .. } in self.all {
            drop(planned);
            let one = reading.join().map_err(|_| anyhow!("a reader panicked"))?;
            all.latencies.join(one.latencies);
            all.refused += one.refused;
            all.unanswered += one.unanswered;
        }
        Ok(all)
    }
}

impl Lane {
    fn flush(&mut self) -> Result<()> {
        if !self.due.is_empty() {
            self.stream.write_all(&self.due).context("the edge hung up")?;
            self.due.clear();
        }
        Ok(())
    }
}

/// Asks for each path, so many a second from a moment on; the moments they were planned for.
pub fn steadily(lanes: &mut Lanes, paths: &[String], start: Instant, rate: f64) -> Result<Vec<Instant>> {
    let mut plan = Vec::with_capacity(paths.len());
    for (index, path) in paths.iter().enumerate() {
        let planned = start + Duration::from_secs_f64(index as f64 / rate);
        lanes.get(planned, path)?;
        plan.push(planned);
    }
    lanes.flush()?;
    Ok(plan)
}
