//! From nothing to a warm connection: TCP, greeting, `STARTTLS`, `AUTH`, each under its own deadline.

use std::net::SocketAddr;
use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Auth, Ehlo, Starttls};
use prometheus::IntGauge;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use super::decision::{Decision, Meaning, Stage};
use super::link::Link;
use super::offers::Offers;
use super::reply::{Break, Reply, Trouble};
use super::target::{Security, Server};
use super::tls;
use super::wire::Wire;
use crate::config::RelayTimeouts;

/// An idle connection's peer is probed after this, so that a dead one is noticed before a mail needs it.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Unacknowledged bytes break the connection after this; the kernel would try for a quarter of an hour.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// A user's challenge and a password's: `LOGIN` asks no more than these two.
const MOST_CHALLENGES: usize = 2;

/// All that opening a connection needs.
#[derive(Clone)]
pub(super) struct Dialler {
    pub(super) server: std::sync::Arc<Server>,
    pub(super) tls: TlsConnector,
    pub(super) limits: RelayTimeouts,
    /// Counts open connections.
    pub(super) open: IntGauge,
}

impl Dialler {
    /// Opens a connection on which the next word is `MAIL`.
    pub(super) async fn dial(&self) -> Result<Link, Trouble> {
        let security = self.server.security;
        match self.attempt(security).await {
            // Mail in clear is better than none, where nobody asked for more.
            Err(trouble) if security == Security::Opportunistic && trouble.is_about_tls() => {
                self.attempt(Security::Clear).await
            }
            other => other,
        }
    }

    async fn attempt(&self, security: Security) -> Result<Link, Trouble> {
        let stream = self.connect().await?;
        let wire = match security {
            Security::Implicit => Wire::tls(self.handshake(stream).await?),
            _ => Wire::plain(stream),
        };
        let mut link = self.greet(wire).await?;
        self.hello(&mut link).await?;
        let wanted = match security {
            Security::Required => true,
            Security::Opportunistic => link.offers.starttls,
            Security::Implicit | Security::Clear => false,
        };
        if wanted {
            self.starttls(&mut link).await?;
            self.hello(&mut link).await?;
        }
        if let Some(credentials) = &self.server.credentials {
            self.auth(&mut link, credentials).await?;
        }
        Ok(link)
    }

    /// Each of the host's addresses in turn, sharing the time for connecting.
    async fn connect(&self) -> Result<TcpStream, Trouble> {
        let own = |words: String| Trouble::Own(Decision::Unreachable, words);
        let end = Instant::now() + self.limits.connect;
        let host = (self.server.host.as_str(), self.server.port);
        let found = match timeout_at(end, lookup_host(host)).await {
            Ok(Ok(found)) => found.collect::<Vec<SocketAddr>>(),
            Ok(Err(_)) | Err(_) => Vec::new(),
        };
        let mut problem = String::from("its name has no address");
        for (tried, address) in found.iter().enumerate() {
            let left = end.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(found.len() - tried).unwrap_or(1);
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return tuned(stream).map_err(|error| own(error.kind().to_string())),
                Ok(Err(error)) => problem = error.kind().to_string(),
                Err(_) => problem = String::from("no answer in time"),
            }
        }
        Err(own(format!("cannot connect to the relay: {problem}")))
    }

    async fn handshake(
        &self,
        stream: TcpStream,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Trouble> {
        let handshake = tls::handshake(&self.tls, &self.server.name, stream);
        let done = timeout(self.limits.greeting, handshake).await;
        done.unwrap_or(Err(Trouble::Broke(Stage::StartTls, Break::Timeout)))
    }

    /// lettre reads the greeting and says a first `EHLO`.
    async fn greet(&self, wire: Wire) -> Result<Link, Trouble> {
        let greeted = AsyncSmtpConnection::connect_with_transport(Box::new(wire.clone()), &self.server.hello);
        let broke = |how| Trouble::Broke(Stage::Greeting, how);
        match timeout(self.limits.greeting, greeted).await {
            Ok(Ok(smtp)) => Ok(Link::new(smtp, wire, &self.open)),
            Ok(Err(error)) => Err(match Reply::from_error(&error) {
                Some(reply) => Trouble::Said(Stage::Greeting, reply),
                None => broke(if wire.ended() { Break::Closed } else { Break::Garbage }),
            }),
            Err(_) => Err(broke(Break::Timeout)),
        }
    }

    /// `EHLO` again, because lettre does not keep all the relay offers, and because TLS voids what was offered before.
    async fn hello(&self, link: &mut Link) -> Result<(), Trouble> {
        let answer = link.ask(Ehlo::new(self.server.hello.clone()), self.limits.greeting).await;
        let response = answer.map_err(|how| Trouble::Broke(Stage::Greeting, how))?;
        link.offers = Offers::read(&response.map_err(|reply| Trouble::Said(Stage::Greeting, reply))?);
        Ok(())
    }

    /// From here on encrypted, or not at all.
    async fn starttls(&self, link: &mut Link) -> Result<(), Trouble> {
        if !link.offers.starttls {
            return Err(Trouble::misconfigured(
                "the relay does not offer STARTTLS, which relay.url requires",
            ));
        }
        let reply = link.say(Starttls, self.limits.greeting).await;
        expect_go(Stage::StartTls, reply)?;
        // Whoever sits on the way could append replies here that would count as said under TLS. lettre's own `starttls`
        // (0.11.23) keeps them in its buffer and believes them.
        let Some(stream) = link.wire.take_plain() else {
            return Err(Trouble::misconfigured("the relay's answer to STARTTLS has bytes behind it"));
        };
        link.wire.put_tls(self.handshake(stream).await?);
        Ok(())
    }

    /// `AUTH PLAIN` or `LOGIN`, in lettre's words. In clear only where the configuration allows it for this machine.
    async fn auth(&self, link: &mut Link, credentials: &Credentials) -> Result<(), Trouble> {
        if !link.wire.encrypted() && self.server.security != Security::Clear {
            return Err(Trouble::misconfigured(
                "the connection is not encrypted, so relay.password was not sent",
            ));
        }
        let Some(mechanism) = link.offers.auth else {
            return Err(Trouble::misconfigured("the relay offers neither AUTH PLAIN nor AUTH LOGIN"));
        };
        let limit = self.limits.greeting;
        let unexpected = |_| Trouble::misconfigured("the relay's AUTH challenge is not understood");
        let mut command = Auth::new(mechanism, credentials.clone(), None).map_err(unexpected)?;
        for _ in 0..=MOST_CHALLENGES {
            let answer = link.ask(command, limit).await;
            let answer = answer.map_err(|how| Trouble::Broke(Stage::Auth, how))?;
            let response = answer.map_err(|reply| Trouble::Said(Stage::Auth, reply))?;
            if !response.has_code(334) {
                return expect_go(Stage::Auth, Ok(response.into()));
            }
            command = match mechanism {
                Mechanism::Login => Auth::new_from_response(mechanism, credentials.clone(), &response),
                _ => break,
            }
            .map_err(unexpected)?;
        }
        Err(Trouble::misconfigured("the relay's AUTH asks for more than user and password"))
    }
}

fn expect_go(stage: Stage, reply: Result<Reply, Break>) -> Result<(), Trouble> {
    let reply = reply.map_err(|how| Trouble::Broke(stage, how))?;
    match reply.rule(stage).0 {
        Meaning::Go => Ok(()),
        Meaning::No(_) => Err(Trouble::Said(stage, reply)),
        Meaning::Nonsense => Err(Trouble::Broke(stage, Break::Garbage)),
    }
}

/// Without `TCP_NODELAY` each mail waits 40 ms for the peer's delayed acknowledgement.
fn tuned(stream: TcpStream) -> std::io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    Ok(stream)
}
