//! Many people with one letter each.

use std::collections::BTreeMap;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::gateway::{Gateway, Knocker, letter};
use super::sink::Taken;

/// People visiting at the same time.
const VISITORS: usize = 8;

/// One person, their letter and a pixel of an older one.
#[derive(Debug, Clone)]
pub struct Person {
    /// The id of the letter.
    pub id: String,
    email: String,
    /// The path of an older letter's pixel.
    pub pixel: String,
}

impl Person {
    /// Somebody new, with a pixel that `gateway` signed.
    pub async fn several(gateway: &Gateway, count: usize) -> Vec<Person> {
        let email = |number| format!("canary-{number}@example.test");
        let wanted =
            |number| json!({"brand": "demo", "email": email(number), "kind": "open"}).to_string() + "\n";
        let lines = (0..count).map(wanted).collect();
        let answer = gateway.try_call(Method::POST, "/v1/tokens", "application/x-ndjson", lines).await;
        let minted = answer.expect("the API answers").lines();
        assert_eq!(minted.len(), count, "a token for each");
        let person = |(number, minted): (usize, Value)| Person {
            id: format!("letter-{number}"),
            email: email(number),
            pixel: format!("/o/{}.gif", minted["token"].as_str().expect("a token is text")),
        };
        minted.into_iter().enumerate().map(person).collect()
    }

    /// The letter, as one line of a producer's feed.
    pub fn line(&self) -> String {
        letter(&self.id, &self.email).to_string() + "\n"
    }
}

/// Pushes everybody's letter; each must be accepted.
pub async fn push(gateway: &Gateway, people: &[Person]) {
    let lines = people.iter().map(Person::line).collect();
    let answer = gateway.try_call(Method::POST, "/v1/sends", "application/x-ndjson", lines).await;
    let answers = answer.expect("the API answers").lines();
    assert_eq!(answers.len(), people.len(), "an answer to each line");
    let accepted = |answer: &&Value| answer["status"] == StatusCode::ACCEPTED.as_u16();
    assert_eq!(answers.iter().filter(accepted).count(), people.len(), "{answers:?}");
}

/// Everybody's mail client fetches their pixel, a few at a time. Whoever comes while the gateway is gone is not seen.
pub async fn come_online(edge: Knocker, people: &[Person]) {
    let mut visits = JoinSet::new();
    for person in people {
        if visits.len() >= VISITORS {
            visits.join_next().await;
        }
        let pixel = person.pixel.clone();
        visits.spawn(async move { edge.open(&pixel).await });
    }
    visits.join_all().await;
}

/// How many copies of each letter a sink has taken, by the letter's id.
pub fn copies(taken: &[Taken]) -> BTreeMap<String, usize> {
    let mut copies = BTreeMap::new();
    for mail in taken {
        *copies.entry(id(&mail.content)).or_default() += 1;
    }
    copies
}

/// A letter's id, from its Message-ID.
fn id(mail: &[u8]) -> String {
    let text = String::from_utf8_lossy(mail);
    let line = text.lines().find_map(|line| line.strip_prefix("Message-ID: <"));
    let (id, _) = line.and_then(|line| line.split_once('@')).expect("every mail has a Message-ID");
    id.to_owned()
}
