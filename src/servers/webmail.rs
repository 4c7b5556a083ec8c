//! What a webmail's or a portal's own server says: one object, or a list of them.
//!
//! `{"user": "alice@example.org", "kind": "read", "at": 1795314612.5}`; `email` stands for `user`, the [words] are those
//! of the API, `source` may say `portal`, and `ip` where the person's browser is. Anything else is not looked at: plugins
//! send what they have.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::people::Login;
use super::text::text;
use super::{Said, Unheard, moment, words};
use crate::model::Source;

/// One object.
#[derive(Deserialize)]
struct Note {
    #[serde(alias = "email", default, deserialize_with = "text")]
    user: Option<String>,
    kind: String,
    #[serde(default, deserialize_with = "moment")]
    at: Option<Timestamp>,
    #[serde(default, deserialize_with = "text")]
    source: Option<String>,
    #[serde(default, deserialize_with = "text")]
    ip: Option<String>,
}

/// What the objects say, in their order; one that cannot be read stands for itself alone.
pub(super) fn read(body: &[u8]) -> Result<Vec<Result<Said, Unheard>>, Unheard> {
    let body: Value = serde_json::from_slice(body).map_err(|_| Unheard::Unreadable)?;
    let notes = match body {
        Value::Array(notes) => notes,
        note => vec![note],
    };
    Ok(notes.into_iter().map(said).collect())
}

fn said(note: Value) -> Result<Said, Unheard> {
    let note = Note::deserialize(note).map_err(|_| Unheard::Unreadable)?;
    let deed = words::deed(&note.kind).ok_or(Unheard::Unknown)?;
    let source = note.source.as_deref().map_or(Source::Webmail, words::source);
    let client = note.ip.and_then(|address| address.parse().ok());
    let who = Login { user: note.user.unwrap_or_default(), client, ..Login::default() };
    Ok(Said { who, source, deed, at: note.at })
}
