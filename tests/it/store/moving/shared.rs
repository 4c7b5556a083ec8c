//! Moving out of a store that many gateways share.

use vigie::store::{Fenced, Store, StoreError};

use super::*;
use crate::store::bench::{FromRedis, RedisBackend, accepted, rules, signal, who};
use crate::support::wait::{SOON, wait_until};

async fn another(bench: &Bench<RedisBackend>) -> vigie::store::redis::RedisStore {
    bench.backend.try_open().await.expect("the store opens")
}

#[tokio::test]
async fn gateways_keep_a_copy_away() {
    let both = Move::<FromRedis>::new().await;
    both.from.accept(&send("s-1", who(1))).await;
    let (one, two) = (another(&both.from).await, another(&both.from).await);
    assert!(matches!(both.try_copy().await, Err(CopyError::Busy(2))));
    one.close().await.expect("it closes");
    assert!(matches!(both.try_copy().await, Err(CopyError::Busy(1))));
    assert!(!both.from.backend.portable().is_shut().await.expect("is_shut works"));
    two.close().await.expect("it closes");
    assert_eq!(both.copy().await.progress.moved, 1);
}

#[tokio::test]
async fn a_shut_store_keeps_gateways_away() {
    let both = Move::<FromRedis>::new().await;
    let from = both.from.backend.portable();
    from.shut().await.expect("shut works");
    for _ in 0..2 {
        let Err(StoreError::Unfit(why)) = both.from.backend.try_open().await else { panic!("it opens") };
        assert!(why.contains("run the same `vigie store copy` again"), "{why}");
    }
    assert_eq!(from.shut().await.expect("shut works"), 0, "they do not count");
    from.reopen().await.expect("reopen works");
    another(&both.from).await;
}

/// One that was stopped, or cut off, while the store was shut.
#[tokio::test]
async fn a_gateway_that_comes_back_only_ends_what_it_has_begun() {
    let both = Move::<FromRedis>::new().await;
    both.from.enqueue(&[send("begun", who(1)), send("waiting", who(2))]).await;
    let straggler = another(&both.from).await;
    let claimed = straggler.touch(signal(who(1))).await.expect("touch works").claims;
    let from = both.from.backend.portable();
    assert_eq!(from.shut().await.expect("shut works"), 1);
    let touched = async || straggler.touch(signal(who(3))).await.err();
    wait_until("it notices", SOON, async || touched().await).await;
    assert!(straggler.touch(signal(who(2))).await.is_err());
    let finished = straggler.finish(claimed[0].hold, accepted()).await.expect("finish works");
    assert_eq!(finished, Fenced::Done);
    from.reopen().await.expect("reopen works");
    wait_until("it goes on", SOON, async || straggler.touch(signal(who(2))).await.ok()).await;
}

/// Nobody ticks a store whose gateways are gone.
#[tokio::test]
async fn what_a_dead_gateway_held_is_taken_back_and_moves() {
    let both = Move::<FromRedis>::new().await;
    both.from.enqueue(&[send("held", who(1)), send("begun", who(2))]).await;
    let stale = both.from.claim(who(1)).await.hold;
    let begun = both.from.claim(who(2)).await.hold;
    both.from.store().begin(begun).await.expect("begin works");
    assert_eq!(both.copy().await.claimed, 2);
    both.pass(rules().lease);
    let report = both.copy().await;
    assert_eq!((report.progress.moved, report.claimed), (1, 0));
    assert_eq!(both.states(&send("held", who(1))).await, MOVED);
    assert_eq!(both.states(&send("begun", who(2))).await, [Some(SendState::Uncertain), None]);
    assert_eq!(both.to.events(&send("held", who(1))).await, ["accepted", "claimed", "lease_expired"]);
    let finished = both.from.store().finish(stale, accepted()).await.expect("finish works");
    assert_eq!(finished, Fenced::Stale);
}
