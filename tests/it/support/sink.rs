//! A scripted SMTP server: says what a test wants it to say, and remembers what it was told.
//!
//! Without a script it is a plain, correct relay that offers what [`Sink::offering`] lists. A script looks at each
//! [`Event`] and answers with an [`Act`]; [`Act::Usual`] is the correct answer. Replies are held back while commands
//! are still in the buffer and go out together before the next read, as RFC 2920 asks: each such flush during a mail is
//! one round trip, and is counted.

mod conversation;
mod input;
mod tls;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

pub use tls::Authority;

/// One step of a dialogue, as the script sees it.
#[derive(Debug, Clone)]
pub struct Event {
    /// Which mail on all connections, from 0: mails are counted at `MAIL`.
    pub mail: usize,
    /// What is to be answered.
    pub step: Step,
    /// The command line without CRLF; empty for greeting and message.
    pub line: String,
}

/// The kinds of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    Greeting,
    Hello,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// `BDAT` was announced; its bytes were not read yet.
    Bdat,
    /// The message is complete, by `BDAT … LAST` or by the dot.
    Message,
    Reset,
    Quit,
    Other,
}

/// What the sink does at a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The correct thing.
    Usual,
    /// Says this instead (CRLF is added); the command changes no state.
    Say(String),
    /// Says these very bytes.
    Raw(Vec<u8>),
    /// As [`Act::Usual`] and then as [`Act::Raw`], in one segment.
    Append(Vec<u8>),
    /// The correct thing, later: the time is the test's to give.
    Late(Duration),
    /// The correct thing, byte by byte, each in a segment of its own.
    Crumbs,
    /// Sends its replies so far and says nothing more, but keeps the connection open.
    Stall,
    /// Closes without an answer.
    Cut,
    /// Says this and closes.
    SayAndCut(String),
}

impl Act {
    /// Says `text`.
    pub fn say(text: &str) -> Self {
        Self::Say(text.to_owned())
    }
}

/// A mail the sink took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// `MAIL FROM` as it was said.
    pub from: String,
    /// `RCPT TO` as it was said.
    pub to: Vec<String>,
    /// The content, dots removed.
    pub content: Vec<u8>,
    /// Round trips from `MAIL` to the reply to its end.
    pub round_trips: usize,
    /// The connection it came on.
    pub connection: usize,
}

type Script = Box<dyn Fn(&Event) -> Act + Send + Sync>;

/// How a sink behaves; built once.
pub struct Manner {
    offers: Vec<String>,
    script: Script,
    tls: Option<Authority>,
    implicit: bool,
    exim: bool,
    login: Option<(String, String)>,
    parting: Option<Act>,
}

#[derive(Default)]
struct Book {
    taken: Vec<Taken>,
    events: Vec<Event>,
    mails: usize,
}

struct State {
    manner: Manner,
    book: Mutex<Book>,
    news: Notify,
    connections: AtomicUsize,
    open: watch::Sender<usize>,
    most: AtomicUsize,
}

/// A running sink; stops when dropped.
pub struct Sink {
    addr: SocketAddr,
    state: Arc<State>,
    _accepting: JoinSet<()>,
}

impl Manner {
    /// Every mail is taken, whatever else happens.
    pub fn offering(offers: &[&str]) -> Self {
        Self {
            offers: offers.iter().map(|offer| (*offer).to_owned()).collect(),
            script: Box::new(|_| Act::Usual),
            tls: None,
            implicit: false,
            exim: false,
            login: None,
            parting: None,
        }
    }

    /// With PIPELINING and CHUNKING, as Postfix and Exim.
    pub fn modern() -> Self {
        Self::offering(&["PIPELINING", "CHUNKING", "SIZE 10240000"])
    }

    /// Answers as the script says.
    pub fn script(mut self, script: impl Fn(&Event) -> Act + Send + Sync + 'static) -> Self {
        self.script = Box::new(script);
        self
    }

    /// Can do TLS; offers STARTTLS unless `implicit`.
    pub fn tls(mut self, authority: Authority, implicit: bool) -> Self {
        if !implicit {
            self.offers.push("STARTTLS".into());
        }
        (self.tls, self.implicit) = (Some(authority), implicit);
        self
    }

    /// Keeps a refused transaction open until RSET, as Exim does.
    pub fn like_exim(mut self) -> Self {
        self.exim = true;
        self
    }

    /// Ends each connection unasked, right after its first mail was taken.
    pub fn parting(mut self, act: Act) -> Self {
        self.parting = Some(act);
        self
    }

    /// Wants this user and password before MAIL.
    pub fn login(mut self, user: &str, password: &str) -> Self {
        self.login = Some((user.into(), password.into()));
        self
    }

    /// Starts listening on a free port of this machine.
    pub async fn start(self) -> Sink {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let addr = listener.local_addr().expect("a bound listener has an address");
        let state = Arc::new(State {
            manner: self,
            book: Mutex::default(),
            news: Notify::new(),
            connections: AtomicUsize::new(0),
            open: watch::channel(0).0,
            most: AtomicUsize::new(0),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&state)));
        Sink { addr, state, _accepting: accepting }
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut conversations = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).expect("the stream is connected");
        let number = state.connections.fetch_add(1, Ordering::SeqCst);
        state.open.send_modify(|open| *open += 1);
        state.most.fetch_max(*state.open.borrow(), Ordering::SeqCst);
        let state = Arc::clone(&state);
        conversations.spawn(async move {
            // A conversation that the other side broke is over, no more.
            let _ = conversation::hold(stream, number, &state).await;
            state.open.send_modify(|open| *open -= 1);
        });
    }
}

impl Sink {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The PEM file of the authority behind its certificate.
    ///
    /// # Panics
    /// If it does no TLS.
    pub fn ca_file(&self) -> std::path::PathBuf {
        self.state.manner.tls.as_ref().expect("a sink with TLS").ca_file()
    }

    /// Every mail taken so far.
    pub fn taken(&self) -> Vec<Taken> {
        self.state.book().taken.clone()
    }

    /// Every step seen so far.
    pub fn steps(&self) -> Vec<Step> {
        self.state.book().events.iter().map(|event| event.step).collect()
    }

    /// How often a step was seen.
    pub fn count(&self, step: Step) -> usize {
        self.steps().iter().filter(|seen| **seen == step).count()
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// The most connections that were open at the same time.
    pub fn most_open(&self) -> usize {
        self.state.most.load(Ordering::SeqCst)
    }

    /// Waits until as many connections are open.
    pub async fn wait_open(&self, wanted: usize) {
        let mut open = self.state.open.subscribe();
        let reached =
            tokio::time::timeout(Duration::from_secs(10), open.wait_for(|open| *open == wanted)).await;
        assert!(reached.is_ok(), "{wanted} connections should be open");
    }

    /// Waits until a step was seen so often.
    pub async fn wait_for(&self, step: Step, times: usize) {
        let seen = async {
            loop {
                let news = self.state.news.notified();
                if self.count(step) >= times {
                    return;
                }
                news.await;
            }
        };
        let reached = tokio::time::timeout(Duration::from_secs(10), seen).await;
        assert!(reached.is_ok(), "{step:?} should be seen {times} times");
    }
}

impl State {
    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().expect("no test panics with the book in hand")
    }

    /// Notes a step and asks the script.
    fn ask(&self, step: Step, line: &str) -> Act {
        let event = {
            let mut book = self.book();
            book.mails += usize::from(step == Step::Mail);
            let mail = book.mails.saturating_sub(1);
            let event = Event { mail, step, line: line.to_owned() };
            book.events.push(event.clone());
            event
        };
        self.news.notify_waiters();
        (self.manner.script)(&event)
    }
}
