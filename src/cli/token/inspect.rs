//! `vigie token inspect`: what a token holds, and why the edge believes it or not.

use std::fmt::Write;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::{Exit, Failure, print};
use crate::clock::Clock;
use crate::model::{Grantee, RecipientId, SendId};
use crate::secrets::Secrets;
use crate::token::{Day, Key, Kind, Purpose, Refused, Token, day, named_key};

/// Which token.
#[derive(Debug, Args)]
pub(in crate::cli) struct Inspect {
    /// The token, or the address it is in
    token: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What there is to say about a token.
#[derive(Debug, Serialize)]
struct Findings {
    verifies: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    contents: Option<Contents>,
}

/// What a token says under a valid signature.
#[derive(Debug, Serialize)]
struct Contents {
    kind: Kind,
    #[serde(flatten)]
    owner: Grantee,
    key: u16,
    recipient: RecipientId,
    #[serde(skip_serializing_if = "Option::is_none")]
    send: Option<SendId>,
    purpose: Purpose,
    /// The first day, in UTC, on which it is no longer valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    to: String,
}

impl Inspect {
    pub(super) fn run(&self, secrets: &Secrets) -> Result<(), Failure> {
        let findings = Findings::about(bare(&self.token), secrets, day(Clock::system().now()));
        if self.json {
            let json = serde_json::to_string(&findings).expect("plain texts become JSON");
            print(&format!("{json}\n"))?;
        } else {
            print(&findings.text())?;
        }
        match findings.reason {
            None => Ok(()),
            Some(reason) => Err(Failure::new(Exit::Data, format!("the token does not verify: {reason}"))),
        }
    }
}

/// The token in an address of the edge: its last segment, without `.gif`.
fn bare(text: &str) -> &str {
    let path = text.trim().split(['?', '#']).next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    last.strip_suffix(".gif").unwrap_or(last)
}

impl Findings {
    fn about(text: &str, secrets: &Secrets, today: Day) -> Self {
        match Token::read(text.as_bytes(), &secrets.ring) {
            Ok((token, key)) => {
                let expired = token.expires.is_some_and(|expires| expires <= today);
                let reason = expired.then(|| "it has expired".to_owned());
                Self { verifies: !expired, reason, contents: Some(Contents::of(token, key)) }
            }
            Err(refused) => Self { verifies: false, reason: Some(why(refused, text)), contents: None },
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut say = |what: &str, value: &str| {
            writeln!(text, "{what:<9} {value}").expect("writing to a String cannot fail");
        };
        say("verifies", if self.verifies { "yes" } else { "no" });
        if let Some(contents) = &self.contents {
            for (what, value) in contents.lines() {
                say(what, &value);
            }
        }
        text
    }
}

fn why(refused: Refused, text: &str) -> String {
    match refused {
        Refused::Malformed => "it is not a token, or a part of it is missing".to_owned(),
        Refused::UnknownKey => {
            let id = named_key(text.as_bytes()).unwrap_or_default();
            format!("it names key {id}, which is not in secrets.toml or not for this kind of token")
        }
        Refused::Forged => {
            "its signature does not fit: it was changed, or signed by another installation".to_owned()
        }
        other => other.to_string(),
    }
}

impl Contents {
    fn of(token: Token, key: &Key) -> Self {
        Self {
            kind: token.kind,
            owner: key.owner().clone(),
            key: key.id(),
            recipient: token.recipient,
            send: token.send,
            purpose: token.purpose,
            expires: token.expires.map(date),
            to: token.destination,
        }
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let (whose, name) = match &self.owner {
            Grantee::Brand(name) => ("brand", name),
            Grantee::Partner(name) => ("partner", name),
        };
        vec![
            ("kind", word(serde_json::json!(self.kind))),
            (whose, name.to_string()),
            ("key", self.key.to_string()),
            ("recipient", self.recipient.to_string()),
            ("send", self.send.map_or_else(|| "none".to_owned(), |send| send.to_string())),
            ("purpose", word(serde_json::json!(self.purpose))),
            ("expires", self.expires.clone().unwrap_or_else(|| "never".to_owned())),
            ("to", if self.to.is_empty() { "nowhere".to_owned() } else { self.to.clone() }),
        ]
    }
}

/// A day as `2030-12-31`.
fn date(day: Day) -> String {
    let second = i64::from(day).saturating_mul(86_400);
    let at = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
    at.strftime("%Y-%m-%d").to_string()
}
