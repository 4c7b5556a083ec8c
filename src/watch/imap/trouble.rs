//! Everything that ends a connection before its time.

use thiserror::Error;

use super::token::TokenError;
use crate::dial::DialError;

/// What to say of a server that must not be connected to.
pub(super) const INTERNAL: &str = "it is in a private network, and `watch.allow_private` is false";

/// Why there is no connection (any more).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum Trouble {
    /// No address of the host can be connected to.
    #[error("cannot connect: {0}")]
    Unreachable(String),
    /// TLS was refused, by the server or here.
    #[error("no TLS: {0}")]
    Tls(String),
    /// No complete answer within its deadline.
    #[error("no answer in time")]
    Timeout,
    /// The connection broke.
    #[error("the connection broke")]
    Closed,
    /// The server took its leave.
    #[error("the server said BYE")]
    Bye,
    /// What came cannot be IMAP, or not now.
    #[error("the answer is not IMAP")]
    Garbage,
    /// A line, a literal or an answer is longer than anything needed here.
    #[error("the answer is too long")]
    TooMuch,
    /// The server cannot let anybody in now: its words.
    #[error("not now: {0}")]
    Busy(String),
    /// The access token is not accepted; another may be.
    #[error("the access token is not accepted")]
    Stale,
    /// The login is refused for good: the server's words.
    #[error("the login is refused: {0}")]
    Refused(String),
    /// The server cannot do what is needed.
    #[error("not possible with this server: {0}")]
    Unsupported(&'static str),
    /// There is no access token now.
    #[error("no access token: {0}")]
    NoToken(String),
}

impl Trouble {
    /// The value of the metric label `reason`.
    pub(super) const fn reason(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Tls(_) => "tls",
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Bye => "bye",
            Self::Garbage => "garbage",
            Self::TooMuch => "too_much",
            Self::Busy(_) => "busy",
            Self::Stale => "stale_token",
            Self::Refused(_) => "refused",
            Self::Unsupported(_) => "unsupported",
            Self::NoToken(_) => "no_token",
        }
    }

    /// Whether trying again soon would only bother the server.
    pub(super) const fn is_lasting(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Unsupported(_))
    }
}

impl From<DialError> for Trouble {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Unreachable(why) => Self::Unreachable(why),
            DialError::Tls(why) => Self::Tls(why),
            DialError::Timeout => Self::Timeout,
            DialError::Internal => Self::Unsupported(INTERNAL),
            DialError::Plain => Self::Unsupported("without TLS only this machine itself is connected to"),
        }
    }
}

impl From<TokenError> for Trouble {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Refused(words) => Self::Refused(words),
            TokenError::Unavailable(words) => Self::NoToken(words),
        }
    }
}
