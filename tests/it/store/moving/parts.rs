//! What each step of a move guarantees by itself.

use super::*;
use crate::store::bench::{accepted, references as claimed, who};
use crate::store::consent::said;
use crate::store::flows::{paused, scope};

pub(crate) async fn a_page_holds_a_bounded_number<P: Pair>() {
    let bench = Move::<P>::new().await.from;
    let letters: Vec<_> = (0..30).map(|n| send(&format!("s-{n}"), who(n % 3))).collect();
    bench.enqueue(&letters).await;
    for n in 0..5 {
        bench.store().consent(said(who(n), true, bench.now())).await.expect("consent works");
    }
    bench.store().set_flow(scope(None), paused()).await.expect("set_flow works");
    let store = bench.backend.portable();
    for most in [1, 4, 1000] {
        let pages = pages(&*store, most).await;
        assert!(pages.iter().all(|page| page.items.len() <= most), "at most {most}");
        let items: Vec<_> = pages.into_iter().flat_map(|page| page.items).collect();
        assert!(matches!(items[0], Item::Flow(..)), "settings first");
        assert!(items[1..6].iter().all(|item| matches!(item, Item::Consent(_))), "then consents");
        let mut found = references(&items);
        assert_eq!(found.len(), 30);
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), 30, "each once");
    }
}

pub(crate) async fn one_persons_sends_come_as_they_arrived<P: Pair>() {
    let both = Move::<P>::with(|rules| rules.claims_per_touch = 100).await;
    both.to.accept(&send("there before", who(1))).await;
    let mut names = Vec::new();
    for n in 0..12_u8 {
        let mut letter = send(&format!("s-{}", (n * 7) % 12), who(1));
        letter.campaign = (n % 3 == 0).then(|| name("wave"));
        letter.not_before = (n % 4 == 0).then(|| both.from.later(Duration::from_mins(u64::from(20 - n))));
        names.push(letter.reference.clone());
        both.from.accept(&letter).await;
        both.from.accept(&send(&format!("other-{n}"), who(n + 2))).await;
    }
    for page in pages(&*both.from.backend.portable(), 5).await {
        both.adopt(page).await;
    }
    both.to.accept(&send("after", who(1))).await;
    both.pass(Duration::from_hours(1));
    let expected = ["there before"].into_iter().chain(names.iter().map(String::as_str)).chain(["after"]);
    assert_eq!(claimed(&both.to.touch(who(1)).await), expected.collect::<Vec<_>>());
}

pub(crate) async fn an_adoption_is_durable<P: Pair>() {
    let mut both = Move::<P>::new().await;
    let letter = send("s-1", who(1));
    both.from.accept(&letter).await;
    for page in pages(&*both.from.backend.portable(), 10).await {
        both.adopt(page).await;
    }
    both.to.backend.crash().await;
    assert_eq!(both.to.state(&letter).await, Some(SendState::Waiting));
    let departed = both.from.backend.portable().depart(vec![letter.id]).await.expect("depart works");
    assert_eq!(departed, [Cancelled::Done]);
    both.from.backend.crash().await;
    // Until whoever died with the stores is known to be dead.
    both.pass(Duration::from_secs(5));
    assert_eq!(both.states(&letter).await, MOVED);
    assert_eq!((both.from.counts().await.accepted, both.to.counts().await.accepted), (1, 1));
    assert_eq!(both.back().await.progress.moved, 1, "that it departed is known after a crash");
}

pub(crate) async fn an_adoption_claims_nothing<P: Pair>() {
    let both = Move::<P>::new().await;
    both.from.accept(&send("s-1", who(1))).await;
    both.to.touch(who(1)).await;
    both.copy().await;
    assert_eq!(both.states(&send("s-1", who(1))).await, MOVED);
    assert_eq!(claimed(&both.to.touch(who(1)).await), ["s-1"]);
}

pub(crate) async fn a_departure_says_what_it_found<P: Pair>() {
    let bench = Move::<P>::new().await.from;
    let letters = ["waiting", "claimed", "begun", "sent", "cancelled"].into_iter().zip(1..);
    let letters: Vec<_> = letters.map(|(reference, n)| send(reference, who(n))).collect();
    bench.enqueue(&letters).await;
    bench.store().cancel(letters[4].id, "by hand").await.expect("cancel works");
    let stale = bench.claim(who(2)).await.hold;
    let begun = bench.claim(who(3)).await.hold;
    bench.store().begin(begun).await.expect("begin works");
    let sent = bench.claim(who(4)).await.hold;
    bench.sent(sent).await;
    let mut ids: Vec<_> = letters.iter().map(|letter| letter.id).collect();
    ids.push(send("unknown", who(1)).id);
    let answers = [
        Cancelled::Done,
        Cancelled::Done,
        Cancelled::InHandOver,
        Cancelled::Ended(SendState::Sent),
        Cancelled::Ended(SendState::Cancelled),
        Cancelled::Unknown,
    ];
    for _ in 0..2 {
        let found = bench.backend.portable().depart(ids.clone()).await.expect("depart works");
        assert_eq!(found, answers, "also when asked again");
    }
    let stale = bench.store().finish(stale, accepted()).await.expect("finish works");
    assert_eq!(stale, vigie::store::Fenced::Stale);
    assert_eq!(bench.events(&letters[0]).await, ["accepted", "cancelled"]);
    bench.sent(begun).await;
    bench.counts().await;
}

pub(crate) async fn a_shut_store_stays_shut_until_it_is_reopened<P: Pair>() {
    let both = Move::<P>::new().await;
    let store = both.from.backend.portable();
    assert!(!store.is_shut().await.expect("is_shut works"));
    for _ in 0..2 {
        assert_eq!(store.shut().await.expect("shut works"), 0);
        assert!(store.is_shut().await.expect("is_shut works"));
    }
    for _ in 0..2 {
        store.reopen().await.expect("reopen works");
        assert!(!store.is_shut().await.expect("is_shut works"));
    }
}
