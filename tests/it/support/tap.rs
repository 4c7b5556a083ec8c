//! A TCP proxy that writes down who spoke when, and so counts round trips.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// More than a mail: what was written at once is read at once.
const BUFFER: usize = 1 << 20;

/// Everything one side said until the other spoke.
struct Turn {
    client: bool,
    said: Vec<u8>,
}

type Conversation = Arc<Mutex<Vec<Turn>>>;

/// One mail as it went by.
#[derive(Debug, PartialEq, Eq)]
pub struct Passed {
    /// How often the client had to wait for an answer, from its `MAIL FROM` to the next mail.
    pub round_trips: usize,
    /// Whether any of these answers said no.
    pub refused: bool,
    /// Which connection, from 0.
    pub connection: usize,
}

/// A proxy between a gateway and its relay; stops when dropped.
pub struct Tap {
    addr: SocketAddr,
    conversations: Arc<Mutex<Vec<Conversation>>>,
    _tasks: JoinSet<()>,
}

impl Tap {
    /// Listens on a free port and passes everything on to `server`.
    pub async fn before(server: SocketAddr) -> Tap {
        Tap::at(SocketAddr::from(([127, 0, 0, 1], 0)), server).await
    }

    /// Listens at this address and passes everything on to `server`.
    pub async fn at(addr: SocketAddr, server: SocketAddr) -> Tap {
        let listener = TcpListener::bind(addr).await.expect("the address is free");
        let addr = listener.local_addr().expect("a bound listener has an address");
        let conversations = Arc::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, server, Arc::clone(&conversations)));
        Tap { addr, conversations, _tasks: tasks }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Every mail that went by, in the order of connections.
    pub fn mails(&self) -> Vec<Passed> {
        let conversations = self.conversations.lock().expect("nobody panics with it in hand");
        let all = conversations.iter().enumerate();
        all.flat_map(|(number, conversation)| {
            mails(number, &conversation.lock().expect("nobody panics with it in hand"))
        })
        .collect()
    }
}

/// The mails of one conversation: each begins with the turn that says `MAIL FROM`.
fn mails(connection: usize, turns: &[Turn]) -> Vec<Passed> {
    let mut mails: Vec<Passed> = Vec::new();
    for turn in turns {
        let text = String::from_utf8_lossy(&turn.said);
        if turn.client && text.starts_with("MAIL FROM") {
            mails.push(Passed { round_trips: 0, refused: false, connection });
        }
        let Some(mail) = mails.last_mut() else { continue };
        if turn.client {
            mail.round_trips += usize::from(!text.starts_with("QUIT"));
        } else {
            mail.refused |= text.lines().any(|line| line.starts_with(['4', '5']));
        }
    }
    mails
}

async fn accept(listener: TcpListener, server: SocketAddr, conversations: Arc<Mutex<Vec<Conversation>>>) {
    let mut tasks = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let conversation = Conversation::default();
        conversations.lock().expect("nobody panics with it in hand").push(Arc::clone(&conversation));
        tasks.spawn(async move {
            let Ok(server) = TcpStream::connect(server).await else { return };
            for stream in [&client, &server] {
                stream.set_nodelay(true).expect("the stream is connected");
            }
            let ((from_client, to_client), (from_server, to_server)) =
                (client.into_split(), server.into_split());
            tokio::join!(
                pass(true, from_client, to_server, &conversation),
                pass(false, from_server, to_client, &conversation)
            );
        });
    }
}

/// Passes on one direction until it ends, and notes each turn before it is passed on.
async fn pass(
    client: bool,
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    turns: &Mutex<Vec<Turn>>,
) {
    let mut buffer = vec![0; BUFFER];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        note(&mut turns.lock().expect("nobody panics with it in hand"), client, &buffer[..length]);
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
    // That the other side has closed already is no error.
    let _ = to.shutdown().await;
}

fn note(turns: &mut Vec<Turn>, client: bool, said: &[u8]) {
    match turns.last_mut() {
        Some(turn) if turn.client == client => turn.said.extend_from_slice(said),
        _ => turns.push(Turn { client, said: said.to_vec() }),
    }
}
