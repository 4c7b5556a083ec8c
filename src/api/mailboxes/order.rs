//! What a request says of a mailbox, and what of that is refused.
//!
//! Whoever may name a server makes us connect to it. So a server must be one of the public internet, at a port for mail,
//! unless `[watch]` says otherwise; that a public name stands for a private address is found when it is connected to
//! ([`Roots::public_only`](crate::watch::imap::Roots::public_only)).

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Deserialize;
use url::{Host, Url};
use utoipa::ToSchema;

use crate::api::consents::check_proof;
use crate::api::whom::Whom;
use crate::api::{Problem, strict};
use crate::config::{self, is_internal};
use crate::model::RecipientId;
use crate::redact::Secret;
use crate::secrets::{Access, Account, OAuth, Protection};
use crate::token::Identity;

/// The longest user name, password or token: more than any mail server takes.
const LONGEST: usize = 8192;

/// A mailbox to watch. Not `Debug`: it holds an address and secrets.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    /// Whose it is, by address.
    #[serde(default)]
    email: Option<String>,
    /// Or by the SHA-256 (hex) of the normalised address.
    #[serde(default)]
    email_sha256: Option<String>,
    /// Or by our own id.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    recipient: Option<RecipientId>,
    /// The mail server's name, which its certificate must have.
    host: String,
    /// Its port; left out: 993 for `implicit`, 143 otherwise.
    #[serde(default)]
    port: Option<u16>,
    /// How the connection is protected: `implicit` (TLS from the first byte; what holds if it is left out), `starttls`,
    /// or `none`, which is only for this machine itself.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    tls: Option<Protection>,
    /// Who logs in; left out: the address.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    user: Option<Secret>,
    /// The password; or else `oauth`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    password: Option<Secret>,
    /// A consent at an OAuth 2 server; or else `password`.
    #[serde(default, deserialize_with = "some_object")]
    oauth: Option<Grant>,
    /// How the owner's agreement can be shown (a form's name and version, a log line's id), without an address.
    #[schema(max_length = 500)]
    proof: String,
}

/// A consent at an OAuth 2 server, which trades its refresh token for access tokens. Not `Debug`: it holds secrets.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Grant {
    /// Its token endpoint: `https`.
    token_url: String,
    /// The name under which this gateway is registered there.
    client_id: String,
    /// The password to that name, if it has one.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    client_secret: Option<Secret>,
    /// The refresh token. The server may replace it; the new one is kept.
    #[schema(value_type = String)]
    refresh_token: Secret,
    /// What the tokens should be good for, where the server wants to be told.
    #[serde(default)]
    scope: Option<String>,
}

impl Order {
    /// The person and the account.
    ///
    /// # Errors
    /// 422 with the field at fault.
    pub(super) fn account(
        self,
        identity: &Identity,
        settings: &config::Watch,
        since: Timestamp,
    ) -> Result<(RecipientId, Account), Problem> {
        let whom = Whom {
            email: self.email.as_deref(),
            email_sha256: self.email_sha256.as_deref(),
            recipient: self.recipient,
        };
        let who = whom.find(identity)?;
        let (host, port) = (self.host(settings)?, self.port(settings)?);
        check_proof(&self.proof, true)?;
        let tls = self.tls;
        let user = self.user.or_else(|| self.email.as_deref().map(|email| Secret::new(email.trim())));
        let user = user.ok_or_else(|| Problem::field("user", "say who logs in, or give email"))?;
        check_secret("user", &user)?;
        let access = match (self.password, self.oauth) {
            (Some(password), None) => {
                check_secret("password", &password)?;
                Access::Password(password)
            }
            (None, Some(grant)) => Access::OAuth(grant.check(settings)?),
            _ => return Err(Problem::field("password", "give either password or oauth")),
        };
        let tls = tls.unwrap_or(Protection::Implicit);
        Ok((who, Account { host, port, tls, user, access, proof: self.proof, since }))
    }

    /// The server's name as it is connected to.
    fn host(&self, settings: &config::Watch) -> Result<String, Problem> {
        let refuse = |why| Err(Problem::field("host", why));
        let Some(host) = read_host(&self.host) else {
            return refuse("must be a mail server's name, or its address, without port or scheme");
        };
        if self.tls == Some(Protection::None) && !is_here(&host) {
            return Err(Problem::field(
                "tls",
                "none would send the password in clear: only for this machine itself",
            ));
        }
        if !settings.allow_private && is_inside(&host) {
            return refuse("is in a private network or this machine; `watch.allow_private` can allow that");
        }
        Ok(match host {
            Host::Domain(name) => name,
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        })
    }

    fn port(&self, settings: &config::Watch) -> Result<u16, Problem> {
        let usual = if matches!(self.tls, None | Some(Protection::Implicit)) { 993 } else { 143 };
        let port = self.port.unwrap_or(usual);
        if settings.ports.contains(&port) {
            return Ok(port);
        }
        let allowed: Vec<_> = settings.ports.iter().map(u16::to_string).collect();
        let allowed = allowed.join(", ");
        Err(Problem::field(
            "port",
            format!("{port} is not among the ports that `watch.ports` allows: {allowed}"),
        ))
    }
}

impl Grant {
    fn check(self, settings: &config::Watch) -> Result<OAuth, Problem> {
        self.check_url(settings)?;
        let texts = [("client_id", Some(&self.client_id)), ("scope", self.scope.as_ref())];
        for (name, text) in texts {
            if text.is_some_and(|text| {
                text.is_empty() || text.len() > LONGEST || text.contains(char::is_control)
            }) {
                return Err(Problem::field(format!("oauth.{name}"), "must be visible text"));
            }
        }
        check_secret("oauth.refresh_token", &self.refresh_token)?;
        self.client_secret.iter().try_for_each(|secret| check_secret("oauth.client_secret", secret))?;
        Ok(OAuth {
            token_url: self.token_url,
            client_id: self.client_id,
            client_secret: self.client_secret,
            refresh_token: self.refresh_token,
            scope: self.scope,
        })
    }

    fn check_url(&self, settings: &config::Watch) -> Result<(), Problem> {
        let refuse = |why| Err(Problem::field("oauth.token_url", why));
        let url = Url::parse(&self.token_url)
            .ok()
            .filter(|url| url.username().is_empty() && url.password().is_none());
        let Some((url, host)) = url.and_then(|url| Some((url.clone(), url.host()?.to_owned()))) else {
            return refuse("must be an https address without user and password");
        };
        if settings.allow_private && url.scheme() == "http" && is_here(&host) {
            return Ok(());
        }
        if url.scheme() != "https" {
            return refuse("must be https");
        }
        if !settings.allow_private && (is_inside(&host) || url.port().is_some()) {
            return refuse(
                "is in a private network, this machine, or at an unusual port; `watch.allow_private` can allow that",
            );
        }
        Ok(())
    }
}

fn read_host(text: &str) -> Option<Host> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(match address {
            IpAddr::V4(address) => Host::Ipv4(address),
            IpAddr::V6(address) => Host::Ipv6(address),
        });
    }
    // It also knows the forms of IPv4 that a resolver takes, such as 127.1.
    let host = Host::parse(text).ok()?;
    match &host {
        Host::Domain(name) if name.is_empty() || name.len() > 253 => None,
        _ => Some(host),
    }
}

/// Whether it is this machine itself.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// Whether it is seen to be inside without asking anybody.
fn is_inside(host: &Host) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost") || !name.contains('.')
        }
        Host::Ipv4(address) => is_internal(IpAddr::V4(*address)),
        Host::Ipv6(address) => is_internal(IpAddr::V6(*address)),
    }
}

/// A user, password or token that can be sent.
fn check_secret(field: &'static str, secret: &Secret) -> Result<(), Problem> {
    let text = secret.expose();
    if text.is_empty() || text.len() > LONGEST || text.contains(['\0', '\r', '\n']) {
        return Err(Problem::field(field, format!("must be 1 to {LONGEST} bytes without line ends")));
    }
    Ok(())
}

fn some_object<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Grant>, D::Error> {
    strict::object(deserializer).map(Some)
}
