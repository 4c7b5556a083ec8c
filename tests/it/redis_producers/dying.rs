//! Gateways that die with entries in hand, and entries that make them.

use std::time::Duration;

use vigie::watch::stream::{GROUP, SENDS};

use super::{Gateway, House, PACE};
use crate::support::wait::{SOON, wait_until};

#[tokio::test]
async fn entries_of_a_dead_gateway_are_taken_over() {
    let house = House::open().await;
    house.add_many((0..50).map(|n| format!("left-{n}"))).await;
    house.read_and_die().await;
    assert_eq!(house.pending().await, 50);
    let gateway = house.gateway();
    house.all_done().await;
    assert_eq!((house.desk.count(), house.desk.repeated()), (50, vec![]));
    gateway.stop().await;
}

#[tokio::test]
async fn consumers_that_are_gone_are_removed_unless_something_is_pending_with_them() {
    let house = House::open().await;
    house.add("left").await;
    house.read_and_die().await;
    house.redis.text(&["XGROUP", "CREATECONSUMER", SENDS, GROUP, "gateway-empty"]).await;
    let soon =
        super::Pace { stuck_after: Duration::from_mins(1), forget_after: Duration::from_millis(100), ..PACE };
    let gateway = Gateway::start(&house.redis.url(), house.desk.door(), soon);
    wait_until("the empty one is gone", SOON, async || {
        let names = house.consumers().await;
        (!names.iter().any(|name| name == "gateway-empty")).then_some(())
    })
    .await;
    assert!(house.consumers().await.iter().any(|name| name == "gateway-dead"), "it has an entry");
    assert_eq!(house.pending().await, 1);
    gateway.stop().await;
}

#[tokio::test]
async fn an_entry_that_kills_is_rejected_and_blames_no_other() {
    let house = House::open().await;
    house.add_many((0..10).map(|n| format!("before-{n}"))).await;
    let poison = house.add("poison").await;
    house.add_many((0..10).map(|n| format!("after-{n}"))).await;
    let gateway = house.gateway();
    house.all_done().await;
    let rejected = house.rejected().await;
    assert_eq!(rejected.len(), 1, "{rejected:?}");
    assert_eq!((&rejected[0][0], rejected[0][2].as_str()), (&poison, "poison"));
    assert!(rejected[0][1].contains("urn:vigie:problem:gave-up"), "{}", rejected[0][1]);
    assert_eq!((house.desk.count(), house.desk.repeated()), (20, vec![]));
    assert_eq!(house.desk.poisoned(), [21, 21, 1, 1, 1], "twice with the others, then alone");
    gateway.stop().await;
}

#[tokio::test]
async fn an_internal_error_of_one_entry_does_not_hold_the_others() {
    let house = House::open().await;
    let broken = house.add("broken").await;
    house.add("good").await;
    let gateway = house.gateway();
    house.all_done().await;
    assert_eq!(house.rejected().await[0][0], broken);
    assert_eq!(house.desk.times("good"), 1);
    gateway.stop().await;
}
