//! `[events]`, `[webhooks]`, `[[brands.NAME.webhooks]]`: what is told of what happened, and to whom.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer, Unexpected};

use super::span::duration;
use crate::model::Name;

/// `[events]`: the log, and those who listen to it by `GET /v1/events`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// The newest events that are kept.
    pub keep: u64,
    /// Most that listen at the same time.
    pub listeners: usize,
    /// A listener to whom nothing is to be said hears a comment this often.
    #[serde(deserialize_with = "duration")]
    pub heartbeat: Duration,
    /// A listener that takes nothing for so long is cut off.
    #[serde(deserialize_with = "duration")]
    pub patience: Duration,
}

/// `[webhooks]`: how events are delivered, to whomever.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// Until a receiver must have answered.
    #[serde(deserialize_with = "duration")]
    pub timeout: Duration,
    /// The pause after a first failure; doubled with each further one.
    #[serde(deserialize_with = "duration")]
    pub first: Duration,
    /// Never more than this, and never more than that whatever a receiver asks for.
    #[serde(deserialize_with = "duration")]
    pub longest: Duration,
    /// An event is left out that its receiver calls unacceptable so often.
    pub refusals: u32,
    /// Whether receivers may be in private networks or on this machine, and speak plain HTTP.
    pub allow_private: bool,
    /// A PEM file of certificates that are trusted beside the system's.
    #[serde(default)]
    pub ca: Option<PathBuf>,
}

/// One of `[[brands.NAME.webhooks]]`: who is told what happens to a brand's sends and cases.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// What it is called, within its brand.
    pub name: Name,
    /// Where events are posted to.
    pub url: String,
    /// What they are signed with: the newest first. More than one while a secret is replaced.
    pub secrets: Vec<SecretSource>,
    /// Which kinds of events; none means all.
    #[serde(default)]
    pub types: Vec<String>,
}

/// Where a secret is read from: it does not stand in the configuration itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable: `env:NAME`.
    Environment(String),
    /// A file: `file:PATH`.
    File(PathBuf),
}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Environment(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(PathBuf::from(path))),
            // Not the text itself: somebody may have put the secret there.
            _ => Err(de::Error::invalid_value(
                Unexpected::Other("something else"),
                &"\"env:NAME\" or \"file:PATH\"",
            )),
        }
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}
