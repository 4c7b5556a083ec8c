//! Operators who pause and resume all the time, at two gateways, and say everything twice: nothing is lost, and no resume
//! makes a wave.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};
use vigie::clock::{Clock, after};

use crate::support::gateway::Gateway;
use crate::support::redis::{Options, RedisServer};
use crate::support::sink::{Act, Manner, Step};
use crate::support::wait::{SOON, wait_until};

const PEOPLE: usize = 60;

/// The ramp's first rate: so many in the first second after a resume.
const FIRST_RATE: usize = 8;

/// How long each pause and each run of the storm lasts, in milliseconds.
const STORM: [(u64, u64); 5] = [(400, 300), (350, 900), (500, 150), (300, 1200), (600, 500)];

/// How long a mail may be on its way when the pause comes.
const UNDER_WAY: Duration = Duration::from_millis(250);

fn person(n: usize) -> String {
    format!("canary-{n}@example.test")
}

async fn set(gateway: &Gateway, state: &str) {
    put(gateway, &json!({"state": state})).await;
}

async fn put(gateway: &Gateway, setting: &Value) {
    let answer = gateway.call(Method::PUT, "/v1/flows/demo", setting).await;
    assert!(answer.status.is_success(), "{}", answer.text());
}

/// What somebody else says right after a resume: the same, or a rate.
fn said_again(turn: usize) -> Value {
    if turn.is_multiple_of(2) {
        json!({"state": "running"})
    } else {
        json!({"state": "running", "rate_per_second": 500})
    }
}

/// Everybody keeps coming online, here and there, until the test ends.
async fn visits(edges: [crate::support::gateway::Knocker; 2], pixels: Vec<String>) {
    loop {
        for (n, pixel) in pixels.iter().enumerate() {
            // A gateway that is about to stop need not answer.
            let _ = edges[n % 2].open(pixel).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Pauses and resumes, here and there, and ends paused; gives when it was resumed.
async fn storm([one, other]: [&Gateway; 2]) -> Vec<Instant> {
    let (mut resumed, mut gateways) = (Vec::new(), [one, other].into_iter().cycle());
    for (turn, (paused, running)) in STORM.into_iter().enumerate() {
        tokio::time::sleep(Duration::from_millis(paused)).await;
        resumed.push(Instant::now());
        set(gateways.next().expect("it goes round"), "running").await;
        put(one, &said_again(turn)).await;
        tokio::time::sleep(Duration::from_millis(running)).await;
        set(gateways.next().expect("it goes round"), "paused").await;
    }
    resumed
}

/// The last pause ends by itself, and somebody resumes what runs already; gives when it is over.
async fn last_resume([one, other]: [&Gateway; 2]) -> Instant {
    let over = Duration::from_millis(500);
    let (resumed, until) = (Instant::now() + over, after(Clock::system().now(), over));
    put(other, &json!({"state": "paused", "until": until.to_string()})).await;
    Clock::system().sleep_until(until).await;
    set(other, "running").await;
    put(one, &said_again(1)).await;
    resumed
}

#[tokio::test]
async fn a_storm_of_pauses_loses_nothing_and_makes_no_wave() {
    let (redis, taken) = (RedisServer::start(Options::default()).await, Arc::new(Mutex::new(Vec::new())));
    let moments = Arc::clone(&taken);
    let script = move |event: &crate::support::sink::Event| {
        if event.step == Step::Message {
            moments.lock().expect("no test panics with it").push(Instant::now());
        }
        Act::Usual
    };
    let sink = Manner::modern().script(script).start().await;
    let (store, relay) = (redis.url(), format!("smtp://{}?tls=none", sink.addr()));
    let settings = [
        ("VIGIE__STORE__URL", store.as_str()),
        ("VIGIE__RELAY__URL", &relay),
        ("VIGIE__PRESENCE__REFRESH", "100ms"),
        ("VIGIE__FLOWS__RESUME_RATE", "8"),
        ("VIGIE__FLOWS__RESUME_DOUBLING", "2s"),
        ("VIGIE__FLOWS__RESUME_WITHIN", "6s"),
    ];
    let one = Gateway::start(&settings).await;
    let other = one.beside(&settings).await;
    set(&one, "paused").await;
    let mut pixels = Vec::new();
    for n in 0..PEOPLE {
        one.queue(&format!("s-{n}"), &person(n)).await;
        pixels.push(one.pixel(&person(n)).await);
    }
    let visiting = tokio::spawn(visits([one.knocker(), other.knocker()], pixels));
    let mut resumed = storm([&one, &other]).await;
    tokio::time::sleep(UNDER_WAY).await;
    let still = taken.lock().expect("no test panics with it").len();
    tokio::time::sleep(UNDER_WAY).await;
    assert_eq!(taken.lock().expect("no test panics with it").len(), still, "a pause is a pause");
    assert!(still < PEOPLE, "the storm was over before everybody had a mail");
    resumed.push(last_resume([&one, &other]).await);
    for n in 0..PEOPLE {
        let sent = one.reaches(&format!("s-{n}"), "sent").await;
        assert_eq!(sent["attempts"], 0, "a pause is no attempt: {sent}");
    }
    visiting.abort();
    wait_until("the relay has said so", SOON, async || (sink.taken().len() == PEOPLE).then_some(())).await;
    let people: HashSet<_> = sink.taken().into_iter().flat_map(|taken| taken.to).collect();
    assert_eq!(people.len(), PEOPLE, "each got one mail");
    let moments = taken.lock().expect("no test panics with it").clone();
    for resumed in resumed {
        let first = Duration::from_secs(1);
        let many = moments.iter().filter(|at| **at >= resumed && **at < resumed + first).count();
        assert!(many <= FIRST_RATE + 1, "{many} in the first second after a resume");
    }
}
