//! How to get into a mailbox: what an owner who agreed has given us.

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use crate::redact::Secret;

/// A mailbox's account at its mail server. What it says of its owner leaves the process only [sealed](super::Vault).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The mail server's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: Protection,
    /// Who logs in, usually the address.
    #[serde(serialize_with = "exposed")]
    pub user: Secret,
    /// With what.
    pub access: Access,
    /// How the owner's agreement can be shown. No address.
    pub proof: String,
    /// Since when it is to be watched so.
    pub since: Timestamp,
}

/// How a connection to a mail server is protected, in the words of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protection {
    /// TLS from the first byte.
    Implicit,
    /// TLS from `STARTTLS` on.
    StartTls,
    /// Not at all: only to this machine itself.
    None,
}

impl Protection {
    /// The word in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Implicit => "implicit",
            Self::StartTls => "starttls",
            Self::None => "none",
        }
    }
}

/// With what a login is proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// A password.
    #[serde(serialize_with = "exposed")]
    Password(Secret),
    /// What an OAuth 2 server trades for access tokens.
    OAuth(OAuth),
}

/// A consent at an OAuth 2 server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuth {
    /// Where tokens are given: `https`, or `http` at this machine.
    pub token_url: String,
    /// The name under which this gateway is registered there.
    pub client_id: String,
    /// The password to that name, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "perhaps_exposed")]
    pub client_secret: Option<Secret>,
    /// The refresh token.
    #[serde(serialize_with = "exposed")]
    pub refresh_token: Secret,
    /// What the tokens should be good for, where the server wants to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// Secrets have no serialised form but here, where what is made of them is sealed.
fn exposed<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
fn perhaps_exposed<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(serializer)
}
