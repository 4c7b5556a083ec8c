//! One event, posted once: what is sent, and what the answer means.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{HeaderMap, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde::Serialize;
use tokio::time::Instant;
use url::Url;

use super::Common;
use super::signature::SigningKeys;
use crate::config::SecretSource;
use crate::dial::DialError;
use crate::dial::post::{Answer, Connection, PostError};
use crate::model::Event;
use crate::redact::foreign;

/// Secrets are read anew this often.
const SECRETS_FOR: Duration = Duration::from_mins(1);

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Accepted.
    Delivered,
    /// Not acceptable, now or ever, as it seems: this event.
    Refused(String),
    /// The receiver wants no more events.
    Gone,
    /// Anything else, and when the receiver would like to be asked again.
    Failed(String, Option<Duration>),
}

/// The server of a webhook, with a connection that is kept for as long as it is good.
pub(super) struct Receiver {
    pub(super) url: Url,
    sources: Vec<SecretSource>,
    keys: Option<(SigningKeys, Instant)>,
    connection: Option<Connection>,
    common: Arc<Common>,
}

/// The body, as Standard Webhooks has it.
#[derive(Serialize)]
struct Payload<'event> {
    #[serde(rename = "type")]
    kind: &'event str,
    timestamp: Timestamp,
    data: &'event serde_json::Value,
}

impl Receiver {
    pub(super) fn new(url: Url, sources: Vec<SecretSource>, common: Arc<Common>) -> Self {
        Self { url, sources, keys: None, connection: None, common }
    }

    /// Posts an event.
    pub(super) async fn deliver(&mut self, event: &Event) -> Outcome {
        let keys = match self.keys().await {
            Ok(keys) => keys,
            Err(why) => return Outcome::Failed(why, None),
        };
        let payload = Payload { kind: &event.kind, timestamp: event.at, data: &event.data };
        let body = serde_json::to_vec(&payload).expect("JSON has a JSON form");
        let seconds = self.common.clock.now().as_second();
        let signature = keys.sign(&event.id, seconds, &body);
        let Some(headers) = headers(&event.id, seconds, &signature) else {
            return Outcome::Refused("its id cannot be a header".into());
        };
        match self.post(headers, Bytes::from(body)).await {
            Ok(answer) => self.judge(&answer),
            Err(PostError::Dial(DialError::Internal)) => Outcome::Failed(
                "its address is in a private network, and `webhooks.allow_private` is false".into(),
                None,
            ),
            Err(error) => Outcome::Failed(foreign(&error.to_string()), None),
        }
    }

    async fn keys(&mut self) -> Result<SigningKeys, String> {
        match &self.keys {
            Some((keys, read)) if read.elapsed() < SECRETS_FOR => Ok(keys.clone()),
            _ => {
                let keys = SigningKeys::read(&self.sources).await?;
                self.keys = Some((keys.clone(), Instant::now()));
                Ok(keys)
            }
        }
    }

    /// Posts on the connection that is open, or on a new one: also if the old one turns out to be closed.
    async fn post(&mut self, headers: HeaderMap, body: Bytes) -> Result<Answer, PostError> {
        let end = Instant::now() + self.common.settings.timeout;
        if let Some(mut connection) = self.connection.take().filter(Connection::is_open)
            && let Ok(answer) = connection.post(&self.url, headers.clone(), body.clone(), end).await
        {
            self.connection = Some(connection);
            return Ok(answer);
        }
        let mut connection = Connection::open(&self.url, &self.common.roots, false, end).await?;
        let answer = connection.post(&self.url, headers, body, end).await?;
        self.connection = Some(connection);
        Ok(answer)
    }

    /// What an answer means.
    fn judge(&self, Answer { status, headers, .. }: &Answer) -> Outcome {
        if status.is_success() {
            return Outcome::Delivered;
        }
        match *status {
            StatusCode::GONE => Outcome::Gone,
            StatusCode::BAD_REQUEST
            | StatusCode::CONFLICT
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY => Outcome::Refused(format!("the receiver answers {status}")),
            status if status.is_redirection() => Outcome::Failed(
                format!("the receiver answers {status}, and redirects are not followed"),
                None,
            ),
            status => {
                let later = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                let later = later.and_then(|value| retry_after(value, self.common.clock.now()));
                Outcome::Failed(format!("the receiver answers {status}"), later)
            }
        }
    }
}

fn headers(id: &str, seconds: i64, signature: &str) -> Option<HeaderMap> {
    let value = |text: &str| HeaderValue::from_str(text).ok();
    Some(HeaderMap::from_iter([
        (HeaderName::from_static("webhook-id"), value(id)?),
        (HeaderName::from_static("webhook-timestamp"), value(&seconds.to_string())?),
        (HeaderName::from_static("webhook-signature"), value(signature)?),
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (USER_AGENT, HeaderValue::from_static(concat!("vigie/", env!("CARGO_PKG_VERSION")))),
    ]))
}

/// `Retry-After`: seconds, or a date.
fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let then = rfc2822::parse(value.trim()).ok()?.timestamp();
    Some(Duration::try_from(then.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_says_when_to_come_back_in_seconds_or_by_date() {
        let now = "2026-03-02T09:00:00Z".parse().expect("a moment");
        assert_eq!(retry_after("120", now), Some(Duration::from_mins(2)));
        assert_eq!(retry_after("Mon, 02 Mar 2026 10:00:00 GMT", now), Some(Duration::from_hours(1)));
        assert_eq!(retry_after("Mon, 02 Mar 2026 08:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
    }
}
