//! While nothing goes wrong: accepted, the same again, refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use vigie::watch::stream::{Accept, REJECTED, SENDS, Verdict};

use super::{Gateway, House, PACE, Pace};
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

#[tokio::test]
async fn what_was_refused_is_not_kept_for_ever() {
    let house = House::open().await;
    // By the ids: of 1970, and of now.
    house.redis.text(&["XADD", REJECTED, "1-0", "id", "1-0", "problem", "{}", "send", "old"]).await;
    house.add("bad").await;
    let gateway = house.gateway();
    house.all_done().await;
    wait_until("the old one is gone", SOON, async || {
        let rejected = house.rejected().await;
        matches!(&rejected[..], [[_, _, send]] if send == "bad").then_some(())
    })
    .await;
    gateway.stop().await;
}

/// The rights that the module's documentation names are enough.
#[tokio::test]
async fn a_user_with_the_least_rights_will_do() {
    let house = House::open().await;
    let rights = "(~vigie:sends +xgroup|create +xgroup|delconsumer +xinfo|consumers +xreadgroup +xpending +xclaim +xack +xdel \
                  +xlen) (~vigie:sends:rejected +xadd +xlen +xtrim) (+time)";
    let selectors = rights.split_inclusive(')').map(str::trim);
    let user: Vec<_> = ["ACL", "SETUSER", "gateway", "on", ">secret"].into_iter().chain(selectors).collect();
    house.redis.text(&user).await;
    house.redis.text(&["XADD", REJECTED, "1-0", "send", "of 1970, to be removed"]).await;
    house.add("left").await;
    house.read_and_die().await;
    house.add("one").await;
    house.add("bad").await;
    let url = format!("redis://gateway:secret@127.0.0.1:{}", house.redis.port());
    let hasty = Pace { forget_after: Duration::from_millis(1), ..PACE };
    let gateway = Gateway::start(&url, house.desk.door(), hasty);
    house.all_done().await;
    assert_eq!((house.desk.times("left"), house.desk.times("one"), house.rejected().await.len()), (1, 1, 1));
    wait_until("the dead consumer is removed", SOON, async || {
        (house.consumers().await.len() == 1).then_some(())
    })
    .await;
    gateway.stop().await;
    assert!(house.consumers().await.is_empty());
}

/// A gateway died between deleting and acknowledging: nothing is left of that.
#[tokio::test]
async fn an_entry_that_is_gone_but_pending_is_forgotten() {
    let house = House::open().await;
    let gone = house.add("gone").await;
    house.read_and_die().await;
    assert_eq!(house.number(&["XDEL", SENDS, &gone]).await, 1);
    assert_eq!(house.pending().await, 1);
    let gateway = house.gateway();
    wait_until("nothing is pending", SOON, async || (house.pending().await == 0).then_some(())).await;
    assert_eq!(house.desk.count(), 0);
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
