//! The log of events, read from its beginning: how each send and each case ended, once.

use std::collections::{BTreeMap, HashSet};

use hyper::Method;
use jiff::Timestamp;
use serde_json::Value;

use super::cast::Brand;
use super::town::Town;
use crate::support::wait::{SOON, wait_until};

/// How a send or a case ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// `sent`, `cancelled`, …; of a case `settled` or `handed_off`.
    pub state: String,
    pub at: Timestamp,
    /// Why a case ended.
    pub reason: String,
    /// Mails about the case, as the event says.
    pub mails: u64,
}

/// What the log tells.
#[derive(Debug, Default)]
pub struct Story {
    /// Sends that ended, by id.
    pub sends: BTreeMap<String, Ended>,
    /// Cases that were opened, by name.
    pub opened: HashSet<String>,
    /// Cases that were changed, by name.
    pub updated: HashSet<String>,
    /// Cases that were closed, by name.
    pub closed: BTreeMap<String, Ended>,
}

impl Story {
    /// Adds an event that was not told before.
    fn add(&mut self, event: &Value) {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (kind, data) = (word(&event["type"]), &event["data"]);
        let (group, what) = kind.split_once('.').expect("kinds are two words");
        let name = word(&data["id"]);
        let ended = || Ended {
            state: what.to_owned(),
            at: word(&event["at"]).parse().expect("a moment"),
            reason: word(&data["reason"]),
            mails: data["mails"].as_u64().unwrap_or(0),
        };
        let told_before = match (group, what) {
            ("send", _) => self.sends.insert(name.clone(), ended()).is_some(),
            ("case", "opened") => !self.opened.insert(name.clone()),
            ("case", "updated") => {
                self.updated.insert(name.clone());
                false
            }
            ("case", _) => self.closed.insert(name.clone(), ended()).is_some(),
            _ => false,
        };
        assert!(!told_before, "{name} ended twice, or in both channels: {event}");
    }
}

/// Reads the log as soon as it tells all that the counters know.
pub async fn read_all(town: &Town) -> Story {
    wait_until("all is told", SOON, async || {
        let sends = ["sent", "failed", "uncertain", "cancelled", "handed_off", "dropped"];
        let ended = |brand| sends.iter().map(|state| town.sends(brand, state)).sum::<u64>();
        let closed = |brand| town.cases(brand, "settled") + town.cases(brand, "handed_off");
        let (ended, closed): (u64, u64) =
            (Brand::BOTH.into_iter().map(ended).sum(), Brand::BOTH.into_iter().map(closed).sum());
        let told = read(town).await;
        (told.sends.len() as u64 >= ended && told.closed.len() as u64 >= closed).then_some(told)
    })
    .await
}

/// Reads the log page by page.
pub async fn read(town: &Town) -> Story {
    let (mut story, mut seen, mut after) = (Story::default(), HashSet::new(), String::new());
    loop {
        let path = format!("/v1/events?format=json&limit=1000{after}");
        let page = town.ask(Method::GET, &path, &Value::Null).await;
        for event in page["events"].as_array().expect("a list") {
            // Told at least once: what was heard before is known by its id.
            if seen.insert(event["id"].to_string()) {
                story.add(event);
            }
        }
        if page["more"] != true {
            return story;
        }
        after = format!("&after={}", page["next"].as_str().expect("a position"));
    }
}
