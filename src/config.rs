//! Configuration: what may be set, in the order of the file `config/default.toml`, which is the manual.
//!
//! The way from text to a [`Config`] that can be relied on ([`Config::load`]):
//!
//! 1. **Layers.** The embedded default file is complete; files given with `--config` override it in order, and
//!    variables `VIGIE__SECTION__KEY` override both. Who set a key last is remembered.
//! 2. **Fields.** Each value becomes what the types of this module say. An unknown key or a value of the wrong kind
//!    is refused with the key, the value and where it came from ([`Invalid`]).
//! 3. **Relations.** What no single field can know (a timeout shorter than the steps it spans, a key for a brand that
//!    does not exist) is checked by named functions, and all problems are told at once ([`Problem`]).
//!
//! This module only knows the shape; it imports no component.

mod bounces;
mod brakes;
mod brand;
mod budget;
mod check;
mod classify;
mod dkim;
mod edge;
mod environment;
mod events;
mod feeds;
mod flows;
mod folders;
mod handoff;
mod invalid;
mod layers;
mod limits;
mod mail;
mod network;
mod own_relay;
mod partner;
mod signals;
mod span;
mod state;
mod store_url;
mod watch;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

pub use bounces::{Bounces, LmtpAddress};
pub use brakes::Brakes;
pub use brand::{Brand, MailClass};
pub use budget::{AtMost, Budget};
pub use check::{Problem, is_base_url};
pub use classify::{Ahead, Classify, Hosting};
pub use dkim::Dkim;
pub use edge::{Api, ApiKey, Edge, Intake, Ops, ProxyProtocol, Role};
pub use events::{Events, SecretSource, Webhook, Webhooks};
pub use feeds::{CellFormat, Column, FeedFolder, FeedFormat, Feeds, Fields, Mapping, Others, ReadColumn};
pub use flows::Flows;
pub use folders::{BrandFolders, Folder, Found, Stamp};
pub use handoff::Handoff;
pub use invalid::{Invalid, Origin};
pub use limits::{FlowLimits, Limits, Warmup};
pub use mail::{Dispatch, Relay, RelayTimeouts, Retry};
pub use network::{BadNetwork, Network};
pub use own_relay::{OwnRelay, OwnTimeouts};
pub use partner::{Partner, PartnerPurpose};
pub use signals::{Ignore, Signals};
pub(crate) use span::duration;
pub use state::{Presence, Store};
pub use store_url::{BadStoreUrl, RedisUrl, StoreUrl};
pub use watch::{Watch, is_internal};

use self::layers::Layers;
use crate::model::Name;

/// The default configuration file: complete and commented, the manual.
pub const DEFAULT: &str = include_str!("../config/default.toml");

/// The sample brand's file: the pattern for brands' folders. It is read with the default file, as `[brands.demo]`.
pub const SAMPLE_BRAND: &str = include_str!("../config/brands/demo/brand.toml");

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
    /// What servers report of people.
    pub signals: Signals,
    /// The hand-off between the edge and the pipeline.
    pub intake: Intake,
    /// Who counts as online, and how often one person is written to.
    pub presence: Presence,
    /// How flows begin again.
    pub flows: Flows,
    /// How fast mails go to recipients' domains.
    pub limits: Limits,
    /// When flows are slowed by themselves.
    pub brakes: Brakes,
    /// How many mails one person gets.
    pub budget: Budget,
    /// What decides whether somebody is there.
    pub classify: Classify,
    /// Mailboxes whose owners agreed to be watched.
    pub watch: Watch,
    /// Files of sends, and the folders they are dropped into.
    pub feeds: Feeds,
    /// How mails come back.
    pub bounces: Bounces,
    /// Mailbox providers by name: the domains of each. Mails to others count as `other`.
    pub providers: BTreeMap<Name, Vec<String>>,
    /// Where sends and presence live.
    pub store: Store,
    /// What is told of what happened.
    pub events: Events,
    /// How it is told to brands' servers.
    pub webhooks: Webhooks,
    /// What the call centre finds of cases that left e-mail.
    pub handoff: Handoff,
    /// How claims become mails.
    pub dispatch: Dispatch,
    /// Who takes our mail.
    pub relay: Relay,
    /// Who writes, where a brand has a table: see [`brands_now`](Self::brands_now) for all.
    pub brands: BTreeMap<Name, Brand>,
    /// Where brands have folders.
    pub brand_folders: BrandFolders,
    /// Who carries our pixel in mails of their own.
    pub partners: BTreeMap<Name, Partner>,
    /// What folders are read with.
    #[serde(skip)]
    beside: folders::Beside,
}

impl Config {
    /// The default file, overridden by `files` in order, overridden by the `VIGIE__…` variables of `environment`;
    /// every field and every relation checked. Other variables are ignored.
    pub fn load(
        files: &[PathBuf],
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Invalid> {
        let mut layers = Layers::embedded()?;
        for file in files {
            layers.add_file(file)?;
        }
        let variables = layers.add_environment(environment)?;
        let beside = folders::Beside::new(variables, layers.brands_in_files());
        let mut config: Self = layers.read()?;
        config.beside = beside;
        config.leave_to_folders()?;
        config.presence.refresh = config.presence.refresh.min(config.presence.window / 4);
        config.signals.max_age = config.signals.max_age.min(config.presence.window);
        match check::problems(&config) {
            none if none.is_empty() => Ok(config),
            problems => Err(Invalid::Relations(problems)),
        }
    }
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

#[cfg(test)]
mod tests;
