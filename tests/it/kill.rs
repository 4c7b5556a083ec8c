//! Killed at any instruction, a gateway loses nothing that it acknowledged and sends nothing twice.
//!
//! Each round pushes letters through the API and fetches their readers' pixels at the same time, and kills the gateway
//! at a random moment. After the last round everybody comes online once more, and then every letter's fate is compared
//! with what the mail server took.
//!
//! `KILL_ROUNDS` sets how many rounds; `KILL_SEED` repeats the moments of a run (the seed is printed).

#![expect(clippy::print_stdout, reason = "the seed and the figures are for whoever looks into a failure")]

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::time::Duration;

use hyper::{Method, StatusCode};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::support::crowd::{Person, come_online, copies};
use crate::support::gateway::{Gateway, api_request};
use crate::support::http::ask_for_lines;
use crate::support::sink::{Act, Manner, Sink, Step};
use crate::support::wait::wait_until;

/// Rounds, unless `KILL_ROUNDS` says otherwise.
const ROUNDS: usize = 8;

/// Letters of one round: more than there is time for.
const LETTERS: usize = 150;

/// Producers that push at the same time.
const PRODUCERS: usize = 3;

/// Letters of one request: acknowledged together.
const BATCH: usize = 10;

/// The latest moment of a kill, from the first push of its round.
const LATEST: u64 = 1000;

/// Leases are short, as what a dead gateway held is only given back when its lease has run out.
const SETTINGS: [(&str, &str); 2] = [("VIGIE__DISPATCH__LEASE", "3s"), ("VIGIE__LOG__FILTER", "info")];

/// How long the last letters may take: a lease, and some more on a busy machine.
const LAST_LETTERS: Duration = Duration::from_mins(1);

#[tokio::test]
async fn under_load_nothing_is_lost_and_nothing_sent_twice() {
    let mut moments = Moments::new();
    let sink = Manner::modern().script(|event| match event.step {
        Step::Message => Act::Late(Duration::from_millis(5)),
        _ => Act::Usual,
    });
    let sink = sink.start().await;
    let relay = format!("smtp://{}?tls=none", sink.addr());
    let settings: Vec<_> = SETTINGS.into_iter().chain([("VIGIE__RELAY__URL", relay.as_str())]).collect();
    let mut gateway = Gateway::start(&settings).await;
    gateway.may_be_uncertain();
    let people = Person::several(&gateway, number("KILL_ROUNDS").unwrap_or(ROUNDS) * LETTERS).await;
    let mut acknowledged = BTreeSet::new();
    for people in people.chunks(LETTERS) {
        acknowledged.append(&mut round(&mut gateway, people, moments.next()).await);
    }
    wait_until("every letter has a fate", LAST_LETTERS, async || {
        come_online(gateway.knocker(), &people).await;
        (gateway.metrics().undecided() == 0).then_some(())
    })
    .await;
    compare(&gateway, &sink, &people, &acknowledged).await;
}

/// One life: letters come, people come online, and then the gateway is killed. Returns the letters it acknowledged.
async fn round(gateway: &mut Gateway, people: &[Person], moment: Duration) -> BTreeSet<String> {
    let (api, edge) = (gateway.api(), gateway.knocker());
    let mut producers = JoinSet::new();
    for people in people.chunks(LETTERS.div_ceil(PRODUCERS)) {
        producers.spawn(produce(api, people.to_vec()));
    }
    // Some are online before their letter comes, some come online while it waits.
    let readers = come_online(edge, people);
    let death = async {
        tokio::time::sleep(moment).await;
        gateway.kill().await;
    };
    let (acknowledged, (), ()) = tokio::join!(producers.join_all(), readers, death);
    let acknowledged: BTreeSet<_> = acknowledged.into_iter().flatten().collect();
    println!("killed after {moment:?}: {} of {} letters acknowledged", acknowledged.len(), people.len());
    gateway.restart().await;
    acknowledged
}

/// Pushes letters, a few at a time, and returns the ids of those that were acknowledged.
async fn produce(api: SocketAddr, people: Vec<Person>) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for people in people.chunks(BATCH) {
        let lines = people.iter().map(Person::line).collect();
        let request = api_request(Method::POST, "/v1/sends", "application/x-ndjson", lines);
        acknowledged.extend(ask_for_lines(api, request).await.iter().map(accepted));
    }
    acknowledged
}

/// The id in an answer's line, which must say that the letter was accepted.
fn accepted(line: &Value) -> String {
    assert_eq!(line["status"], StatusCode::ACCEPTED.as_u16(), "{line}");
    line["id"].as_str().expect("an id is text").to_owned()
}

/// Compares every letter's fate with what the mail server took.
async fn compare(gateway: &Gateway, sink: &Sink, people: &[Person], acknowledged: &BTreeSet<String>) {
    let copies = copies(&sink.taken());
    let (mut sent, mut uncertain) = (0, 0);
    for Person { id, .. } in people {
        let answer = gateway.call(Method::GET, &format!("/v1/sends/{id}"), &Value::Null).await;
        let known = answer.status == StatusCode::OK;
        assert!(known || !acknowledged.contains(id), "{id} was acknowledged and is lost");
        let state = if known { answer.json()["state"].clone() } else { "unknown".into() };
        let copies = copies.get(id).copied().unwrap_or(0);
        match state.as_str() {
            Some("sent") => assert_eq!(copies, 1, "{id} is sent: {}", answer.text()),
            Some("uncertain") => assert!(copies <= 1, "{id} went out {copies} times: {}", answer.text()),
            Some("unknown") => assert_eq!(copies, 0, "{id} was never accepted"),
            _ => panic!("{id} has no fate: {}", answer.text()),
        }
        sent += usize::from(state == "sent");
        uncertain += usize::from(state == "uncertain");
    }
    println!("{} acknowledged, {sent} sent, {uncertain} uncertain", acknowledged.len());
    assert!(sent > 0, "the rounds were too short for anything to happen");
}

/// Random moments that can be repeated: splitmix64.
struct Moments(u64);

impl Moments {
    fn new() -> Moments {
        let seed = number("KILL_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
        println!("KILL_SEED={seed}");
        Moments(seed)
    }

    fn next(&mut self) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Duration::from_millis((mixed ^ (mixed >> 31)) % LATEST)
    }
}

/// A number from the environment.
fn number<N: std::str::FromStr>(name: &str) -> Option<N> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} should be a number, not {text:?}")))
}
