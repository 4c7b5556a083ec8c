//! A mail sink: an SMTP server that accepts everything and delivers nothing, for the demonstration and load tests.
//!
//! It offers PIPELINING and CHUNKING and behaves like a good relay does: replies are held back while more commands
//! are already waiting in its buffer (RFC 2920 section 3.2), so the number of times it has to answer within a
//! transaction *is* the number of round trips the client needed.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// A mail the sink took.
#[derive(Debug, Clone)]
pub struct Taken {
    /// When the 250 to the whole message was written to the socket.
    pub at: Instant,
    /// How often the sink had to answer before the client went on, from MAIL to the end of the message.
    pub round_trips: u32,
    /// The message as it came.
    pub message: Vec<u8>,
}

/// A running sink; it stops accepting when this is dropped.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    accepting: tokio::task::JoinHandle<()>,
}

/// Mails remembered for a receiver that is slow to look; later ones are still accepted, but not remembered.
const REMEMBERED: usize = 4096;
/// Largest message the sink takes.
const LARGEST: u64 = 32 << 20;
/// Longest command line.
const LONGEST_LINE: u64 = 4096;

impl Sink {
    /// Starts a sink on `address` (port 0 takes a free one); what it takes arrives at the receiver.
    pub async fn start(address: SocketAddr) -> std::io::Result<(Self, mpsc::Receiver<Taken>)> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (taken, mails) = mpsc::channel(REMEMBERED);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let taken = taken.clone();
                tokio::spawn(async move {
                    // A client that breaks the dialogue loses its connection; there is nobody else to tell.
                    let _ = Dialogue::new(stream, taken).run().await;
                });
            }
        });
        Ok((Self { address, accepting }, mails))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One client's connection.
struct Dialogue {
    input: BufReader<OwnedReadHalf>,
    output: OwnedWriteHalf,
    /// Replies not yet written.
    pending: Vec<u8>,
    round_trips: u32,
    message: Vec<u8>,
    taken: mpsc::Sender<Taken>,
}

impl Dialogue {
    fn new(stream: TcpStream, taken: mpsc::Sender<Taken>) -> Self {
        // Without it each reply would wait for the client's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        let (input, output) = stream.into_split();
        let input = BufReader::with_capacity(64 << 10, input);
        Self { input, output, pending: Vec::new(), round_trips: 0, message: Vec::new(), taken }
    }

    async fn run(mut self) -> std::io::Result<()> {
        self.reply("220 sink.vigie.example ESMTP").await?;
        let mut line = String::new();
        loop {
            line.clear();
            if (&mut self.input).take(LONGEST_LINE).read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let mut words = line.split_ascii_whitespace();
            let verb = words.next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => {
                    self.reply("250-sink.vigie.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 CHUNKING")
                        .await?
                }
                "HELO" | "RSET" | "NOOP" => self.reply("250 OK").await?,
                "MAIL" => {
                    self.round_trips = 0;
                    self.message.clear();
                    self.reply("250 2.1.0 OK").await?;
                }
                "RCPT" => self.reply("250 2.1.5 OK").await?,
                "BDAT" => {
                    let size = words.next().and_then(|size| size.parse().ok()).unwrap_or(0);
                    let last = words.next().is_some_and(|word| word.eq_ignore_ascii_case("LAST"));
                    self.chunk(size, last).await?;
                }
                "DATA" => self.data().await?,
                "QUIT" => return self.reply("221 bye").await,
                _ => self.reply("502 5.5.1 not here").await?,
            }
        }
    }

    /// Queues a reply, and writes all queued ones unless more commands wait already.
    async fn reply(&mut self, text: &str) -> std::io::Result<()> {
        self.pending.extend_from_slice(text.as_bytes());
        self.pending.extend_from_slice(b"\r\n");
        if self.input.buffer().is_empty() {
            self.round_trips += 1;
            self.output.write_all(&self.pending).await?;
            self.pending.clear();
        }
        Ok(())
    }

    async fn chunk(&mut self, size: u64, last: bool) -> std::io::Result<()> {
        if size > LARGEST {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        (&mut self.input).take(size).read_to_end(&mut self.message).await?;
        if last { self.complete().await } else { self.reply("250 2.0.0 chunk taken").await }
    }

    async fn data(&mut self) -> std::io::Result<()> {
        self.reply("354 go on").await?;
        loop {
            let start = self.message.len();
            if (&mut self.input).take(LARGEST).read_until(b'\n', &mut self.message).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if &self.message[start..] == b".\r\n" {
                self.message.truncate(start);
                return self.complete().await;
            }
            if self.message[start] == b'.' {
                self.message.remove(start);
            }
        }
    }

    async fn complete(&mut self) -> std::io::Result<()> {
        self.reply("250 2.0.0 taken").await?;
        let message = std::mem::take(&mut self.message);
        let taken = Taken { at: Instant::now(), round_trips: self.round_trips, message };
        // Nobody listening, or not fast enough: the mail is accepted all the same.
        let _ = self.taken.try_send(taken);
        Ok(())
    }
}
