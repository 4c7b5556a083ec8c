//! Dovecot's auth policy: `?command=report` after each login says who logged in, or did not. (`?command=allow` asks
//! whether somebody may; vigie never stands in the way, and a question says nothing about anybody.)
//!
//! A report has no time: it is sent at once or never.

use serde::Deserialize;

use super::people::Login;
use super::text::{parameter, text};
use super::{Said, Unheard};
use crate::model::{Deed, Source};

/// A question or a report, as far as it says something here; what it tells of passwords is not read.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Attempt {
    #[serde(deserialize_with = "text")]
    login: Option<String>,
    #[serde(deserialize_with = "text")]
    remote: Option<String>,
    #[serde(deserialize_with = "text")]
    device_id: Option<String>,
    #[serde(deserialize_with = "text")]
    session_id: Option<String>,
    #[serde(deserialize_with = "text")]
    master: Option<String>,
    success: bool,
    policy_reject: bool,
}

/// What an attempt to log in says.
pub(super) fn read(query: &str, body: &[u8]) -> Result<Said, Unheard> {
    let attempt: Attempt = serde_json::from_slice(body).map_err(|_| Unheard::Unreadable)?;
    match parameter(query, "command") {
        Some("report") if attempt.success && !attempt.policy_reject => {}
        Some("report" | "allow") => return Err(Unheard::Nothing),
        _ => return Err(Unheard::Unknown),
    }
    let who = Login {
        user: attempt.login.unwrap_or_default(),
        client: attempt.remote.and_then(|address| address.parse().ok()),
        client_id: attempt.device_id,
        session: attempt.session_id,
        master: attempt.master.is_some_and(|name| !name.is_empty()),
    };
    Ok(Said { who, source: Source::Imap, deed: Deed::Login, at: None })
}
