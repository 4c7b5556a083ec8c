//! How far a courier got: the note of its errand.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::{Position as Part, Url};

use super::Standing;
use crate::config::Webhook;
use crate::model::{Name, Position};

/// A note.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Progress {
    /// The last event that was dealt with; none: before the oldest.
    pub(super) position: Option<Position>,
    /// Whether a courier has begun.
    pub(super) begun: bool,
    /// Where to, as a fingerprint: an address may hold secrets.
    pub(super) target: String,
    pub(super) delivered: u64,
    pub(super) last_success: Option<Timestamp>,
    pub(super) last_error: Option<String>,
    pub(super) last_error_at: Option<Timestamp>,
    /// Failures in a row, of any sort.
    pub(super) failures: u32,
    /// How often the next event was called unacceptable.
    pub(super) refusals: u32,
    pub(super) next_try: Option<Timestamp>,
    pub(super) disabled: bool,
    pub(super) left_out: u64,
    pub(super) missed: u64,
    pub(super) behind: u64,
    pub(super) behind_since: Option<Timestamp>,
}

impl Progress {
    /// A note as it was written; one that cannot be read counts as none.
    pub(super) fn read(note: Option<&str>) -> Self {
        note.and_then(|note| serde_json::from_str(note).ok()).unwrap_or_default()
    }

    /// The note.
    pub(super) fn write(&self) -> String {
        serde_json::to_string(self).expect("plain data has a JSON form")
    }

    /// Begins for this address: at `newest`, if nothing was delivered to anybody under this name, and anew where another
    /// address was.
    pub(super) fn begin(mut self, url: &Url, newest: &Position) -> Self {
        let target = const_hex::encode(&Sha256::digest(url.as_str())[..8]);
        if !self.begun {
            (self.begun, self.position) = (true, Some(newest.clone()));
        }
        if self.target != target {
            self = Self { target, ..self.afresh() };
        }
        self
    }

    /// From another position on.
    pub(super) fn replaying(self, position: Option<Position>) -> Self {
        Self { position, begun: true, ..self.afresh() }
    }

    fn afresh(self) -> Self {
        Self {
            failures: 0,
            refusals: 0,
            next_try: None,
            disabled: false,
            behind: 0,
            behind_since: None,
            ..self
        }
    }

    /// The receiver took the event at this position.
    pub(super) fn success(&mut self, position: Position, now: Timestamp) {
        self.pass(position);
        self.delivered += 1;
        self.last_success = Some(now);
        (self.behind, self.behind_since) = (0, None);
    }

    /// The event at this position is dealt with.
    pub(super) fn pass(&mut self, position: Position) {
        self.position = Some(position);
        (self.failures, self.refusals, self.next_try) = (0, 0, None);
    }

    /// It did not; `why` holds nothing of the address but its host.
    pub(super) fn failure(&mut self, why: String, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        (self.last_error, self.last_error_at) = (Some(why), Some(now));
    }

    /// What operators see.
    pub(super) fn standing(self, brand: Name, webhook: &Webhook) -> Standing {
        let to = Url::parse(&webhook.url).ok();
        Standing {
            brand,
            name: webhook.name.clone(),
            to: to.map(|url| url[..Part::BeforePath].to_owned()).unwrap_or_default(),
            types: webhook.types.clone(),
            position: self.position,
            delivered: self.delivered,
            last_success: self.last_success,
            last_error: self.last_error,
            last_error_at: self.last_error_at,
            failures: self.failures,
            next_try: self.next_try,
            disabled: self.disabled,
            left_out: self.left_out,
            missed: self.missed,
            behind: self.behind,
            behind_since: self.behind_since,
        }
    }
}
