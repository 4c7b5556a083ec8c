//! Access tokens: who gives them, and how a refresh token is traded for one (RFC 6749, section 6).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hyper::HeaderMap;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use thiserror::Error;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use url::form_urlencoded::Serializer;
use url::{Host, Url};

use super::trouble::INTERNAL;
use crate::dial::post::{Answer, Connection, PostError};
use crate::dial::{DialError, Roots};
use crate::redact::{Secret, foreign};

/// A token is not used in the last minute of its life: the server must still accept it when it arrives there.
const EARLY: Duration = Duration::from_mins(1);

/// How long a token lives whose server does not say, and no token is believed to live for longer than a day.
const LIFETIMES: (Duration, Duration) = (Duration::from_mins(5), Duration::from_hours(24));

/// Gives access tokens for one mailbox.
#[async_trait]
pub trait Tokens: Send + Sync {
    /// A token that should be accepted now; the same one as before, as long as it lives.
    async fn token(&self) -> Result<Secret, TokenError>;

    /// This token was not accepted: the next one is another.
    async fn forget(&self, token: &Secret);
}

/// There is no access token.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TokenError {
    /// For good: the owner has to agree anew, or an operator has to mend the configuration. The server's words.
    #[error("refused: {0}")]
    Refused(String),
    /// For now.
    #[error("{0}")]
    Unavailable(String),
}

/// What an owner's consent brought, and where it can be traded for access tokens. Not `Debug`: it holds secrets.
#[derive(Clone)]
pub struct Grant {
    /// The token endpoint: `https`, or `http` at this machine itself.
    pub endpoint: Url,
    /// The name under which this gateway is registered there.
    pub client_id: String,
    /// The password to this name, if it has one.
    pub client_secret: Option<Secret>,
    /// The refresh token.
    pub refresh_token: Secret,
    /// What the access token should be good for, where the server wants to be told.
    pub scope: Option<String>,
    /// Until the answer must be complete.
    pub deadline: Duration,
}

/// The token endpoint is not an address that secrets may be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a token endpoint must be https://…, or http:// at this machine itself")]
pub struct GrantError;

/// Told of each new refresh token that replaces the one before: it must be kept, or the consent is lost.
pub type Rotated = Arc<dyn Fn(Secret) + Send + Sync>;

/// Trades one mailbox's refresh token for access tokens, one request at a time.
pub struct TokenSource {
    grant: Arc<Grant>,
    roots: Roots,
    rotated: Rotated,
    /// Locked during a request: whoever else wants a token waits for its outcome.
    held: Arc<Mutex<Held>>,
}

struct Held {
    refresh: Secret,
    /// The access token, and until when it is used.
    access: Option<(Secret, Instant)>,
}

impl TokenSource {
    /// Asks nothing yet.
    ///
    /// # Errors
    /// If the endpoint is neither encrypted nor at this machine.
    pub fn new(grant: Grant, roots: Roots, rotated: Rotated) -> Result<Self, GrantError> {
        let safe = match grant.endpoint.scheme() {
            "https" => grant.endpoint.has_host(),
            "http" => is_here(&grant.endpoint),
            _ => false,
        };
        let held = Arc::new(Mutex::new(Held { refresh: grant.refresh_token.clone(), access: None }));
        let grant = Arc::new(grant);
        if safe { Ok(Self { grant, roots, rotated, held }) } else { Err(GrantError) }
    }

    /// Waits until no request is under way.
    pub async fn settled(&self) {
        drop(self.held.lock().await);
    }

    /// Trades for a new token to the end, also if nobody waits for it any more: the refresh token that comes with it may be
    /// the only one that is still good.
    fn renew(&self, mut held: OwnedMutexGuard<Held>) -> JoinHandle<Result<Secret, TokenError>> {
        let (grant, roots, rotated) =
            (Arc::clone(&self.grant), self.roots.clone(), Arc::clone(&self.rotated));
        tokio::spawn(async move {
            let granted = grant.trade(&held.refresh, &roots).await?;
            if let Some(refresh) = granted.refresh_token
                && refresh != held.refresh
            {
                rotated(refresh.clone());
                held.refresh = refresh;
            }
            let lifetime = granted.expires_in.map_or(LIFETIMES.0, Duration::from_secs).min(LIFETIMES.1);
            let until = Instant::now() + lifetime.saturating_sub(EARLY);
            held.access = Some((granted.access_token.clone(), until));
            Ok(granted.access_token)
        })
    }
}

impl Grant {
    /// The form to be posted.
    fn form(&self, refresh: &Secret) -> String {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "refresh_token");
        form.append_pair("refresh_token", refresh.expose());
        form.append_pair("client_id", &self.client_id);
        if let Some(secret) = &self.client_secret {
            form.append_pair("client_secret", secret.expose());
        }
        if let Some(scope) = &self.scope {
            form.append_pair("scope", scope);
        }
        form.finish()
    }

    /// One form, one connection.
    async fn post(&self, form: String, roots: &Roots) -> Result<Answer, PostError> {
        let end = Instant::now() + self.deadline;
        let headers = [
            (CONTENT_TYPE, "application/x-www-form-urlencoded"),
            (ACCEPT, "application/json"),
            (CONNECTION, "close"),
        ];
        let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
        let mut connection = Connection::open(&self.endpoint, roots, true, end).await?;
        connection.post(&self.endpoint, HeaderMap::from_iter(headers), Bytes::from(form), end).await
    }

    /// Asks the server.
    async fn trade(&self, refresh: &Secret, roots: &Roots) -> Result<Granted, TokenError> {
        let answer = self.post(self.form(refresh), roots).await.map_err(|problem| match problem {
            PostError::Late | PostError::Dial(DialError::Timeout) => {
                TokenError::Unavailable("the token server does not answer in time".into())
            }
            PostError::Dial(DialError::Internal) => TokenError::Unavailable(INTERNAL.into()),
            problem => TokenError::Unavailable(foreign(&problem.to_string())),
        })?;
        let Answer { status, body, .. } = answer;
        if status.is_success() {
            let strange = |_| TokenError::Unavailable("the token server's answer is not understood".into());
            return serde_json::from_slice(&body).map_err(strange);
        }
        let named: Option<Denied> = serde_json::from_slice(&body).ok();
        Err(match named {
            // RFC 6749 names its errors; whoever is merely overloaded has others.
            Some(denied) if status.is_client_error() && denied.is_lasting() => {
                TokenError::Refused(format!("the token server says {}", foreign(&denied.error)))
            }
            _ => TokenError::Unavailable(format!("the token server answers {status}")),
        })
    }
}

#[async_trait]
impl Tokens for TokenSource {
    async fn token(&self) -> Result<Secret, TokenError> {
        let held = Arc::clone(&self.held).lock_owned().await;
        if let Some((access, until)) = &held.access
            && Instant::now() < *until
        {
            return Ok(access.clone());
        }
        let stopped = |_| TokenError::Unavailable("the gateway stops".into());
        self.renew(held).await.map_err(stopped)?
    }

    async fn forget(&self, token: &Secret) {
        let mut held = self.held.lock().await;
        if held.access.as_ref().is_some_and(|(access, _)| access == token) {
            held.access = None;
        }
    }
}

/// A token server's answer.
#[derive(Deserialize)]
struct Granted {
    access_token: Secret,
    /// Seconds.
    #[serde(default)]
    expires_in: Option<u64>,
    #[serde(default)]
    refresh_token: Option<Secret>,
}

/// A token server's refusal.
#[derive(Deserialize)]
struct Denied {
    error: String,
}

impl Denied {
    fn is_lasting(&self) -> bool {
        let lasting = [
            "invalid_grant",
            "invalid_client",
            "unauthorized_client",
            "invalid_scope",
            "invalid_request",
            "unsupported_grant_type",
        ];
        lasting.contains(&self.error.as_str())
    }
}

/// Whether an address is at this machine itself.
pub(super) fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
