//! Claims during an outage: nobody could renew them, so nobody takes them away for a whole lease after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use vigie::model::{ClaimId, RecipientId, SendId, SendState};
use vigie::store::{Fenced, Rules, Store, Wait};

use super::load::stats;
use super::shooting::{Sink, keep_patient_time};
use super::{INFO, LEASE, SHORT_LEASE, accepted, long_up, open, rules, send, signal};
use crate::support::crowd::{Person, come_online, copies, push};
use crate::support::gateway::Gateway;
use crate::support::redis::{Options, RedisServer};
use crate::support::sink::{Act, Manner, Step};
use crate::support::wait::{SOON, wait_until};

/// How long Redis says nothing: longer than leases, and than a gateway that counts on them would try.
const OUTAGE: Duration = Duration::from_secs(9);

/// Relays that take their time: one answers during the outage, one after it.
const ANSWERS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(10)];

#[tokio::test]
async fn after_an_outage_holders_may_finish_what_they_began() {
    let redis = RedisServer::start(Options::default()).await;
    let messages = AtomicUsize::new(0);
    let slow = Manner::modern().script(move |event| match event.step {
        Step::Message => Act::Late(ANSWERS[messages.fetch_add(1, Ordering::Relaxed) % 2]),
        _ => Act::Usual,
    });
    let slow = slow.start().await;
    let (url, relay) = (redis.url(), format!("smtp://{}?tls=none", slow.addr()));
    let settings =
        [SHORT_LEASE, INFO, ("VIGIE__STORE__URL", url.as_str()), ("VIGIE__RELAY__URL", relay.as_str())];
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
    wait_until("both are recorded", SOON, async || {
        (other.metrics().count("vigie_sends", &["state=\"sent\""]) == 2).then_some(())
    })
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

/// Nobody has noticed the outage yet when the lease runs out: whoever asks for it is heard when the outage is over.
#[tokio::test]
async fn a_tick_that_was_long_on_its_way_takes_nothing_back() {
    let redis = RedisServer::start(Options::default()).await;
    long_up(&redis).await;
    let (who, url) = (RecipientId([7; 16]), redis.url());
    let stores = [
        open(&url, Rules { lease: LEASE, ..rules() }, 0).await,
        open(&url, Rules { lease: LEASE, ..rules() }, 0).await,
    ];
    let letter = send(SendId([7; 16]), who);
    stores[0].enqueue(ClaimId::random(), vec![letter], Wait::Stored).await.expect("enqueue works");
    let claimed = Instant::now();
    let claims = stores[0].touch(signal(who)).await.expect("touch works").claims;
    let hold = claims[0].hold;
    assert_eq!(stores[0].begin(hold).await.expect("begin works"), Fenced::Done);
    let sink = Arc::new(Sink::default());
    let _time = stores.each_ref().map(|store| keep_patient_time(store, &sink));
    let passed = async |time: Duration| {
        wait_until("time has passed", SOON, async || (claimed.elapsed() > time).then_some(())).await;
    };
    passed(LEASE.mul_f32(0.67)).await;
    redis.stop();
    passed(LEASE + Duration::from_secs(2)).await;
    redis.cont();
    let finished =
        wait_until("it is there again", SOON, async || stores[0].finish(hold, accepted()).await.ok());
    assert_eq!(finished.await, Fenced::Done);
    assert_eq!(
        (sink.len(), stores[1].send(hold.send).await.expect("send works").map(|send| send.state)),
        (0, Some(SendState::Sent))
    );
}
