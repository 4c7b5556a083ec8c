//! `[relay]` read: where the mail goes and how it gets there. No I/O.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::extension::ClientId;
use rustls::pki_types::ServerName;
use thiserror::Error;
use url::{Host, Url};

use crate::config;

/// Why the relay cannot be set up: one sentence that names the key.
#[derive(Debug, Error)]
pub enum RelayError {
    /// `relay.url` is none of the three forms.
    #[error("relay.url must be outbox:DIR, smtp://HOST:PORT or smtps://HOST:PORT{0}")]
    Url(&'static str),
    /// `relay.url` says something about TLS that cannot be.
    #[error("relay.url: {0}")]
    Tls(&'static str),
    /// Only one of user and password is set.
    #[error("relay.user and relay.password must be set together")]
    Credentials,
    /// The name we greet with would not fit into a command.
    #[error("relay.hello must be a host name or an address in brackets")]
    Hello,
    /// No place for even one connection.
    #[error("relay.connections must be at least 1")]
    Connections,
    /// The CA file cannot be read.
    #[error("relay.ca {path}: {problem}")]
    Ca {
        /// The configured path.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The outbox directory cannot be made.
    #[error("relay.url: the outbox {path} cannot be created: {problem}")]
    Outbox {
        /// The directory.
        path: String,
        /// What is wrong with it.
        problem: std::io::Error,
    },
}

/// Where the mail goes.
#[derive(Debug)]
pub(super) enum Target {
    /// A directory for `.eml` files.
    Outbox(PathBuf),
    /// An SMTP server.
    Server(Server),
}

/// When the dialogue is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    /// From the first byte (`smtps`).
    Implicit,
    /// By `STARTTLS`, or not at all.
    Required,
    /// By `STARTTLS` if that works; only without credentials.
    Opportunistic,
    /// Never.
    Clear,
}

/// One SMTP server and how we speak with it.
pub(super) struct Server {
    /// Host name or address, as configured.
    pub(super) host: String,
    /// TCP port.
    pub(super) port: u16,
    /// What its certificate must say.
    pub(super) name: ServerName<'static>,
    /// When to encrypt.
    pub(super) security: Security,
    /// For AUTH.
    pub(super) credentials: Option<Credentials>,
    /// The name we greet with.
    pub(super) hello: ClientId,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.label(), self.security)
    }
}

impl Server {
    /// `host:port`, for metrics and messages.
    pub(super) fn label(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl Target {
    /// Reads and checks `[relay]`.
    pub(super) fn read(settings: &config::Relay, data_dir: &Path) -> Result<Self, RelayError> {
        if settings.connections == 0 {
            return Err(RelayError::Connections);
        }
        if let Some(directory) = settings.url.strip_prefix("outbox:") {
            let named = !directory.is_empty();
            return if named { Ok(Self::Outbox(data_dir.join(directory))) } else { Err(RelayError::Url("")) };
        }
        let url = Url::parse(&settings.url).map_err(|_| RelayError::Url(""))?;
        server(&url, settings).map(Self::Server)
    }
}

fn server(url: &Url, settings: &config::Relay) -> Result<Server, RelayError> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(RelayError::Url("; user and password belong into relay.user and relay.password"));
    }
    let credentials = credentials(settings)?;
    let (host, name) = host(url)?;
    let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let security = security(url, credentials.is_some(), loopback)?;
    let usual = match security {
        Security::Implicit => 465,
        Security::Required => 587,
        Security::Opportunistic | Security::Clear => 25,
    };
    let port = url.port().unwrap_or(usual);
    Ok(Server { host, port, name, security, credentials, hello: hello(&settings.hello)? })
}

fn credentials(settings: &config::Relay) -> Result<Option<Credentials>, RelayError> {
    let (user, password) = (settings.user.as_str(), settings.password.expose());
    match (user.is_empty(), password.is_empty()) {
        (true, true) => Ok(None),
        (false, false) => Ok(Some(Credentials::new(user.into(), password.into()))),
        _ => Err(RelayError::Credentials),
    }
}

fn host(url: &Url) -> Result<(String, ServerName<'static>), RelayError> {
    let host = match url.host() {
        Some(Host::Domain(name)) => {
            name.parse::<IpAddr>().map_or_else(|_| name.to_owned(), |ip| ip.to_string())
        }
        Some(Host::Ipv4(ip)) => ip.to_string(),
        Some(Host::Ipv6(ip)) => ip.to_string(),
        None => return Err(RelayError::Url("; the host is missing")),
    };
    let name = ServerName::try_from(host.clone()).map_err(|_| RelayError::Url("; the host is no name"))?;
    Ok((host, name))
}

/// Without `?tls=`: required with credentials, opportunistic without. Credentials never travel in clear, but to this
/// very machine if asked for by name.
fn security(url: &Url, credentials: bool, loopback: bool) -> Result<Security, RelayError> {
    let mut asked = None;
    for (key, value) in url.query_pairs() {
        if key != "tls" || asked.is_some() {
            return Err(RelayError::Tls("the only parameter is tls, once"));
        }
        asked = Some(value.into_owned());
    }
    match (url.scheme(), asked.as_deref()) {
        ("smtps", None | Some("required")) => Ok(Security::Implicit),
        ("smtps", _) => Err(RelayError::Tls("smtps is always encrypted; leave tls away")),
        ("smtp", Some("required")) => Ok(Security::Required),
        ("smtp", None | Some("opportunistic")) if credentials => Ok(Security::Required),
        ("smtp", None | Some("opportunistic")) => Ok(Security::Opportunistic),
        ("smtp", Some("none")) if credentials && !loopback => {
            Err(RelayError::Tls("tls=none would send relay.password in clear"))
        }
        ("smtp", Some("none")) => Ok(Security::Clear),
        ("smtp", _) => Err(RelayError::Tls("tls must be required, opportunistic or none")),
        _ => Err(RelayError::Url("")),
    }
}

/// The name we greet with; the machine's own if none is set.
fn hello(configured: &str) -> Result<ClientId, RelayError> {
    if !configured.is_empty() {
        return greeting_name(configured).ok_or(RelayError::Hello);
    }
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Ok(greeting_name(machine.trim()).unwrap_or_default())
}

fn greeting_name(name: &str) -> Option<ClientId> {
    if let Some(literal) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return match literal.strip_prefix("IPv6:").unwrap_or(literal).parse().ok()? {
            IpAddr::V4(ip) => Some(ClientId::Ipv4(ip)),
            IpAddr::V6(ip) => Some(ClientId::Ipv6(ip)),
        };
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let whole = !name.is_empty() && name.len() <= 255 && name.bytes().all(fits);
    whole.then(|| ClientId::Domain(name.to_owned()))
}

#[cfg(test)]
mod tests;
