//! One connection of a mail server: commands, mails, answers.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::lines::{self, LARGEST};
use crate::bounces::{Bounces, LOOKED_AT};

/// How long a peer may take for a command, and to take an answer (RFC 5321 section 4.5.3.2.7).
const PATIENCE: Duration = Duration::from_mins(5);

/// How long for a whole mail (RFC 5321 section 4.5.3.2.6).
const WHOLE_MAIL: Duration = Duration::from_mins(10);

/// Recipients of one mail: a report has one.
const RECIPIENTS: usize = 100;

/// Both ways of a connection.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Wire for T {}

/// A peer, whatever it came by.
pub(super) type Peer = Pin<Box<dyn Wire>>;

/// One connection.
pub(super) struct Session {
    peer: BufReader<Peer>,
    bounces: Bounces,
    stop: CancellationToken,
    /// Somebody said who the mail is from.
    begun: bool,
    /// Who it is for. Never shown.
    recipients: Vec<String>,
}

/// What comes next.
enum Next {
    Command,
    Leave,
}

impl Session {
    pub(super) fn new(peer: Peer, bounces: Bounces, stop: CancellationToken) -> Self {
        Self { peer: BufReader::new(peer), bounces, stop, begun: false, recipients: Vec::new() }
    }

    /// Talks until one side leaves.
    pub(super) async fn run(mut self) -> io::Result<()> {
        self.say("220 vigie LMTP").await?;
        loop {
            let stop = self.stop.clone();
            let command = stop.run_until_cancelled(timeout(PATIENCE, lines::command(&mut self.peer)));
            let command = match command.await {
                None => return self.say("421 4.3.2 the gateway stops").await,
                Some(Err(_)) => return self.say("421 4.4.2 too slow").await,
                Some(Ok(command)) => command?,
            };
            let Some(command) = command else { return self.say("500 5.5.2 no command").await };
            if let Next::Leave = self.obey(&command).await? {
                return Ok(());
            }
        }
    }

    async fn obey(&mut self, command: &str) -> io::Result<Next> {
        let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
        match verb.to_ascii_uppercase().as_str() {
            "LHLO" => {
                self.reset();
                let offers = ["vigie", "PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"];
                self.say(&format!("250-{}\r\n250 SIZE {LARGEST}", offers.join("\r\n250-"))).await?;
            }
            "MAIL" => {
                self.reset();
                self.begun = true;
                self.say("250 2.1.0 ok").await?;
            }
            "RCPT" => self.recipient(rest).await?,
            "DATA" => self.data().await?,
            "RSET" => {
                self.reset();
                self.say("250 2.0.0 ok").await?;
            }
            "NOOP" => self.say("250 2.0.0 ok").await?,
            "VRFY" => self.say("252 2.5.0 everybody").await?,
            "QUIT" => {
                self.say("221 2.0.0 bye").await?;
                return Ok(Next::Leave);
            }
            "HELO" | "EHLO" => self.say("500 5.5.1 this is LMTP: LHLO").await?,
            _ => self.say("500 5.5.2 no such command").await?,
        }
        Ok(Next::Command)
    }

    fn reset(&mut self) {
        self.begun = false;
        self.recipients.clear();
    }

    async fn recipient(&mut self, rest: &str) -> io::Result<()> {
        let path = rest.split_once('<').and_then(|(_, rest)| rest.rsplit_once('>')).map(|(path, _)| path);
        match path {
            _ if !self.begun => self.say("503 5.5.1 MAIL first").await,
            None => self.say("501 5.5.4 no address").await,
            Some(_) if self.recipients.len() >= RECIPIENTS => self.say("452 4.5.3 too many").await,
            Some(path) => {
                self.recipients.push(path.to_owned());
                self.say("250 2.1.5 ok").await
            }
        }
    }

    /// Takes a mail in, and answers for each recipient (RFC 2033 section 4.2).
    async fn data(&mut self) -> io::Result<()> {
        if self.recipients.is_empty() {
            return self.say("503 5.5.1 RCPT first").await;
        }
        self.say("354 go on").await?;
        let mail = timeout(WHOLE_MAIL, lines::mail(&mut self.peer, LOOKED_AT)).await??;
        for recipient in std::mem::take(&mut self.recipients) {
            let answer = match &mail {
                None => "552 5.3.4 too large",
                Some(mail) => match self.bounces.mail(&recipient, mail).await {
                    Ok(_) => "250 2.0.0 taken",
                    Err(error) => {
                        tracing::warn!(%error, "a mail that came back has to come again");
                        "451 4.3.0 come again"
                    }
                },
            };
            self.say(answer).await?;
        }
        self.reset();
        Ok(())
    }

    async fn say(&mut self, answer: &str) -> io::Result<()> {
        let answer = format!("{answer}\r\n");
        let said = async {
            self.peer.write_all(answer.as_bytes()).await?;
            self.peer.flush().await
        };
        timeout(PATIENCE, said).await?
    }
}
