//! What a stop leaves, gentle or not.

use std::time::Duration;

use vigie::model::{ClaimId, Deferral, Finish, Hold, SendState, Worth};
use vigie::store::{Enqueued, Fenced, Ignored, StoreError, Touch};

use super::bench::{Backend, Bench, accepted, references, send, signal, who};
use super::flows::{paused, scope};

async fn survives<B: Backend>(kill: bool) {
    let mut bench = Bench::<B>::new().await;
    let mut letter = send("waiting", who(1));
    letter.case = Some("7".into());
    bench.enqueue(&[letter.clone(), send("sent", who(2)), send("deferred", who(3))]).await;
    let hold = bench.claim(who(2)).await.hold;
    bench.sent(hold).await;
    let hold = bench.claim(who(3)).await.hold;
    let until = bench.later(Duration::from_hours(1));
    let deferral = Deferral { until, reason: "451".into(), counts: true };
    bench.store().finish(hold, Finish::Deferred(deferral)).await.expect("finish works");
    bench.store().consent(super::consent::said(who(1), true, bench.now())).await.expect("consent works");
    bench.store().set_flow(scope(Some("wave")), paused()).await.expect("set_flow works");
    let before = [&letter, &send("sent", who(2)), &send("deferred", who(3))].map(|send| send.id);
    let mut records = Vec::new();
    for id in before {
        records.push(bench.store().send(id).await.expect("send works"));
    }
    if kill {
        bench.backend.crash().await;
    } else {
        bench.backend.reopen().await;
    }
    for (id, record) in before.into_iter().zip(records) {
        assert_eq!(bench.store().send(id).await.expect("send works"), record);
    }
    assert_eq!(bench.store().person(who(1)).await.expect("person works").consents.len(), 1);
    let flows = bench.store().flows().borrow().clone();
    assert_eq!(flows.settings.get(&scope(Some("wave"))), Some(&paused()));
    assert!(matches!(bench.enqueue(&[send("sent", who(2))]).await[..], [Enqueued::Same]));
    let settled = bench.store().settle(&letter.brand, "7", "").await.expect("settle works");
    assert_eq!(settled.cancelled, 1);
    bench.pass(Duration::from_hours(1));
    assert_eq!(bench.claim(who(3)).await.attempt, 2);
}

pub(crate) async fn everything_survives_a_clean_stop<B: Backend>() {
    survives::<B>(false).await;
}

pub(crate) async fn everything_survives_a_crash<B: Backend>() {
    survives::<B>(true).await;
}

pub(crate) async fn the_gap_and_the_grace_survive_a_crash<B: Backend>() {
    let (gap, grace) = (Duration::from_mins(10), Duration::from_mins(1));
    let mut bench = Bench::<B>::with(|rules| (rules.min_gap, rules.recent) = (gap, grace)).await;
    bench.enqueue(&[send("a", who(1)), send("b", who(1))]).await;
    let hold = bench.claim(who(1)).await.hold;
    bench.sent(hold).await;
    bench.backend.crash().await;
    let worth = Worth { fires: Some(grace), ..Worth::default() };
    let scan = Touch { about: Some(hold.send), worth, ..signal(who(1)) };
    let touched = bench.store().touch(scan).await.expect("touch works");
    assert_eq!(touched.ignored, Some(Ignored::TooYoung));
    assert!(bench.touch(who(1)).await.is_empty());
    bench.pass(gap);
    assert_eq!(references(&bench.touch(who(1)).await), ["b"]);
}

pub(crate) async fn a_repeated_finish_is_recognised_after_a_crash<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    bench.enqueue(&[send("sent", who(1)), send("deferred", who(2))]).await;
    let sent = bench.claim(who(1)).await.hold;
    let later = bench.claim(who(2)).await.hold;
    bench.store().begin(sent).await.expect("begin works");
    bench.sent(sent).await;
    let deferral = Deferral { until: bench.now(), reason: "451".into(), counts: true };
    let deferral = Finish::Deferred(deferral);
    bench.store().finish(later, deferral.clone()).await.expect("finish works");
    bench.backend.crash().await;
    let finish = async |hold: Hold, finish| bench.store().finish(hold, finish).await.expect("finish works");
    assert_eq!(finish(sent, accepted()).await, Fenced::Done);
    assert_eq!(finish(later, deferral).await, Fenced::Done);
    assert_eq!(finish(sent, Finish::Rejected { reason: String::new() }).await, Fenced::Stale);
    assert_eq!(bench.store().begin(sent).await.expect("begin works"), Fenced::Done);
}

pub(crate) async fn counters_survive_and_stay_conserved<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    let letters: Vec<_> = (0..20).map(|n| send(&format!("s-{n}"), who(n))).collect();
    bench.enqueue(&letters).await;
    for n in 0..10 {
        let hold = bench.claim(who(n)).await.hold;
        if n % 2 == 0 {
            bench.sent(hold).await;
        }
    }
    let before = bench.counts().await;
    bench.backend.crash().await;
    let after = bench.counts().await;
    assert_eq!(after.accepted, before.accepted);
    assert_eq!(after.states[2..], before.states[2..]);
    let back = if B::HABITS.holders_die_with_store { (15, 0) } else { (10, 5) };
    assert_eq!((after.states[0], after.states[1]), back, "claims came back where their holders are dead");
    bench.backend.reopen().await;
    assert_eq!(bench.counts().await, after);
}

pub(crate) async fn a_closed_store_is_unavailable<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let store = bench.store();
    store.close().await.expect("it closes");
    store.close().await.expect("twice");
    let unavailable = |error| assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    unavailable(store.touch(signal(who(1))).await.expect_err("closed"));
    unavailable(
        store
            .enqueue(ClaimId::random(), vec![send("a", who(1))], vigie::store::Wait::Stored)
            .await
            .expect_err("closed"),
    );
    unavailable(store.snapshot().await.expect_err("closed"));
}

pub(crate) async fn finished_sends_are_purged_in_time<B: Backend>() {
    let bench = Bench::<B>::with(|rules| rules.keep_finished = Duration::from_hours(2)).await;
    let letter = send("s-1", who(1));
    bench.accept(&letter).await;
    let hold = bench.claim(who(1)).await.hold;
    bench.sent(hold).await;
    bench.pass(Duration::from_hours(2) - Duration::from_millis(1));
    bench.tick().await;
    assert_eq!(bench.state(&letter).await, Some(SendState::Sent), "kept as long as was promised");
    bench.pass(Duration::from_secs(1));
    bench.tick().await;
    // The purge happens behind the tick, before whatever is accepted next.
    bench.accept(&send("next", who(2))).await;
    assert_eq!(bench.state(&letter).await, None);
    assert!(bench.accept(&letter).await.is_none(), "its id is free again");
    assert_eq!(bench.counts().await.states[SendState::Sent as usize], 1, "and still counted");
}
