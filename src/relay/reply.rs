//! One reply of the relay, or how it failed to come.

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::response::Response;

use super::decision::{Decision, Enhanced, Meaning, Stage, Then, rule};
use super::tone::{self, Slows};
use crate::model::MailStatus;
use crate::redact;

/// A complete, well-formed reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    /// The three digits.
    pub(super) code: u16,
    /// All lines' text, joined; foreign text, not fit to be shown.
    text: String,
}

impl Reply {
    /// What it means as the answer to `stage`.
    ///
    /// The table goes by codes. A temporary refusal whose words are of greylisting or of a rate is not held against the
    /// send, whatever its code: the relay did not speak about it.
    pub(super) fn rule(&self, stage: Stage) -> (Meaning, Then) {
        match rule(stage, self.code, self.enhanced()) {
            (Meaning::No(Decision::Defer), then)
                if tone::is_grey(&self.text) || tone::is_of_a_rate(&self.text) =>
            {
                (Meaning::No(Decision::Throttle), then)
            }
            ruled => ruled,
        }
    }

    /// Who it asks to be slower.
    pub(super) fn slows(&self, stage: Stage) -> Slows {
        tone::slows(stage, self.code, self.enhanced(), &self.text)
    }

    /// Code and text, fit for logs and histories.
    pub(super) fn shown(&self) -> String {
        redact::foreign(&format!("{} {}", self.code, self.text))
    }

    /// The enhanced status code the text starts with.
    fn enhanced(&self) -> Option<Enhanced> {
        let mut parts = self.text.split_whitespace().next()?.splitn(3, '.').map(|part| part.parse().ok());
        Some((parts.next()??, parts.next()??, parts.next()??))
    }

    /// A reply as it would be read from a wire.
    #[cfg(test)]
    pub(super) fn new(code: u16, text: &str) -> Self {
        Self { code, text: text.into() }
    }
}

impl From<Response> for Reply {
    fn from(response: Response) -> Self {
        let lines: Vec<&str> = response.message().collect();
        Self { code: response.code().into(), text: lines.join(" ") }
    }
}

impl Reply {
    /// lettre returns negative replies as errors; this takes them back. `None`: no reply was read.
    pub(super) fn from_error(error: &SmtpError) -> Option<Self> {
        let code = error.status()?.into();
        let text = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        Some(Self { code, text })
    }
}

/// How a reply failed to come. The connection is of no further use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Break {
    /// Not in time.
    Timeout,
    /// The connection was closed or reset.
    Closed,
    /// What came was no SMTP reply.
    Garbage,
}

impl Break {
    /// The word for reasons and for the metric's label.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Garbage => "garbage",
        }
    }
}

/// Why a letter was not taken, or a connection not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The relay said no.
    Said(Stage, Reply),
    /// The relay said nothing that counts, and cannot have taken anything.
    Broke(Stage, Break),
    /// It did not come to asking: decision and words of our own.
    Own(Decision, String),
}

impl Trouble {
    /// Shorthand for what an operator must put right.
    pub(super) fn misconfigured(words: impl Into<String>) -> Self {
        Self::Own(Decision::Misconfigured, words.into())
    }

    /// Whether it came up while encrypting, and not for want of a reachable relay.
    pub(super) fn is_about_tls(&self) -> bool {
        matches!(
            self,
            Self::Said(Stage::StartTls, _)
                | Self::Broke(Stage::StartTls, _)
                | Self::Own(Decision::Misconfigured, _)
        )
    }

    /// What becomes of the send.
    pub(super) fn decision(&self) -> Decision {
        match self {
            Self::Said(stage, reply) => match reply.rule(*stage).0 {
                Meaning::No(decision) => decision,
                Meaning::Go | Meaning::Nonsense => Decision::Unreachable,
            },
            Self::Broke(..) => Decision::Unreachable,
            Self::Own(decision, _) => *decision,
        }
    }

    /// Who is to be slower.
    pub(super) fn slows(&self) -> Slows {
        match self {
            Self::Said(stage, reply) => reply.slows(*stage),
            Self::Broke(..) | Self::Own(..) => Slows::Send,
        }
    }

    /// Whether it was the recipient that was refused, for there is no such mailbox. In one round trip each reply
    /// answers its own command, so what is said of the message cannot be taken for this.
    pub(super) fn no_mailbox(&self) -> Option<MailStatus> {
        let Self::Said(Stage::Rcpt, reply) = self else { return None };
        let (class, subject, detail) = reply.enhanced().filter(|_| (500..=599).contains(&reply.code))?;
        Some(MailStatus { class, subject, detail }).filter(|status| status.is_no_mailbox())
    }

    /// In words, without addresses.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Said(stage, reply) => format!("{} at {}", reply.shown(), stage.as_str()),
            Self::Broke(stage, how) => match how {
                Break::Timeout => format!("no reply in time at {}", stage.as_str()),
                Break::Closed => format!("connection closed at {}", stage.as_str()),
                Break::Garbage => format!("no SMTP reply at {}", stage.as_str()),
            },
            Self::Own(_, words) => words.clone(),
        }
    }

    /// The value of the metric's `reply` label.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Said(_, reply) => match reply.code {
                421 => "421",
                400..=499 => "4yz",
                500..=599 => "5yz",
                _ => "garbage",
            },
            Self::Broke(_, how) => how.as_str(),
            Self::Own(Decision::Reject, _) => "not_sendable",
            Self::Own(Decision::Misconfigured, _) => "misconfigured",
            Self::Own(Decision::Throttle, _) => "respite",
            Self::Own(..) => "unreachable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enhanced_code_is_read_only_where_there_is_one() {
        assert_eq!(Reply::new(451, "4.7.1 slow down").enhanced(), Some((4, 7, 1)));
        for none in ["", "4.7 slow", "four.seven.one", "4.7.1: slow", "OK id=1a.2b.3c"] {
            assert_eq!(Reply::new(451, none).enhanced(), None, "{none:?}");
        }
    }

    #[test]
    fn only_a_recipient_is_no_mailbox_and_only_by_its_own_reply() {
        let said = |stage, code, text| Trouble::Said(stage, Reply::new(code, text)).no_mailbox();
        assert_eq!(
            said(Stage::Rcpt, 550, "5.1.1 unknown").map(|status| status.to_string()),
            Some("5.1.1".into())
        );
        for none in [
            said(Stage::Mail, 550, "5.1.1 unknown"),
            said(Stage::Dot, 550, "5.1.1 unknown"),
            said(Stage::Rcpt, 550, "5.7.1 spam"),
            said(Stage::Rcpt, 550, "User unknown"),
            said(Stage::Rcpt, 450, "4.1.1 unknown"),
            said(Stage::Rcpt, 450, "5.1.1 unknown"),
        ] {
            assert_eq!(none, None);
        }
    }

    #[test]
    fn a_reason_names_the_step_and_no_address() {
        let trouble = Trouble::Said(Stage::Rcpt, Reply::new(550, "5.1.1 <marie@example.org>: no such user"));
        assert_eq!(trouble.reason(), "550 5.1.1 <address> no such user at RCPT");
        assert_eq!((trouble.decision(), trouble.label()), (Decision::Reject, "5yz"));
    }
}
