//! Claims during an outage: nobody could renew them, so nobody takes them away for a whole lease after it.

use std::time::{Duration, Instant};

use super::INFO;
use super::load::stats;
use crate::support::crowd::{Person, come_online, copies, push};
use crate::support::gateway::Gateway;
use crate::support::redis::{Options, RedisServer};
use crate::support::sink::{Act, Manner, Step};
use crate::support::wait::{SOON, wait_until};

/// How long a lease is here.
const LEASE: Duration = Duration::from_secs(4);

/// How long Redis says nothing: longer than a lease.
const OUTAGE: Duration = Duration::from_secs(6);

/// Relays that take their time: one answers during the outage, one after it.
const ANSWERS: [Duration; 2] = [Duration::from_secs(1), Duration::from_millis(7500)];

#[tokio::test]
async fn after_an_outage_holders_may_finish_what_they_began() {
    let redis = RedisServer::start(Options::default()).await;
    let slow = Manner::modern().script(|event| match event.step {
        Step::Message => Act::Late(ANSWERS[event.mail % 2]),
        _ => Act::Usual,
    });
    let slow = slow.start().await;
    let (url, relay) = (redis.url(), format!("smtp://{}?tls=none", slow.addr()));
    let settings = [
        ("VIGIE__DISPATCH__LEASE", "4s"),
        INFO,
        ("VIGIE__STORE__URL", url.as_str()),
        ("VIGIE__RELAY__URL", relay.as_str()),
    ];
    let holder = Gateway::start(&settings).await;
    let other = holder.beside(&settings).await;
    let people = Person::several(&holder, 2).await;
    push(&holder, &people).await;
    come_online(holder.knocker(), &people).await;
    slow.wait_for(Step::Message, 2).await;
    redis.stop();
    let stopped = Instant::now();
    wait_until("the outage is over", SOON, async || (stopped.elapsed() > OUTAGE).then_some(())).await;
    assert!(stopped.elapsed() > LEASE);
    redis.cont();
    wait_until("both are recorded", SOON, async || (other.metrics().count("vigie_sends", &["state=\"sent\""]) == 2).then_some(()))
        .await;
    for person in &people {
        let history = holder.send(&person.id).await["history"].to_string();
        assert!(!history.contains("lease_expired"), "{history}");
    }
    // Their readers come again, wherever: nothing goes out twice.
    come_online(other.knocker(), &people).await;
    come_online(holder.knocker(), &people).await;
    assert_eq!(copies(&slow.taken()).into_values().collect::<Vec<_>>(), [1, 1]);
    assert_eq!(stats(&other).await["conservation_gap"], 0);
}
