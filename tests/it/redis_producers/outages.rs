//! The store is away, Redis is away, or Redis comes back without memory.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use redis::Value;
use vigie::watch::stream::{GROUP, SENDS};

use super::{Gateway, House, PACE, Pace};
use crate::support::wait::{SOON, wait_until};

async fn asked_in_vain(house: &House, times: usize) {
    wait_until("the store was asked in vain", SOON, async || (house.desk.vain() >= times).then_some(()))
        .await;
}

#[tokio::test]
async fn what_the_store_cannot_take_waits_and_is_not_lost() {
    let house = House::open().await;
    house.desk.close(true);
    house.add_many((0..150).map(|n| format!("s-{n}"))).await;
    let gateway = house.gateway();
    // Longer than it takes for stuck, and than any number of deliveries would allow.
    asked_in_vain(&house, 8).await;
    assert_eq!(
        (house.number(&["XLEN", SENDS]).await, house.pending().await),
        (150, 100),
        "one batch in hand"
    );
    house.desk.close(false);
    house.all_done().await;
    assert_eq!((house.desk.count(), house.desk.repeated()), (150, vec![]));
    assert!(house.rejected().await.is_empty());
    gateway.stop().await;
}

/// One partition is broken: the others' sends pass by, in its batch and after it.
#[tokio::test]
async fn what_the_store_cannot_take_does_not_hold_what_it_can() {
    let house = House::open().await;
    let hold = Duration::from_millis(100);
    let gateway = Gateway::start(&house.redis.url(), house.desk.door(), Pace { hold, ..PACE });
    let left = async |count: i64| {
        wait_until("all but the jammed are done", SOON, async || {
            (house.number(&["XLEN", SENDS]).await == count).then_some(())
        })
        .await;
    };
    house
        .add_many((0..150).map(|n| if n % 50 == 0 { format!("jammed-{n}") } else { format!("s-{n}") }))
        .await;
    left(3).await;
    house.add("jammed-alone").await;
    house.add("after").await;
    left(4).await;
    // More often than any number of deliveries would allow.
    asked_in_vain(&house, 40).await;
    assert_eq!((house.pending().await, house.desk.times("after")), (4, 1));
    house.desk.cleared.store(true, Ordering::SeqCst);
    house.all_done().await;
    assert_eq!((house.desk.count(), house.desk.repeated()), (152, vec![]));
    assert!(house.rejected().await.is_empty());
    gateway.stop().await;
}

#[tokio::test]
async fn a_gateway_that_stops_leaves_what_it_could_not_store_to_the_next() {
    let house = House::open().await;
    house.desk.close(true);
    house.add("one").await;
    // Others would wait for a minute until they took it for stuck.
    let patient = Pace { stuck_after: Duration::from_mins(1), ..PACE };
    let first = Gateway::start(&house.redis.url(), house.desk.door(), patient);
    asked_in_vain(&house, 2).await;
    first.stop().await;
    assert_eq!(house.pending().await, 1);
    house.desk.close(false);
    let second = Gateway::start(&house.redis.url(), house.desk.door(), patient);
    house.all_done().await;
    assert_eq!(house.desk.times("one"), 1);
    second.stop().await;
}

#[tokio::test]
async fn a_redis_that_comes_back_finds_its_gateways() {
    let house = House::open().await;
    let gateway = house.gateway();
    house.add("before").await;
    house.all_done().await;
    house.redis.kill();
    house.redis.restart().await;
    house.add("after").await;
    house.all_done().await;
    assert_eq!((house.desk.times("before"), house.desk.times("after")), (1, 1));
    gateway.stop().await;
}

#[tokio::test]
async fn a_redis_that_comes_back_empty_gets_its_group_again() {
    let house = House::open().await;
    let gateway = house.gateway();
    house.add("before").await;
    house.all_done().await;
    house.redis.restart_empty().await;
    house.add("after").await;
    house.all_done().await;
    assert_eq!(house.desk.times("after"), 1);
    house.redis.flush().await;
    house.add("after the flush").await;
    house.all_done().await;
    gateway.stop().await;
}

/// The answer that its entries were acknowledged was lost with the connection: they are asked about again.
#[tokio::test]
async fn entries_in_hand_survive_a_lost_connection() {
    let house = House::open().await;
    house.desk.close(true);
    house.add_many((0..20).map(|n| format!("s-{n}"))).await;
    let gateway = house.gateway();
    // More often than an entry may be delivered.
    for _ in 0..7 {
        asked_in_vain(&house, house.desk.vain() + 1).await;
        wait_until("its connection was killed", SOON, async || {
            (house.number(&["CLIENT", "KILL", "TYPE", "normal"]).await > 0).then_some(())
        })
        .await;
    }
    house.desk.close(false);
    house.all_done().await;
    assert_eq!((house.desk.count(), house.rejected().await.len()), (20, 0), "an outage is no entry's fault");
    gateway.stop().await;
}

#[tokio::test]
async fn a_key_that_is_no_stream_is_not_the_end() {
    let house = House::open().await;
    house.redis.text(&["SET", SENDS, "what is this"]).await;
    let gateway = house.gateway();
    wait_until("the gateway looked at it", SOON, async || {
        let stats = house.redis.text(&["INFO", "errorstats"]).await;
        stats.contains("WRONGTYPE").then_some(())
    })
    .await;
    assert_eq!(house.redis.ask(&["DEL", SENDS]).await, Ok(Value::Int(1)));
    wait_until("the group is there", SOON, async || house.redis.ask(&["XPENDING", SENDS, GROUP]).await.ok())
        .await;
    house.add("now").await;
    house.all_done().await;
    gateway.stop().await;
}

/// Accepting them frees memory; only a rejection has to wait for some.
#[tokio::test]
async fn a_redis_without_memory_is_still_relieved_of_its_entries() {
    let house = House::open().await;
    // The group is there already: making one takes memory.
    house.read_and_die().await;
    house.add_many((0..50).map(|n| format!("s-{n}"))).await;
    let bad = house.add("bad").await;
    house.redis.text(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let gateway = house.gateway();
    wait_until("all the others are done", SOON, async || {
        (house.number(&["XLEN", SENDS]).await == 1 && house.desk.count() == 50).then_some(())
    })
    .await;
    house.redis.text(&["CONFIG", "SET", "maxmemory", "0"]).await;
    house.all_done().await;
    assert_eq!(house.rejected().await.first().map(|rejected| &rejected[0]), Some(&bad));
    gateway.stop().await;
}

/// Its connections stay open and say nothing: they are given up.
#[tokio::test]
async fn a_redis_that_stalls_is_not_waited_for() {
    let house = House::open().await;
    let gateway = house.gateway();
    house.add("before").await;
    house.all_done().await;
    house.redis.stop();
    let start = Instant::now();
    tokio::time::timeout(Duration::from_secs(8), gateway.stop()).await.expect("the read is given up");
    assert!(start.elapsed() > Duration::from_secs(1), "it did stall");
    house.redis.cont();
    let next = house.gateway();
    house.add("after").await;
    house.all_done().await;
    assert_eq!(house.desk.times("after"), 1);
    next.stop().await;
}
