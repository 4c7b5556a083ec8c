//! One connection, from `connect` to the words of an idling server.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::dialogue::Dialogue;
use super::known::Known;
use super::login::login;
use super::response::{Done, Offers, Response};
use super::trouble::Trouble;
use super::{Activity, CLIENT_NAME, Mailbox, Settings, Tls};
use crate::dial::{Io, Roots};

/// How long a goodbye may take altogether.
const FAREWELL: Duration = Duration::from_secs(2);

/// A connection that has looked at INBOX.
pub(super) struct Session {
    server: Dialogue<Box<dyn Io>>,
    known: Known,
}

impl Session {
    /// Connects, logs in, and learns the folder as it is.
    pub(super) async fn open(mailbox: &Mailbox, settings: &Settings, roots: &Roots) -> Result<Self, Trouble> {
        let mut server = connect(mailbox, settings, roots).await?;
        let offers = offers(&mut server).await?;
        if offers.id {
            // Some servers answer with their own names, some with NO: it is for them to know.
            let _ = server.ask(&format!("ID (\"name\" \"{CLIENT_NAME}\")"), |_| ()).await?;
        }
        login(&mut server, offers, mailbox).await?;
        if !self::offers(&mut server).await?.idle {
            return Err(Trouble::Unsupported("it does not offer IDLE"));
        }
        let mut known = Known::default();
        server.must("EXAMINE INBOX", |said| known.learn(&said)).await?;
        if let Some(first) = known.wanted() {
            // Of messages that it does not tell about, because they are just being removed, nothing is known.
            let _ = server.ask(&format!("FETCH {first}:* (FLAGS)"), |said| known.learn(&said)).await?;
        }
        Ok(Self { server, known })
    }

    /// Says `IDLE`; tells what has happened until the server listens.
    pub(super) async fn begin_idle(&mut self, mut tell: impl FnMut(Activity)) -> Result<(), Trouble> {
        self.server.begin("IDLE").await?;
        loop {
            match self.server.next().await? {
                Response::Continue => break,
                Response::Done(Done { result: Err(no), .. }) if no.not_now => {
                    return Err(Trouble::Busy(no.words));
                }
                Response::Done(_) => return Err(Trouble::Unsupported("it refuses IDLE")),
                said => self.known.change(&said).into_iter().for_each(&mut tell),
            }
        }
        self.server.idling();
        Ok(())
    }

    /// Waits for the next thing that happens, for ever. Nothing is lost if the wait is given up.
    pub(super) async fn idle(&mut self) -> Result<Activity, Trouble> {
        loop {
            match self.server.change().await? {
                // Nobody asked it to end.
                Response::Done(_) => return Err(Trouble::Garbage),
                said => {
                    if let Some(activity) = self.known.change(&said) {
                        return Ok(activity);
                    }
                }
            }
        }
    }

    /// Says `DONE`; tells what has happened until the server has ended.
    pub(super) async fn end_idle(&mut self, mut tell: impl FnMut(Activity)) -> Result<(), Trouble> {
        self.server.add("DONE").await?;
        loop {
            match self.server.next().await? {
                Response::Done(done) => return done.result.map_err(|no| Trouble::Busy(no.words)),
                said => self.known.change(&said).into_iter().for_each(&mut tell),
            }
        }
    }

    /// Takes its leave from an idling server, which may have ended already.
    pub(super) async fn farewell(mut self) {
        let words = async {
            self.end_idle(|_| ()).await?;
            self.server.ask("LOGOUT", |_| ()).await
        };
        // It ends either way.
        let _ = timeout(FAREWELL, words).await;
    }
}

/// A connection as secure as it must be, on which nothing but that was said.
async fn connect(
    mailbox: &Mailbox,
    settings: &Settings,
    roots: &Roots,
) -> Result<Dialogue<Box<dyn Io>>, Trouble> {
    let (host, end) = (mailbox.host.as_str(), Instant::now() + settings.connect);
    let stream = roots.connect(host, mailbox.port, mailbox.tls == Tls::None, end).await?;
    let (stream, greeted): (Box<dyn Io>, bool) = match mailbox.tls {
        Tls::None => (Box::new(stream), false),
        Tls::Implicit => (Box::new(roots.handshake(host, stream, end).await?), false),
        Tls::StartTls => {
            let stream = start_tls(stream, settings.step).await?;
            let end = Instant::now() + settings.connect;
            (Box::new(roots.handshake(host, stream, end).await?), true)
        }
    };
    let mut server = Dialogue::new(stream, settings.step);
    if !greeted {
        server.greeting().await?;
    }
    Ok(server)
}

/// From here on encrypted, or not at all: whether the server offers it is not even asked, as in clear anybody on the way
/// could answer.
async fn start_tls(stream: TcpStream, step: Duration) -> Result<TcpStream, Trouble> {
    let mut server = Dialogue::new(stream, step);
    server.greeting().await?;
    server.ask("STARTTLS", |_| ()).await?.map_err(|no| Trouble::Tls(no.words))?;
    // Somebody on the way could have added words that would count as said under TLS.
    server.into_stream().ok_or(Trouble::Garbage)
}

async fn offers(server: &mut Dialogue<Box<dyn Io>>) -> Result<Offers, Trouble> {
    let mut offers = Offers::default();
    let listen = |said| {
        if let Response::Capability(said) = said {
            offers = said;
        }
    };
    server.must("CAPABILITY", listen).await?;
    Ok(offers)
}
