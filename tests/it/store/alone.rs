//! A store that belongs to one process: whoever opens it knows that all holders are dead.

use std::time::Duration;

use vigie::model::{OnUncertain, SendSpec, SendState};
use vigie::store::Fenced;

use super::bench::{Backend, Bench, accepted, references, send, who};

pub(crate) async fn a_crash_frees_claims_and_leaves_doubt_after_begin<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    let (claimed, begun) = (send("claimed", who(1)), send("begun", who(2)));
    bench.enqueue(&[claimed.clone(), begun.clone()]).await;
    let first = bench.claim(who(1)).await.hold;
    let hold = bench.claim(who(2)).await.hold;
    assert_eq!(bench.store().begin(hold).await.expect("begin works"), Fenced::Done);
    bench.backend.crash().await;
    assert_eq!(bench.state(&begun).await, Some(SendState::Uncertain));
    assert_eq!(bench.events(&begun).await, ["accepted", "claimed", "uncertain"]);
    let record = bench.store().send(begun.id).await.expect("send works").expect("known");
    assert_eq!(record.history[2].detail, "restart");
    assert_eq!(bench.store().finish(hold, accepted()).await.expect("finish works"), Fenced::Stale);
    assert_eq!(bench.store().begin(first).await.expect("begin works"), Fenced::Stale);
    assert_eq!(references(&bench.touch(who(1)).await), ["claimed"], "no lease is waited for");
    assert_eq!(bench.events(&claimed).await, ["accepted", "claimed", "released", "claimed"]);
    bench.counts().await;
}

pub(crate) async fn a_crash_sends_again_where_the_brand_wants_it<B: Backend>() {
    let mut bench = Bench::<B>::with(|rules| rules.max_attempts = 2).await;
    let mut letter = send("s-1", who(1));
    letter.on_uncertain = OnUncertain::Resend;
    bench.accept(&letter).await;
    for attempt in 1..=3 {
        let claim = bench.claim(who(1)).await;
        assert_eq!(claim.attempt, attempt);
        bench.store().begin(claim.hold).await.expect("begin works");
        bench.backend.crash().await;
        assert!(bench.touch(who(1)).await.is_empty(), "not within a lease");
        bench.pass(Duration::from_mins(1));
    }
    assert_eq!(bench.state(&letter).await, Some(SendState::Uncertain), "but not for ever");
}

pub(crate) async fn due_sleeps_until_the_earliest_moment<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench
        .accept(&SendSpec { deadline: Some(bench.later(Duration::from_hours(1))), ..send("late", who(1)) })
        .await;
    let store = bench.store();
    let waiting = tokio::spawn(async move { store.due().await });
    tokio::task::yield_now().await;
    bench.pass(Duration::from_mins(1));
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    bench
        .accept(&SendSpec { deadline: Some(bench.later(Duration::from_mins(10))), ..send("sooner", who(2)) })
        .await;
    bench.pass(Duration::from_mins(10));
    waiting.await.expect("the sooner one wakes it");
    assert_eq!(references(&bench.tick().await.claims), ["sooner"]);
}

pub(crate) async fn due_comes_for_a_purge<B: Backend>() {
    let bench = Bench::<B>::with(|rules| rules.keep_finished = Duration::from_hours(2)).await;
    let letter = send("s-1", who(1));
    bench.accept(&letter).await;
    let hold = bench.claim(who(1)).await.hold;
    bench.sent(hold).await;
    bench.pass(Duration::from_hours(2) - Duration::from_millis(1));
    bench.tick().await;
    let store = bench.store();
    let waiting = tokio::spawn(async move { store.due().await });
    tokio::task::yield_now().await;
    bench.pass(Duration::from_millis(1));
    waiting.await.expect("a purge is due");
}

pub(crate) async fn beyond_max_online_signals_claim_but_are_not_remembered<B: Backend>() {
    let bench = Bench::<B>::with(|rules| rules.max_online = 2).await;
    bench.accept(&send("s-3", who(3))).await;
    for n in 1..=2 {
        bench.touch(who(n)).await;
    }
    assert_eq!(references(&bench.touch(who(3)).await), ["s-3"]);
    assert!(bench.accept(&send("again", who(3))).await.is_none(), "not remembered");
    assert_eq!(bench.store().snapshot().await.expect("snapshot works").online, 2);
}
