//! The log of events: what happened, in one order, for a while; told at least once to whoever asks from a position.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::sync::watch;

use super::StoreError;
use crate::model::{Event, Name, Position, SendId, SendState, Told};

/// The contract of every store's log. Beside what holds for all methods of a [`Store`](super::Store):
///
/// - **Nothing is lost, nothing is made up.** The step that makes a send final writes its event down in the same atomic step, so
///   a gateway that is killed at any instruction leaves both or neither.
/// - **At least once.** An event may stand in the log twice, under the same [`Event::id`].
/// - **One order.** Positions grow; who has read up to one has missed nothing before it. What one gateway brought about stands
///   in the order in which it happened; where gateways share a store, what two of them did in the same moment may not:
///   [`Event::at`] says.
/// - **Bounded.** The newest [`Rules::keep_events`](super::Rules::keep_events) are kept, and perhaps some more.
#[async_trait]
pub trait Log: Send + Sync {
    /// Tells an event that belongs to no step of the store, such as a click. One that belongs to a step is written by it.
    async fn announce(&self, event: Event) -> Result<(), StoreError>;

    /// At most `limit` events after a position, oldest first; with none, from the oldest that is kept.
    async fn events(&self, after: Option<Position>, limit: usize) -> Result<Heard, StoreError>;

    /// Where the log ends, and a way to hear of more: no event that is told later stands before it. A backend that others share
    /// states how late it hears of theirs.
    fn newest(&self) -> watch::Receiver<Position>;
}

/// The answer to [`Log::events`].
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// These; fewer than were asked for are all there are now.
    Events(Vec<Told>),
    /// The position is not of this log, or events after it are not kept any more (or may not be, of a store that lets go in
    /// chunks): they are lost to whoever stood there.
    Gone {
        /// What is kept begins behind this position: asking from here brings all of it.
        before: Position,
    },
}

/// A send that reached its final state: what its event tells.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    /// Which send, in tokens and in the store.
    pub(super) send: SendId,
    /// Which send, in its producer's words.
    pub(super) reference: String,
    /// Who writes.
    pub(super) brand: Name,
    /// The named group it belongs to.
    pub(super) campaign: Option<Name>,
    /// What it is now.
    pub(super) state: SendState,
    /// Since when.
    pub(super) at: Timestamp,
    /// How often it was tried.
    pub(super) attempts: u32,
    /// Why, in words without addresses: as in the send's history.
    pub(super) detail: String,
}

impl Ended {
    /// The event. A send ends once, so its id and its state recognise it.
    pub(super) fn event(self) -> Event {
        let mut data = Map::new();
        let mut put = |key: &str, value: Value| drop(data.insert(key.to_owned(), value));
        put("id", self.reference.into());
        put("brand", self.brand.as_str().into());
        if let Some(campaign) = &self.campaign {
            put("campaign", campaign.as_str().into());
        }
        put("state", self.state.as_str().into());
        put("at", self.at.to_string().into());
        put("attempts", self.attempts.into());
        if !self.detail.is_empty() {
            put("detail", self.detail.into());
        }
        put("send", self.send.to_string().into());
        let state = self.state.as_str();
        Event {
            id: format!("{}-{state}", self.send),
            kind: format!("send.{state}"),
            at: self.at,
            brand: self.brand,
            data: Value::Object(data),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_end_of_a_send_is_told_without_saying_whose_it_was() {
        let brand: Name = "demo".parse().expect("a name");
        let send = SendId::derive(&brand, "s-1");
        let ended = Ended {
            send,
            reference: "s-1".into(),
            brand,
            campaign: Some("wave".parse().expect("a name")),
            state: SendState::HandedOff,
            at: "2026-03-02T09:00:00Z".parse().expect("a moment"),
            attempts: 1,
            detail: "deadline".into(),
        };
        let event = ended.event();
        assert_eq!((event.id, event.kind), (format!("{send}-handed_off"), "send.handed_off".to_owned()));
        let expected = json!({
            "id": "s-1", "brand": "demo", "campaign": "wave", "state": "handed_off", "at": "2026-03-02T09:00:00Z",
            "attempts": 1, "detail": "deadline", "send": send.to_string(),
        });
        assert_eq!(event.data, expected);
    }
}
