//! Two real gateways on one Redis: they share the work, one's death is the other's task, and a pause stops both.

use std::time::{Duration, Instant};

use hyper::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use vigie::clock::Clock;

use super::load::{SETTINGS, stats};
use super::{INFO, LEASE, SHORT_LEASE, long_up};
use crate::support::crowd::{Person, come_online, copies, push};
use crate::support::gateway::Gateway;
use crate::support::redis::{Options, RedisServer};
use crate::support::sink::{Act, Manner, Step};
use crate::support::wait::{SOON, wait_until};

const LETTERS: usize = 600;

#[tokio::test]
async fn each_letter_has_one_fate_whoever_sees_its_reader() {
    let redis = RedisServer::start(Options::default()).await;
    let sink = Manner::modern().start().await;
    let (url, relay) = (redis.url(), format!("smtp://{}?tls=none", sink.addr()));
    let more = [("VIGIE__STORE__URL", url.as_str()), ("VIGIE__RELAY__URL", relay.as_str())];
    let settings: Vec<_> = SETTINGS.into_iter().chain(more).collect();
    let first = Gateway::start(&settings).await;
    let second = first.beside(&settings).await;
    let people = Person::several(&first, LETTERS).await;
    let (here, there) = people.split_at(LETTERS / 2);
    let cancel = async |gateway: &Gateway, people: &[Person]| {
        for person in people.iter().step_by(5) {
            let path = format!("/v1/sends/{}", person.id);
            // Before or after it was pushed, or while it is on its way.
            gateway.call(Method::DELETE, &path, &Value::Null).await;
        }
    };
    tokio::join!(
        push(&first, here),
        push(&second, there),
        come_online(second.knocker(), &people),
        come_online(first.knocker(), &people),
        cancel(&first, there),
        cancel(&second, here),
    );
    wait_until("every letter has a fate", SOON, async || {
        come_online(first.knocker(), here).await;
        come_online(second.knocker(), there).await;
        (first.metrics().undecided() == 0).then_some(())
    })
    .await;
    let copies = copies(&sink.taken());
    assert!(copies.values().all(|count| *count == 1), "none went out twice: {copies:?}");
    let (one, other) = (stats(&first).await, stats(&second).await);
    assert_eq!(one, other, "they tell the same");
    assert_eq!((&one["accepted"], &one["conservation_gap"]), (&LETTERS.into(), &0.into()));
    let in_state = |state: &str| one["states"][state].as_u64().unwrap_or(0);
    assert_eq!(in_state("sent"), copies.len() as u64);
    assert_eq!(in_state("sent") + in_state("cancelled"), LETTERS as u64, "{one}");
}

/// When it was that this happened to a send.
fn moment(send: &Value, event: &str) -> Option<Timestamp> {
    let history = send["history"].as_array().expect("a history is a list");
    let line = history.iter().rfind(|line| line["event"] == event)?;
    Some(line["at"].as_str().expect("a moment is text").parse().expect("a moment"))
}

#[tokio::test]
async fn what_a_killed_gateway_held_goes_out_from_another() {
    let redis = RedisServer::start(Options::default()).await;
    long_up(&redis).await;
    let hangs = Manner::modern().script(|event| match event.step {
        Step::Message => Act::Stall,
        _ => Act::Usual,
    });
    let (hangs, takes) = (hangs.start().await, Manner::modern().start().await);
    let (url, relays) =
        (redis.url(), [&hangs, &takes].map(|sink| format!("smtp://{}?tls=none", sink.addr())));
    let settings = |relay| [SHORT_LEASE, INFO, ("VIGIE__STORE__URL", &url), ("VIGIE__RELAY__URL", relay)];
    let one_by_one: Vec<_> =
        settings(relays[0].as_str()).into_iter().chain([("VIGIE__RELAY__CONNECTIONS", "1")]).collect();
    let mut first = Gateway::start(&one_by_one).await;
    let mut second = first.beside(&settings(&relays[1])).await;
    second.may_be_uncertain();
    let people = Person::several(&first, 5).await;
    push(&second, &people).await;
    come_online(first.knocker(), &people).await;
    // One is being handed over; the others are claimed, and wait for the connection.
    hangs.wait_for(Step::Message, 1).await;
    wait_until("all are claimed", SOON, async || {
        (second.metrics().count("vigie_sends", &["state=\"claimed\""]) == 5).then_some(())
    })
    .await;
    let killed = Clock::system().now();
    first.kill().await;
    let claimed = async || (second.metrics().count("vigie_sends", &["state=\"claimed\""]) == 0).then_some(());
    wait_until("none is claimed any more", SOON, claimed).await;
    let metrics = second.metrics();
    assert_eq!(
        metrics.count("vigie_sends", &["state=\"uncertain\""]),
        1,
        "nobody knows whether it was taken"
    );
    assert_eq!(metrics.count("vigie_sends", &["state=\"waiting\""]), 4);
    for person in &people {
        let send = second.send(&person.id).await;
        let back = moment(&send, "lease_expired").or(moment(&send, "uncertain")).expect("it came back");
        let after = back.duration_since(killed);
        let bound = jiff::SignedDuration::try_from(LEASE + Duration::from_secs(1)).expect("seconds");
        assert!(after < bound, "it came back after {after}: {send}");
    }
    come_online(second.knocker(), &people).await;
    wait_until("the others went out", SOON, async || (takes.taken().len() == 4).then_some(())).await;
    wait_until("and are recorded", SOON, async || (second.metrics().undecided() == 0).then_some(())).await;
    assert_eq!(hangs.taken().len(), 0);
    assert!(copies(&takes.taken()).values().all(|count| *count == 1));
}

#[tokio::test]
async fn a_pause_stops_every_gateway_within_a_second() {
    let redis = RedisServer::start(Options::default()).await;
    let url = redis.url();
    let settings: Vec<_> = SETTINGS.into_iter().chain([("VIGIE__STORE__URL", url.as_str())]).collect();
    let first = Gateway::start(&settings).await;
    let mut second = first.beside(&settings).await;
    let people = Person::several(&first, 2).await;
    for (state, waits) in [("paused", true), ("running", false)] {
        let set = Instant::now();
        let answer = first.call(Method::PUT, "/v1/flows/demo", &json!({"state": state})).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        wait_until("the other one follows", SOON, async || {
            let flows = second.call(Method::GET, "/v1/flows", &Value::Null).await.json();
            (flows["flows"][0]["state"] == state).then_some(())
        })
        .await;
        // A second, and some for a machine that is busy with something else.
        assert!(set.elapsed() < Duration::from_millis(1500), "{state} took {:?}", set.elapsed());
        let person = &people[usize::from(!waits)];
        push(&second, std::slice::from_ref(person)).await;
        come_online(second.knocker(), std::slice::from_ref(person)).await;
        if waits {
            wait_until("the visit is known", SOON, async || {
                (second.metrics().count("vigie_presence_online", &[]) == 1).then_some(())
            })
            .await;
            assert_eq!(second.state(&person.id).await, "waiting");
        } else {
            second.reaches(&person.id, "sent").await;
        }
    }
    // The pause is over: the first letter goes with its reader's next visit.
    come_online(second.knocker(), &people).await;
    second.reaches(&people[0].id, "sent").await;
    second.stop().await;
}
