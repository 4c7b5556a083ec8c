//! One connection, from the greeting to its end.

use std::io;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tokio::net::TcpStream;

use super::input::Talk;
use super::{Act, State, Step, Taken};

struct Conversation<'a> {
    talk: Talk,
    state: &'a Arc<State>,
    number: usize,
    encrypted: bool,
    welcome: bool,
    from: Option<String>,
    to: Vec<String>,
}

/// Speaks with one client until either side has enough.
pub(super) async fn hold(stream: TcpStream, number: usize, state: &Arc<State>) -> io::Result<()> {
    let encrypted = state.manner.implicit;
    let talk = match &state.manner.tls {
        Some(authority) if encrypted => Talk::over(Box::new(authority.acceptor.accept(stream).await?)),
        _ => Talk::over(Box::new(stream)),
    };
    let welcome = state.manner.login.is_none();
    let mut one = Conversation { talk, state, number, encrypted, welcome, from: None, to: Vec::new() };
    one.answer(Step::Greeting, "", "220 sink ESMTP").await?;
    loop {
        let line = one.talk.line().await?;
        let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        if word == "QUIT" {
            one.answer(Step::Quit, &line, "221 2.0.0 Bye").await?;
            return one.talk.flush().await;
        }
        one.command(&word, &line).await?;
    }
}

impl Conversation<'_> {
    async fn command(&mut self, word: &str, line: &str) -> io::Result<()> {
        match word {
            "STARTTLS" => return self.starttls(line).await,
            "AUTH" => return self.auth(line).await,
            "MAIL" => return self.mail(line).await,
            "RCPT" => return self.rcpt(line).await,
            "DATA" => return self.data(line).await,
            "BDAT" => return self.bdat(line).await,
            "EHLO" | "HELO" => {
                let offers = self.offers();
                self.answer(Step::Hello, line, &offers).await?;
            }
            "RSET" => {
                self.forget();
                self.answer(Step::Reset, line, "250 2.0.0 Reset").await?;
            }
            _ => {
                self.answer(Step::Other, line, "500 5.5.2 Command unknown").await?;
            }
        }
        Ok(())
    }

    fn offers(&self) -> String {
        let mut lines = vec!["250-sink".to_owned()];
        let offers =
            self.state.manner.offers.iter().filter(|offer| !(self.encrypted && *offer == "STARTTLS"));
        lines.extend(offers.map(|offer| format!("250-{offer}")));
        lines.push("250 HELP".into());
        lines.join("\r\n")
    }

    /// Does what the script says; returns what was said, so that `usual` changes no state if something else was.
    async fn answer(&mut self, step: Step, line: &str, usual: &str) -> io::Result<String> {
        let act = self.state.ask(step, line);
        if step == Step::Mail {
            self.talk.trips = 0;
        }
        self.act(act, usual).await
    }

    async fn act(&mut self, act: Act, usual: &str) -> io::Result<String> {
        let (said, cut) = match act {
            Act::Usual => (format!("{usual}\r\n").into_bytes(), false),
            Act::Late(by) => {
                self.talk.flush().await?;
                tokio::time::sleep(by).await;
                (format!("{usual}\r\n").into_bytes(), false)
            }
            Act::Crumbs => {
                for byte in format!("{usual}\r\n").bytes() {
                    self.talk.say(&[byte]);
                    self.talk.flush().await?;
                    tokio::task::yield_now().await;
                }
                return Ok(usual.to_owned());
            }
            Act::Append(bytes) => ([format!("{usual}\r\n").as_bytes(), &bytes].concat(), false),
            Act::Say(text) => (format!("{text}\r\n").into_bytes(), false),
            Act::Raw(bytes) => (bytes, false),
            Act::Stall => {
                self.talk.flush().await?;
                return std::future::pending().await;
            }
            Act::Cut => (Vec::new(), true),
            Act::SayAndCut(text) => (format!("{text}\r\n").into_bytes(), true),
        };
        self.talk.say(&said);
        if cut {
            self.talk.flush().await?;
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    async fn starttls(&mut self, line: &str) -> io::Result<()> {
        let said = self.answer(Step::StartTls, line, "220 2.0.0 Go ahead").await?;
        self.talk.flush().await?;
        if let (true, Some(authority)) = (said.starts_with('2'), &self.state.manner.tls) {
            let plain = self.talk.take_stream();
            self.talk = Talk::over(Box::new(authority.acceptor.accept(plain).await?));
            self.encrypted = true;
        }
        Ok(())
    }

    async fn auth(&mut self, line: &str) -> io::Result<()> {
        let mut told = String::new();
        if let Some((_, secret)) = line.split_once("PLAIN ") {
            told = decoded(secret);
        } else {
            for challenge in ["Username:", "Password:"] {
                let challenge = BASE64_STANDARD.encode(challenge);
                self.talk.say(format!("334 {challenge}\r\n").as_bytes());
                told.push('\0');
                told.push_str(&decoded(&self.talk.line().await?));
            }
        }
        let login = self.state.manner.login.as_ref();
        self.welcome = login.is_some_and(|(user, password)| told == format!("\0{user}\0{password}"));
        let usual = if self.welcome { "235 2.7.0 Welcome" } else { "535 5.7.8 Not known here" };
        self.answer(Step::Auth, line, usual).await.map(drop)
    }

    async fn mail(&mut self, line: &str) -> io::Result<()> {
        let usual = match (self.welcome, &self.from) {
            (false, _) => "530 5.7.0 Log in first",
            (true, Some(_)) => "503 5.5.1 Sender already given",
            (true, None) => "250 2.1.0 OK",
        };
        if self.answer(Step::Mail, line, usual).await?.starts_with('2') {
            self.from = Some(line.to_owned());
        }
        Ok(())
    }

    async fn rcpt(&mut self, line: &str) -> io::Result<()> {
        let usual = if self.from.is_some() { "250 2.1.5 OK" } else { "503 5.5.1 MAIL first" };
        if self.answer(Step::Rcpt, line, usual).await?.starts_with('2') {
            self.to.push(line.to_owned());
        }
        Ok(())
    }

    async fn data(&mut self, line: &str) -> io::Result<()> {
        let usual = if self.to.is_empty() { "554 5.5.1 No valid recipients" } else { "354 Go ahead" };
        if !self.answer(Step::Data, line, usual).await?.starts_with('3') {
            self.close_transaction();
            return Ok(());
        }
        let content = self.talk.dotted().await?;
        self.message(content).await
    }

    async fn bdat(&mut self, line: &str) -> io::Result<()> {
        if !self.announced(line)? {
            return Ok(());
        }
        let count = line.split(' ').nth(1).and_then(|count| count.parse().ok()).unwrap_or(0);
        let content = self.talk.bytes(count).await?;
        self.message(content).await
    }

    /// Nothing is said to an announcement; a script may refuse it (and its bytes are then taken for commands), or cut.
    fn announced(&mut self, line: &str) -> io::Result<bool> {
        match self.state.ask(Step::Bdat, line) {
            Act::Say(text) => {
                self.talk.say(format!("{text}\r\n").as_bytes());
                Ok(false)
            }
            Act::Cut => Err(io::ErrorKind::ConnectionAborted.into()),
            _ => Ok(true),
        }
    }

    async fn message(&mut self, content: Vec<u8>) -> io::Result<()> {
        let complete = self.from.is_some() && !self.to.is_empty();
        let usual = match (complete, self.state.manner.exim) {
            (true, _) => "250 2.0.0 Taken",
            (false, true) => "503 5.5.1 Valid RCPT must precede BDAT",
            (false, false) => "554 5.5.1 No valid recipients",
        };
        let said = self.answer(Step::Message, "", usual).await?;
        if complete && said.starts_with('2') {
            let from = self.from.clone().unwrap_or_default();
            // The reply to the message is still to be flushed.
            let round_trips = self.talk.trips + 1;
            let taken = Taken { from, to: self.to.clone(), content, round_trips, connection: self.number };
            self.state.book().taken.push(taken);
            self.forget();
            if let Some(act) = self.state.manner.parting.clone() {
                self.talk.flush().await?;
                self.act(act, "").await?;
            }
        } else {
            self.close_transaction();
        }
        Ok(())
    }

    /// A refusal ends the transaction, except at Exim.
    fn close_transaction(&mut self) {
        if !self.state.manner.exim {
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.from = None;
        self.to.clear();
    }
}

fn decoded(base64: &str) -> String {
    let bytes = BASE64_STANDARD.decode(base64.trim()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
