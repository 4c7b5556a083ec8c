//! IMAP servers that say what a test wants.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use vigie::redact::Secret;
use vigie::watch::imap::{Credentials, Mailbox, MailboxId, Tls};

use crate::support::wait::{SOON, wait_until};

/// A server; stops when dropped.
pub struct Scripted {
    addr: SocketAddr,
    record: Arc<Mutex<Record>>,
    _tasks: JoinSet<()>,
}

/// What came to a server.
#[derive(Default)]
struct Record {
    connections: usize,
    lines: Vec<String>,
}

/// One connection, as the server has it.
pub struct Talk {
    stream: BufStream<TcpStream>,
    record: Arc<Mutex<Record>>,
    /// The tag of the last command.
    pub tag: String,
}

impl Scripted {
    /// A server that talks like this on each connection.
    pub async fn start<F>(talk: impl Fn(Talk) -> F + Send + 'static) -> Scripted
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let addr = listener.local_addr().expect("it is bound");
        let record = Arc::new(Mutex::new(Record::default()));
        let mut tasks = JoinSet::new();
        tasks.spawn({
            let record = Arc::clone(&record);
            async move {
                let mut open = JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    record.lock().expect("nobody panics with it").connections += 1;
                    stream.set_nodelay(true).expect("the stream is connected");
                    let (stream, record) = (BufStream::new(stream), Arc::clone(&record));
                    open.spawn(talk(Talk { stream, record, tag: String::new() }));
                    while open.try_join_next().is_some() {}
                }
            }
        });
        Scripted { addr, record, _tasks: tasks }
    }

    /// A mailbox of this server, without TLS.
    pub fn mailbox(&self, id: &str) -> Mailbox {
        Mailbox {
            id: MailboxId::new(id),
            host: "127.0.0.1".into(),
            port: self.addr.port(),
            tls: Tls::None,
            user: "somebody".into(),
            credentials: Credentials::Password(Secret::new("secret")),
        }
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.record.lock().expect("nobody panics with it").connections
    }

    /// Waits for this many connections.
    pub async fn wait_for_connections(&self, number: usize) {
        let enough = async || (self.connections() >= number).then_some(());
        wait_until(&format!("{number} connections"), SOON, enough).await;
    }

    /// Every line that came.
    pub fn heard(&self) -> Vec<String> {
        self.record.lock().expect("nobody panics with it").lines.clone()
    }
}

impl Talk {
    /// Says this, as it is. `false` if nobody is there any more.
    pub async fn say(&mut self, words: impl AsRef<[u8]>) -> bool {
        let said = self.stream.write_all(words.as_ref()).await;
        said.is_ok() && self.stream.flush().await.is_ok()
    }

    /// Hears a line; empty if nobody is there any more.
    pub async fn hear(&mut self) -> String {
        let mut line = Vec::new();
        let _ = self.stream.read_until(b'\n', &mut line).await;
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        self.record.lock().expect("nobody panics with it").lines.push(line.clone());
        line
    }

    /// Hears a command; its tag is in [`tag`](Self::tag).
    pub async fn command(&mut self) -> String {
        let line = self.hear().await;
        let (tag, command) = line.split_once(' ').unwrap_or_default();
        tag.clone_into(&mut self.tag);
        command.to_owned()
    }

    /// Says this again and again, until something comes.
    pub async fn say_until_spoken_to(&mut self, words: &str, every: Duration) {
        while timeout(every, self.stream.fill_buf()).await.is_err() {
            self.say(words).await;
        }
    }

    /// Ends the command with this word.
    pub async fn done(&mut self, word: &str) -> bool {
        let line = format!("{} {word} so it is\r\n", self.tag);
        self.say(line).await
    }

    /// Greets and lets everybody in, until the command that begins with `stop` was heard.
    pub async fn until(&mut self, stop: &str) {
        self.say("* OK ready\r\n").await;
        loop {
            let command = self.command().await;
            if command.starts_with(stop) || command.is_empty() {
                return;
            }
            let answer = match command.split(' ').next() {
                Some("CAPABILITY") => "* CAPABILITY IMAP4rev1 IDLE ID SASL-IR AUTH=PLAIN AUTH=XOAUTH2\r\n",
                Some("EXAMINE") => "* 2 EXISTS\r\n* 0 RECENT\r\n",
                Some("FETCH") => "* 1 FETCH (FLAGS ())\r\n* 2 FETCH (FLAGS ())\r\n",
                _ => "",
            };
            self.say(answer).await;
            self.done("OK").await;
        }
    }

    /// Greets, lets everybody in, and idles in a folder with two unread messages.
    pub async fn idle(&mut self) {
        self.until("IDLE").await;
        self.say("+ idling\r\n").await;
    }

    /// Hears and says nothing until the connection ends.
    pub async fn until_the_end(&mut self) {
        while !self.hear().await.is_empty() {}
    }
}
