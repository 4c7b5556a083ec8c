//! While nothing goes wrong: accepted, the same again, refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use vigie::watch::stream::{Accept, SENDS, Verdict};

use super::{Gateway, House, PACE};
use crate::support::wait::{SOON, wait_until};

#[tokio::test]
async fn what_is_accepted_is_gone_from_the_stream() {
    let house = House::open().await;
    let first = house.add("one").await;
    let gateway = house.gateway();
    house.all_done().await;
    house.add("two").await;
    house.add("one").await;
    house.all_done().await;
    assert_eq!((house.desk.times("one"), house.desk.times("two")), (2, 1));
    assert_eq!(house.desk.name("one").map(|name| name > format!("stream-{first}")), Some(true));
    let two = house.desk.name("two").expect("it was taken");
    assert!(two.starts_with("stream-") && two.ends_with("-0"), "named after its entry: {two}");
    assert!(house.rejected().await.is_empty());
    gateway.says("vigie_stream_entries_total{outcome=\"accepted\"} 2").await;
    gateway.says("vigie_stream_entries_total{outcome=\"same\"} 1").await;
    gateway.says("vigie_stream_pending 0").await;
    gateway.stop().await;
    assert!(house.consumers().await.is_empty(), "who stops leaves the group");
}

#[tokio::test]
async fn what_is_refused_lies_where_its_producer_can_read_it() {
    let house = House::open().await;
    let bad = house.add("bad one").await;
    house.add("good").await;
    let empty = house.redis.text(&["XADD", SENDS, "*", "sned", "typo", "\u{e9}", "x"]).await;
    let gateway = house.gateway();
    house.all_done().await;
    let rejected = house.rejected().await;
    assert_eq!(rejected[0], [bad, "{\"problem of\":\"bad one\"}".to_owned(), "bad one".to_owned()]);
    let [id, problem, send] = &rejected[1];
    assert_eq!((id, send.as_str()), (&empty, ""));
    let problem: serde_json::Value = serde_json::from_str(problem).expect("a problem is JSON");
    assert_eq!((&problem["status"], &problem["field"]), (&422.into(), &"send".into()));
    assert_eq!((rejected.len(), house.desk.times("good")), (2, 1));
    gateway.says("vigie_stream_entries_total{outcome=\"rejected\"} 2").await;
    gateway.stop().await;
}

/// An entry is acknowledged after it was accepted, not before.
#[tokio::test]
async fn nothing_is_acknowledged_before_it_is_stored() {
    let house = House::open().await;
    let client = redis::Client::open(house.redis.url()).expect("a URL");
    let pending = Arc::new(AtomicI64::new(-1));
    let seen = Arc::clone(&pending);
    let accept: Accept = Arc::new(move |sends| {
        let (client, seen) = (client.clone(), Arc::clone(&seen));
        Box::pin(async move {
            let mut connection = client.get_multiplexed_async_connection().await.expect("it is up");
            let length: i64 =
                redis::cmd("XLEN").arg(SENDS).query_async(&mut connection).await.expect("a number");
            seen.store(length, Ordering::SeqCst);
            sends.iter().map(|_| Verdict::Accepted).collect()
        })
    });
    house.add("one").await;
    house.add("two").await;
    let gateway = Gateway::start(&house.redis.url(), accept, PACE);
    house.all_done().await;
    assert_eq!(pending.load(Ordering::SeqCst), 2, "both were there while they were accepted");
    gateway.stop().await;
}

#[tokio::test]
async fn two_gateways_share_the_stream_and_each_entry_is_taken_once() {
    const EACH: usize = 5000;
    let house = House::open().await;
    let gateways = [house.gateway(), house.gateway()];
    let push = |who: usize| house.add_many((0..EACH).map(move |n| format!("{who}-{n}")));
    tokio::join!(push(1), push(2));
    house.all_done().await;
    assert_eq!((house.desk.count(), house.desk.repeated()), (2 * EACH, vec![]));
    let accepted = || gateways.iter().map(|gateway| gateway.ended("accepted")).sum::<u64>();
    wait_until("both counted", SOON, async || (accepted() == 2 * EACH as u64).then_some(())).await;
    for gateway in gateways {
        assert_eq!(gateway.ended("same"), 0);
        gateway.stop().await;
    }
}
