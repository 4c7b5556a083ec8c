//! One connection to the relay, ready for mails: lettre's connection for the replies, our wire for the writes.

use std::fmt::Display;
use std::future::Future;
use std::time::{Duration, Instant};

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::response::Response;
use prometheus::IntGauge;
use tokio::time::timeout;

use super::metrics::Counted;
use super::offers::Offers;
use super::reply::{Break, Reply};
use super::wire::Wire;

/// `RSET` and `QUIT` are courtesies: nobody waits longer for them (KumoMTA's default).
const COURTESY: Duration = Duration::from_secs(5);

/// After this many refused mails a connection is replaced. Postfix delays each reply by a second after ten errors on one
/// connection (`smtpd_soft_error_limit`; a refused recipient with its BDAT makes two), and Exim hangs up after ten
/// commands like RSET that belong to no mail (`smtp_accept_max_nonmail`).
const MOST_REFUSED: u32 = 4;

/// A reused buffer larger than this is given back after the mail.
const KEPT_BUFFER: usize = 256 * 1024;

/// One connection. Dropping it closes it, whatever was under way.
pub(super) struct Link {
    smtp: AsyncSmtpConnection,
    pub(super) wire: Wire,
    /// What the relay offers on this connection.
    pub(super) offers: Offers,
    /// What goes out with the next [`Link::send`]; kept between mails so that its memory is.
    pub(super) outgoing: Vec<u8>,
    born: Instant,
    parked: Instant,
    mails: u32,
    refused: u32,
    _open: Counted,
}

impl Link {
    /// A connection that was greeted.
    pub(super) fn new(smtp: AsyncSmtpConnection, wire: Wire, open: &IntGauge) -> Self {
        let (born, offers, outgoing) = (Instant::now(), Offers::default(), Vec::new());
        Self {
            smtp,
            wire,
            offers,
            outgoing,
            born,
            parked: born,
            mails: 0,
            refused: 0,
            _open: Counted::new(open),
        }
    }

    /// Says one command and reads its reply, lettre's way.
    pub(super) async fn say(&mut self, command: impl Display, limit: Duration) -> Result<Reply, Break> {
        self.ask(command, limit).await?.map_or_else(Ok, |response| Ok(response.into()))
    }

    /// As [`say`](Self::say), with a positive reply's lines as lettre read them; a negative one is the inner error.
    pub(super) async fn ask(
        &mut self,
        command: impl Display,
        limit: Duration,
    ) -> Result<Result<Response, Reply>, Break> {
        let answer = within(limit, self.smtp.command(command)).await?;
        self.understood(answer)
    }

    /// Writes [`outgoing`](Self::outgoing) at once. After an error the relay cannot have all of it.
    pub(super) async fn send(&mut self, limit: Duration) -> Result<(), Break> {
        let written = within(limit, self.wire.write(&self.outgoing)).await;
        self.outgoing.clear();
        self.outgoing.shrink_to(KEPT_BUFFER);
        written?.map_err(|_| Break::Closed)
    }

    /// Reads one reply.
    pub(super) async fn hear(&mut self, limit: Duration) -> Result<Reply, Break> {
        let answer = within(limit, self.smtp.read_response()).await?;
        Ok(self.understood(answer)?.map_or_else(|reply| reply, Reply::from))
    }

    fn understood(&self, answer: Result<Response, SmtpError>) -> Result<Result<Response, Reply>, Break> {
        match answer {
            Ok(response) => Ok(Ok(response)),
            Err(error) => match Reply::from_error(&error) {
                Some(reply) => Ok(Err(reply)),
                None if self.wire.ended() => Err(Break::Closed),
                None => Err(Break::Garbage),
            },
        }
    }

    /// Ends whatever transaction is open; false means that the connection is of no further use.
    pub(super) async fn reset(&mut self) -> bool {
        self.refused += 1;
        if self.refused >= MOST_REFUSED {
            return false;
        }
        self.say("RSET\r\n", COURTESY).await.is_ok_and(|reply| reply.code == 250)
    }

    /// Takes leave as RFC 5321 wants it.
    pub(super) async fn quit(mut self) {
        // Whatever the answer is, the connection closes now.
        let _ = self.say("QUIT\r\n", COURTESY).await;
    }

    /// Counts a mail and notes when the connection became idle.
    pub(super) fn rest(&mut self) {
        self.mails += 1;
        self.parked = Instant::now();
    }

    /// Whether it may carry another mail under these limits.
    pub(super) fn fresh(&self, idle: Duration, max_age: Duration, max_mails: u32) -> bool {
        self.parked.elapsed() < idle && self.born.elapsed() < max_age && self.mails < max_mails
    }
}

/// A deadline of our own: lettre's covers only connecting.
async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Result<T, Break> {
    timeout(limit, future).await.map_err(|_| Break::Timeout)
}
