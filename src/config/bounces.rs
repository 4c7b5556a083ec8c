//! `[bounces]`: how mails come back.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::de::{Deserialize as _, Deserializer, Error};

/// `[bounces]`: where a mail server brings what comes back to brands' return paths.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounces {
    /// Where it is brought by LMTP (RFC 2033); none: nowhere.
    #[serde(deserialize_with = "address")]
    pub lmtp: Option<LmtpAddress>,
}

/// A socket for a mail server on this machine, or on a network that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LmtpAddress {
    /// `127.0.0.1:2424`.
    Tcp(SocketAddr),
    /// `unix:/run/vigie/lmtp`.
    Unix(PathBuf),
}

impl fmt::Display for LmtpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<LmtpAddress>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let address = match text.strip_prefix("unix:") {
        None if text.is_empty() => return Ok(None),
        Some(path) if path.starts_with('/') => Some(LmtpAddress::Unix(path.into())),
        Some(_) => None,
        None => text.parse().ok().map(LmtpAddress::Tcp),
    };
    let expected =
        || D::Error::custom("expected \"127.0.0.1:2424\", \"unix:/run/vigie/lmtp\" or nothing (\"\")");
    address.map(Some).ok_or_else(expected)
}
