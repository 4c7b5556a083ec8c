//! Configuration: what may be set, in the order of the file `config/default.toml`, which is the manual.
//!
//! The default file is embedded and complete; files given with `--config` override it in order, and variables
//! `VIGIE__SECTION__KEY` override both. This module only knows the shape; it imports no component.

mod brand;
mod edge;
mod mail;
mod span;
mod state;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

pub use brand::{Brand, MailClass};
pub use edge::{Api, ApiKey, Edge, Intake, Ops, Role};
pub use mail::{Dispatch, Relay, RelayTimeouts, Retry};
pub use state::{Presence, Store};

use crate::model::Name;

/// The whole configuration, validated field by field; relations between fields are checked by `check`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where vigie keeps its own files.
    pub data: Data,
    /// Log output.
    pub log: Log,
    /// The public listener.
    pub edge: Edge,
    /// The private listener.
    pub api: Api,
    /// The metrics and health listener.
    pub ops: Ops,
    /// The hand-off between the edge and the pipeline.
    pub intake: Intake,
    /// Who counts as online, and how often one person is written to.
    pub presence: Presence,
    /// Where sends and presence live.
    pub store: Store,
    /// How claims become mails.
    pub dispatch: Dispatch,
    /// Who takes our mail.
    pub relay: Relay,
    /// Who writes.
    pub brands: BTreeMap<Name, Brand>,
}

/// `[data]`: vigie's own files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The directory for secrets, the embedded store and the outbox; relative URLs of other sections start here.
    pub dir: PathBuf,
}

/// `[log]`: what is written to standard error.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// A `tracing` filter: `info`, `vigie=debug`.
    pub filter: String,
    /// `text` or `json`.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// The address a listener binds; port 0 takes a free one.
pub type Listen = SocketAddr;
