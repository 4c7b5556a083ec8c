//! Which mailboxes a gateway watches.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use vigie::model::{Mailboxes, RecipientId, Sealed};
use vigie::store::{Store, StoreError};

use super::bench::{Backend, Bench, who};
use crate::support::wait::{SOON, wait_until};

fn sealed(text: &str) -> Sealed {
    Sealed::new(text.as_bytes())
}

async fn set(store: &Arc<dyn Store>, who: RecipientId, text: Option<&str>) {
    store.watch_mailbox(who, text.map(sealed)).await.expect("watch_mailbox works");
}

async fn known(store: &Arc<dyn Store>, who: RecipientId) -> Option<Sealed> {
    store.person(who).await.expect("person works").mailbox
}

/// Waits until exactly these are to be watched.
async fn are(heard: &mut watch::Receiver<Arc<Mailboxes>>, expected: &[(RecipientId, &str)]) {
    let expected: Mailboxes = expected.iter().map(|(who, text)| (*who, sealed(text))).collect();
    let heard = timeout(Duration::from_secs(10), heard.wait_for(|all| **all == expected)).await;
    heard.unwrap_or_else(|_| panic!("never {expected:?}")).expect("it lives");
}

pub(crate) async fn a_mailbox_is_watched_until_it_is_removed<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let store = bench.store();
    let mut heard = store.mailboxes();
    are(&mut heard, &[]).await;
    assert_eq!(known(&store, who(1)).await, None);
    for _ in 0..2 {
        set(&store, who(1), Some("one")).await;
        assert_eq!(known(&store, who(1)).await, Some(sealed("one")));
        are(&mut heard, &[(who(1), "one")]).await;
    }
    set(&store, who(2), Some("two")).await;
    set(&store, who(1), Some("other")).await;
    are(&mut heard, &[(who(1), "other"), (who(2), "two")]).await;
    for _ in 0..2 {
        set(&store, who(1), None).await;
        assert_eq!(known(&store, who(1)).await, None);
        are(&mut heard, &[(who(2), "two")]).await;
    }
}

pub(crate) async fn a_forgotten_persons_mailbox_is_not_watched<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let store = bench.store();
    let mut heard = store.mailboxes();
    set(&store, who(1), Some("one")).await;
    set(&store, who(2), Some("two")).await;
    are(&mut heard, &[(who(1), "one"), (who(2), "two")]).await;
    store.forget(who(1)).await.expect("forget works");
    assert_eq!(known(&store, who(1)).await, None);
    are(&mut heard, &[(who(2), "two")]).await;
    let late = store.reseal_mailbox(who(1), sealed("one"), sealed("fresh")).await;
    assert!(!late.expect("reseal works"), "a token that comes late brings nobody back");
    assert_eq!(known(&store, who(1)).await, None);
}

pub(crate) async fn only_what_is_known_is_sealed_anew<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let store = bench.store();
    let mut heard = store.mailboxes();
    set(&store, who(1), Some("one")).await;
    let reseal = async |from: &str, to: &str| {
        store.reseal_mailbox(who(1), sealed(from), sealed(to)).await.expect("reseal works")
    };
    assert!(reseal("one", "two").await);
    assert!(reseal("one", "two").await, "said again, as its answer was lost");
    are(&mut heard, &[(who(1), "two")]).await;
    assert!(!reseal("one", "three").await);
    assert_eq!(known(&store, who(1)).await, Some(sealed("two")));
}

pub(crate) async fn beyond_the_bound_mailboxes_are_refused<B: Backend>() {
    let bench = Bench::<B>::with(|rules| rules.max_mailboxes = 3).await;
    let store = bench.store();
    for n in 1..=3 {
        set(&store, who(n), Some("one")).await;
    }
    let fourth = store.watch_mailbox(who(4), Some(sealed("one"))).await;
    assert!(matches!(fourth, Err(StoreError::Full(_))), "{fourth:?}");
    assert_eq!(known(&store, who(4)).await, None);
    set(&store, who(3), Some("changed")).await;
    set(&store, who(3), None).await;
    set(&store, who(4), Some("one")).await;
}

pub(crate) async fn mailboxes_survive_a_crash<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    let all = [(who(1), "one"), (who(2), "two"), (who(200), "three")];
    for (who, text) in all {
        set(&bench.store(), who, Some(text)).await;
    }
    set(&bench.store(), who(3), Some("gone")).await;
    set(&bench.store(), who(3), None).await;
    bench.backend.crash().await;
    bench.pass(B::HABITS.alive_after_death);
    are(&mut bench.store().mailboxes(), &all).await;
    assert_eq!(known(&bench.store(), who(3)).await, None);
    bench.backend.reopen().await;
    are(&mut bench.store().mailboxes(), &all).await;
}

pub(crate) async fn gateways_share_mailboxes<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (one, other) = (bench.store(), bench.backend.another().await);
    let mut heard = [one.mailboxes(), other.mailboxes()];
    let each_is_watched_once = async |heard: &[watch::Receiver<Arc<Mailboxes>>; 2], expected: usize| {
        wait_until("each is watched once", SOON, async || {
            let [one, other] = heard.each_ref().map(|heard| Arc::clone(&heard.borrow()));
            let apart = one.keys().all(|who| !other.contains_key(who));
            (apart && one.len() + other.len() == expected).then_some(())
        })
        .await;
    };
    for n in 0..40 {
        set(&one, who(n), Some("here")).await;
    }
    each_is_watched_once(&heard, 40).await;
    for n in 0..40 {
        // Whoever is told, who watches hears of it.
        set(&other, who(n), (n < 20).then_some("there")).await;
    }
    each_is_watched_once(&heard, 20).await;
    wait_until("all have changed", SOON, async || {
        let all = heard.each_ref().map(|heard| Arc::clone(&heard.borrow()));
        all.iter().all(|some| some.values().all(|text| *text == sealed("there"))).then_some(())
    })
    .await;
    if B::HABITS.partitions > 1 {
        assert!(heard.iter().all(|heard| !heard.borrow().is_empty()), "both have some");
    }
    // It dies without a word.
    drop(other);
    bench.pass(B::HABITS.alive_after_death);
    let expected: Vec<_> = (0..20).map(|n| (who(n), "there")).collect();
    are(&mut heard[0], &expected).await;
    // One that joins and leaves well.
    let third = bench.backend.another().await;
    heard[1] = third.mailboxes();
    each_is_watched_once(&heard, 20).await;
    third.close().await.expect("it closes");
    are(&mut heard[0], &expected).await;
}
