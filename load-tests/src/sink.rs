//! A relay that takes mail and delivers none: near, twenty milliseconds away, slow, or one that defers a share.
//!
//! A thread per connection with blocking sockets, because a runtime's timer counts in milliseconds and a sink that is
//! twenty of them away must not be twenty-one. Replies are held back while more commands wait (RFC 2920 section 3.2), so
//! how often it has to answer within a transaction *is* the number of round trips the client needed.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use vigie::cli::demo::sink::Taken;

/// The kinds of relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// On this machine, answers at once.
    Near,
    /// A round trip of 20 ms away.
    Far,
    /// Takes 200 ms for each message, as one that scans it.
    Slow,
    /// Says "try again later" to every tenth message.
    Deferring,
}

/// A running sink; it takes no more connections when this is dropped.
pub struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    kind: Kind,
    ending: AtomicBool,
    messages: AtomicU64,
    deferred: AtomicU64,
}

/// Mails that may wait for whoever counts them; then the sink waits, too.
const REMEMBERED: usize = 65_536;

/// Largest message.
const LARGEST: u64 = 32 << 20;

/// Longest command line.
const LONGEST_LINE: u64 = 4096;

/// Every so many messages one is deferred.
const DEFERRED: u64 = 10;

impl Kind {
    /// How far it is away.
    pub const fn round_trip(self) -> Duration {
        Duration::from_millis(if matches!(self, Self::Far) { 20 } else { 0 })
    }

    /// How long it looks at a message.
    const fn thinks(self) -> Duration {
        Duration::from_millis(if matches!(self, Self::Slow) { 200 } else { 0 })
    }
}

impl Sink {
    /// Starts a sink on a free port; what it takes arrives at the receiver.
    pub fn start(kind: Kind) -> Result<(Self, mpsc::Receiver<Taken>)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (taken, mails) = mpsc::channel(REMEMBERED);
        let [messages, deferred] = [(); 2].map(|()| AtomicU64::new(0));
        let shared = Shared { kind, ending: AtomicBool::new(false), messages, deferred };
        let shared = Arc::new(shared);
        let sink = Self { address, shared: Arc::clone(&shared) };
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.ending.load(Ordering::Relaxed) {
                    return;
                }
                let (shared, taken) = (Arc::clone(&shared), taken.clone());
                // A client that breaks the dialogue loses its connection; there is nobody else to tell.
                std::thread::spawn(move || Dialogue::new(stream, shared, taken).and_then(Dialogue::run));
            }
        });
        Ok((sink, mails))
    }

    /// As a gateway's `relay.url`.
    pub fn url(&self) -> String {
        format!("smtp://{}?tls=none", self.address)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Messages it said "try again later" to.
    pub fn deferred(&self) -> u64 {
        self.shared.deferred.load(Ordering::Relaxed)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::Relaxed);
        // Wakes whoever waits for the next connection; if that fails, it has ended.
        let _ = TcpStream::connect(self.address);
    }
}

/// One client's connection.
struct Dialogue {
    shared: Arc<Shared>,
    input: BufReader<TcpStream>,
    output: TcpStream,
    /// Replies not yet written.
    pending: Vec<u8>,
    round_trips: u32,
    message: Vec<u8>,
    taken: mpsc::Sender<Taken>,
}

impl Dialogue {
    fn new(stream: TcpStream, shared: Arc<Shared>, taken: mpsc::Sender<Taken>) -> Result<Self> {
        // Without it each reply would wait for the client's delayed acknowledgement.
        stream.set_nodelay(true)?;
        let output = stream.try_clone()?;
        let input = BufReader::with_capacity(64 << 10, stream);
        Ok(Self { shared, input, output, pending: Vec::new(), round_trips: 0, message: Vec::new(), taken })
    }

    fn run(mut self) -> Result<()> {
        self.reply("220 sink.example ESMTP")?;
        let mut line = String::new();
        loop {
            line.clear();
            if self.input.by_ref().take(LONGEST_LINE).read_line(&mut line)? == 0 {
                return Ok(());
            }
            let mut words = line.split_ascii_whitespace();
            let verb = words.next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => {
                    self.reply("250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 CHUNKING")?;
                }
                "HELO" | "RSET" | "NOOP" => self.reply("250 OK")?,
                "MAIL" => {
                    self.round_trips = 0;
                    self.message.clear();
                    self.reply("250 2.1.0 OK")?;
                }
                "RCPT" => self.reply("250 2.1.5 OK")?,
                "BDAT" => {
                    let size = words.next().and_then(|size| size.parse().ok()).unwrap_or(0);
                    let last = words.next().is_some_and(|word| word.eq_ignore_ascii_case("LAST"));
                    self.chunk(size, last)?;
                }
                "DATA" => self.data()?,
                "QUIT" => return self.reply("221 bye"),
                _ => self.reply("502 5.5.1 not here")?,
            }
        }
    }

    /// Queues a reply, and writes all queued ones unless more commands wait already.
    fn reply(&mut self, text: &str) -> Result<()> {
        self.pending.extend_from_slice(text.as_bytes());
        self.pending.extend_from_slice(b"\r\n");
        if self.input.buffer().is_empty() {
            self.round_trips += 1;
            std::thread::sleep(self.shared.kind.round_trip());
            self.output.write_all(&self.pending)?;
            self.pending.clear();
        }
        Ok(())
    }

    fn chunk(&mut self, size: u64, last: bool) -> Result<()> {
        if size > LARGEST {
            return Err(ErrorKind::InvalidData.into());
        }
        self.input.by_ref().take(size).read_to_end(&mut self.message)?;
        if last { self.complete() } else { self.reply("250 2.0.0 chunk taken") }
    }

    fn data(&mut self) -> Result<()> {
        self.reply("354 go on")?;
        loop {
            let start = self.message.len();
            if self.input.by_ref().take(LARGEST).read_until(b'\n', &mut self.message)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if &self.message[start..] == b".\r\n" {
                self.message.truncate(start);
                return self.complete();
            }
            if self.message[start] == b'.' {
                self.message.remove(start);
            }
        }
    }

    fn complete(&mut self) -> Result<()> {
        std::thread::sleep(self.shared.kind.thinks());
        let message = std::mem::take(&mut self.message);
        let number = self.shared.messages.fetch_add(1, Ordering::Relaxed);
        if self.shared.kind == Kind::Deferring && number % DEFERRED == DEFERRED - 1 {
            self.shared.deferred.fetch_add(1, Ordering::Relaxed);
            return self.reply("450 4.2.1 try again later");
        }
        self.reply("250 2.0.0 taken")?;
        let taken = Taken { at: Instant::now(), round_trips: self.round_trips, message };
        self.taken.blocking_send(taken).map_err(|_| Error::from(ErrorKind::BrokenPipe))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a sink of this kind answers to so many messages, each handed over in one write.
    fn answers(kind: Kind, messages: usize) -> (Vec<String>, mpsc::Receiver<Taken>) {
        let (sink, mails) = Sink::start(kind).expect("a port is free");
        let mut stream = TcpStream::connect(sink.address()).expect("it listens");
        let mut input = BufReader::new(stream.try_clone().expect("a second handle"));
        let mut line = String::new();
        input.read_line(&mut line).expect("a greeting");
        let mut said = Vec::new();
        for _ in 0..messages {
            stream
                .write_all(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nBDAT 4 LAST\r\nhi\r\n")
                .expect("written");
            for _ in 0..3 {
                line.clear();
                input.read_line(&mut line).expect("a reply");
            }
            said.push(line.clone());
        }
        (said, mails)
    }

    #[test]
    fn a_transaction_in_one_write_is_one_round_trip() {
        let (said, mut mails) = answers(Kind::Near, 1);
        assert!(said[0].starts_with("250"), "{said:?}");
        let taken = mails.blocking_recv().expect("a mail");
        assert_eq!((taken.round_trips, taken.message.as_slice()), (1, &b"hi\r\n"[..]));
    }

    #[test]
    fn a_deferring_one_defers_every_tenth() {
        let (said, _mails) = answers(Kind::Deferring, 20);
        let deferred: Vec<usize> = (0..20).filter(|&number| said[number].starts_with("450")).collect();
        assert_eq!(deferred, [9, 19]);
    }
}
