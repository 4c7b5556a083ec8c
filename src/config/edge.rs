//! `[edge]`, `[api]`, `[ops]`, `[intake]`: the listeners and what they may take.

use std::time::Duration;

use serde::Deserialize;

use super::Listen;
use super::network::Network;
use super::span::duration;

/// `[edge]`: the public listener that mail clients reach.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// Where it listens.
    pub listen: Listen,
    /// Threads, each with its own runtime and its own socket (`SO_REUSEPORT`); 0 means one per core.
    pub threads: usize,
    /// Connections in all; beyond it new ones wait in the kernel's backlog.
    pub max_connections: usize,
    /// Connections of one IPv4 address or IPv6 /64; beyond it new ones are closed.
    pub max_connections_per_address: usize,
    /// A request's head must arrive within this; also how long a kept-alive connection may be idle.
    #[serde(deserialize_with = "duration")]
    pub header_timeout: Duration,
    /// After a stop, requests under way may take this long.
    #[serde(deserialize_with = "duration")]
    pub request_timeout: Duration,
    /// Longest request target in bytes; longer ones get 414.
    pub max_target: usize,
    /// Most bytes of a request's head; longer ones get 431.
    pub max_head: usize,
    /// Origins whose pages may read the beacon's answers (CORS), each exactly as browsers send it.
    pub origins: Vec<String>,
    /// Networks of load balancers that are believed what they say about their clients.
    pub trusted_proxies: Vec<Network>,
    /// The header they say it in.
    pub client_ip_header: String,
    /// Whether they say it before the first request of a connection.
    pub proxy_protocol: ProxyProtocol,
}

/// Whether connections begin with a header of the PROXY protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProxyProtocol {
    /// They do not.
    Off,
    /// They all do, in one line of text.
    V1,
    /// They all do, in bytes.
    V2,
}

/// `[api]`: the private listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Where it listens.
    pub listen: Listen,
    /// Largest body of a single JSON request, in bytes.
    pub max_body: usize,
    /// Longest line of an NDJSON request, in bytes.
    pub max_line: usize,
    /// Most lines of an NDJSON request handed to the store at a time.
    pub batch: usize,
    /// Requests answered at the same time; beyond it 503 at once.
    pub max_requests: usize,
    /// API keys: what `vigie key new` prints.
    #[serde(default)]
    pub keys: Vec<ApiKey>,
}

/// One API key, as the configuration knows it: never the key itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// The key's public half, for logs.
    pub id: String,
    /// `sha256:` and the lower-case hex SHA-256 of the whole key.
    pub hash: String,
    /// What it may do.
    pub role: Role,
    /// For producers: the one brand it may push for.
    pub brand: Option<crate::model::Name>,
}

/// What an API key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Push, see and cancel sends of one brand.
    Producer,
    /// Report activity.
    Signals,
    /// Everything.
    Operator,
}

/// `[ops]`: metrics and health.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ops {
    /// Where it listens.
    pub listen: Listen,
    /// So many campaigns of each brand have figures of their own; zero: none has.
    pub campaigns: usize,
}

/// `[intake]`: the bounded hand-off between the edge and the pipeline.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intake {
    /// Signals that may wait; beyond it they are shed and counted.
    pub capacity: usize,
    /// Queues; a recipient's signals always meet in the same one.
    pub shards: usize,
}
