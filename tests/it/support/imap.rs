//! A small IMAP client without TLS: what another mail program of the same person does.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long an answer may take: generous, as builds share the machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection.
#[derive(Debug)]
pub struct Imap {
    stream: BufStream<TcpStream>,
    greeting: String,
    commands: usize,
}

impl Imap {
    /// Connects and reads the greeting.
    ///
    /// # Panics
    ///
    /// If nobody greets there.
    pub async fn connect(addr: SocketAddr) -> Imap {
        let connected = timeout(PATIENCE, Imap::try_connect(addr)).await.expect("a greeting in time");
        connected.expect("an IMAP server")
    }

    /// Connects and reads the greeting.
    ///
    /// # Errors
    ///
    /// If nobody greets there.
    pub async fn try_connect(addr: SocketAddr) -> io::Result<Imap> {
        let stream = BufStream::new(TcpStream::connect(addr).await?);
        let mut imap = Imap { stream, greeting: String::new(), commands: 0 };
        imap.greeting = imap.read().await?;
        Ok(imap)
    }

    /// The greeting.
    pub fn greeting(&self) -> &str {
        &self.greeting
    }

    /// Says a command; returns every line of the answer, the tagged one last.
    ///
    /// # Panics
    ///
    /// If the connection breaks.
    pub async fn ask(&mut self, command: &str) -> Vec<String> {
        self.commands += 1;
        let tag = format!("t{} ", self.commands);
        self.say(&format!("{tag}{command}\r\n")).await;
        self.answer(&tag).await
    }

    /// Says a command that must be answered with `OK`; returns every line of the answer.
    ///
    /// # Panics
    ///
    /// If it is answered otherwise, or the connection breaks.
    pub async fn ok(&mut self, command: &str) -> Vec<String> {
        let answer = self.ask(command).await;
        let last = answer.last().expect("there is always a tagged line");
        assert!(last.contains(" OK"), "{command}: {last}");
        answer
    }

    /// Logs in.
    ///
    /// # Panics
    ///
    /// If that is refused.
    pub async fn login(&mut self, user: &str, password: &str) {
        self.ok(&format!("LOGIN {user} {password}")).await;
    }

    /// Opens a folder to read and write.
    ///
    /// # Panics
    ///
    /// If it is not there.
    pub async fn select(&mut self, folder: &str) {
        self.ok(&format!("SELECT {folder}")).await;
    }

    /// Reads a message as a mail program does that shows it: that sets `\Seen`.
    ///
    /// # Panics
    ///
    /// If it is not there.
    pub async fn fetch(&mut self, number: usize) -> String {
        self.ok(&format!("FETCH {number} BODY[]")).await.concat()
    }

    /// Changes flags: `change` is `+FLAGS` or `-FLAGS`, `flags` are such as `\Seen`.
    ///
    /// # Panics
    ///
    /// If the message is not there.
    pub async fn store(&mut self, number: usize, change: &str, flags: &str) {
        self.ok(&format!("STORE {number} {change} ({flags})")).await;
    }

    /// Adds a message to a folder.
    ///
    /// # Panics
    ///
    /// If it is not taken.
    pub async fn append(&mut self, folder: &str, letter: &str) {
        self.commands += 1;
        let tag = format!("t{} ", self.commands);
        self.say(&format!("{tag}APPEND {folder} {{{}}}\r\n", letter.len())).await;
        let go = self.line().await;
        assert!(go.starts_with('+'), "{go}");
        self.say(&format!("{letter}\r\n")).await;
        let answer = self.answer(&tag).await;
        assert!(answer.last().is_some_and(|last| last.contains(" OK")), "{answer:?}");
    }

    /// Waits for changes from now on: [`line`](Self::line) returns them.
    ///
    /// # Panics
    ///
    /// If that is refused.
    pub async fn idle(&mut self) {
        self.commands += 1;
        self.say(&format!("t{} IDLE\r\n", self.commands)).await;
        let go = self.line().await;
        assert!(go.starts_with('+'), "{go}");
    }

    /// Ends the waiting; returns what came since the last line read.
    ///
    /// # Panics
    ///
    /// If the connection breaks.
    pub async fn done(&mut self) -> Vec<String> {
        self.say("DONE\r\n").await;
        let tag = format!("t{} ", self.commands);
        self.answer(&tag).await
    }

    /// Says goodbye and waits for the end.
    ///
    /// # Panics
    ///
    /// If the connection breaks before.
    pub async fn logout(mut self) {
        self.ok("LOGOUT").await;
    }

    /// The next line, with the literals in it, as it came.
    ///
    /// # Panics
    ///
    /// If none comes.
    pub async fn line(&mut self) -> String {
        let line = timeout(PATIENCE, self.read()).await.expect("a line in time");
        line.expect("a line")
    }

    async fn say(&mut self, words: &str) {
        self.stream.write_all(words.as_bytes()).await.expect("an open connection");
        self.stream.flush().await.expect("an open connection");
    }

    async fn answer(&mut self, tag: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().await;
            let last = line.starts_with(tag);
            lines.push(line);
            if last {
                return lines;
            }
        }
    }

    async fn read(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        loop {
            if self.stream.read_until(b'\n', &mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let Some(length) = literal(&line) else {
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            };
            let start = line.len();
            line.resize(start + length, 0);
            self.stream.read_exact(&mut line[start..]).await?;
        }
    }
}

/// How many bytes follow a line that ends in `{count}`.
fn literal(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"}\r\n")?;
    let open = line.iter().rposition(|byte| *byte == b'{')?;
    str::from_utf8(&line[open + 1..]).ok()?.parse().ok()
}
