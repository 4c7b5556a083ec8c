//! What time brings.

use std::time::Duration;

use vigie::model::{
    CaseSpec, Cause, ClaimId, Deferral, Finish, FlowSetting, Leaving, OnDeadline, SendSpec, SendState,
};
use vigie::store::{Fenced, Ticked};

use super::bench::{Backend, Bench, case_of, references, send, who};
use super::flows::{paused, scope};

const HOUR: Duration = Duration::from_hours(1);
const GAP: Duration = Duration::from_mins(10);

fn until<B: Backend>(bench: &Bench<B>, reference: &str, n: u8, on_deadline: OnDeadline) -> SendSpec {
    SendSpec { deadline: Some(bench.later(HOUR)), on_deadline, ..send(reference, who(n)) }
}

pub(crate) async fn not_before_holds_until_its_moment<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let letter = SendSpec { not_before: Some(bench.later(HOUR)), ..send("s-1", who(1)) };
    bench.accept(&letter).await;
    bench.pass(HOUR.saturating_sub(Duration::from_millis(1)));
    assert!(bench.touch(who(1)).await.is_empty());
    bench.store().away(who(1), Leaving::Left).await.expect("away works");
    bench.pass(Duration::from_millis(1));
    assert!(bench.tick().await.claims.is_empty(), "nobody is there");
    assert_eq!(references(&bench.touch(who(1)).await), ["s-1"]);
}

pub(crate) async fn a_due_moment_claims_for_whoever_is_online<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let due = Some(bench.later(HOUR));
    for n in [1, 2] {
        bench.accept(&SendSpec { not_before: due, ..send(&format!("s-{n}"), who(n)) }).await;
    }
    bench.pass(HOUR.saturating_sub(Duration::from_mins(1)));
    bench.touch(who(2)).await;
    bench.pass(Duration::from_mins(1));
    let claims = bench.tick().await.claims;
    assert_eq!((references(&claims), claims[0].cause), (vec!["s-2"], Cause::Time));
}

pub(crate) async fn a_deadline_sends_without_presence<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&until(&bench, "s-1", 1, OnDeadline::Send)).await;
    bench.pass(HOUR);
    let ticked = bench.tick().await;
    assert_eq!(references(&ticked.claims), ["s-1"]);
    assert!(ticked.claims[0].overdue && !ticked.more);
    assert_eq!(ticked.claims[0].cause, Cause::Time);
}

pub(crate) async fn a_deadline_hands_off_or_drops_even_in_a_paused_flow<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let handed = until(&bench, "handed", 1, OnDeadline::Handoff);
    let dropped = until(&bench, "dropped", 2, OnDeadline::Drop);
    bench.enqueue(&[handed.clone(), dropped.clone()]).await;
    bench.store().set_flow(scope(None), paused()).await.expect("set_flow works");
    bench.pass(HOUR);
    let ended = bench.tick().await.ended;
    assert_eq!(ended.len(), 2);
    assert!(ended.contains(&(handed.id, SendState::HandedOff)), "{ended:?}");
    assert!(ended.contains(&(dropped.id, SendState::Dropped)), "{ended:?}");
    assert_eq!(bench.events(&handed).await, ["accepted", "handed_off"]);
    bench.counts().await;
}

pub(crate) async fn a_deadline_waits_for_its_flow<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&until(&bench, "s-1", 1, OnDeadline::Send)).await;
    bench.store().set_flow(scope(None), paused()).await.expect("set_flow works");
    bench.pass(HOUR);
    assert!(bench.tick().await.claims.is_empty());
    let store = bench.store();
    let waiting = tokio::spawn(async move { store.due().await });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished(), "nothing to do while it is paused");
    bench.store().set_flow(scope(None), FlowSetting::default()).await.expect("set_flow works");
    waiting.await.expect("due returns at once");
    assert_eq!(references(&bench.tick().await.claims), ["s-1"]);
}

pub(crate) async fn a_deadline_waits_for_a_setting_to_end<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&until(&bench, "s-1", 1, OnDeadline::Send)).await;
    let setting = FlowSetting { until: Some(bench.later(2 * HOUR)), ..paused() };
    bench.store().set_flow(scope(None), setting).await.expect("set_flow works");
    bench.pass(HOUR);
    assert!(bench.tick().await.claims.is_empty());
    let store = bench.store();
    let waiting = tokio::spawn(async move { store.due().await });
    tokio::task::yield_now().await;
    bench.pass(HOUR);
    waiting.await.expect("due returns when the setting ends");
    assert_eq!(references(&bench.tick().await.claims), ["s-1"]);
}

pub(crate) async fn a_deadline_waits_for_the_gap<B: Backend>() {
    let bench = Bench::<B>::with(|rules| rules.min_gap = GAP).await;
    bench.accept(&until(&bench, "late", 1, OnDeadline::Send)).await;
    bench.pass(HOUR.saturating_sub(Duration::from_mins(1)));
    bench.accept(&SendSpec { priority: 1, ..send("first", who(1)) }).await;
    let hold = bench.claim(who(1)).await.hold;
    bench.sent(hold).await;
    bench.pass(Duration::from_mins(1));
    assert!(bench.tick().await.claims.is_empty());
    bench.pass(GAP.saturating_sub(Duration::from_millis(60_001)));
    assert!(bench.tick().await.claims.is_empty());
    bench.pass(Duration::from_millis(1));
    assert_eq!(references(&bench.tick().await.claims), ["late"]);
}

pub(crate) async fn a_deadline_waits_for_the_claim_before_it<B: Backend>() {
    let bench = Bench::<B>::with(|rules| rules.min_gap = GAP).await;
    let letters = ["a", "b", "c"].map(|reference| until(&bench, reference, 1, OnDeadline::Send));
    bench.enqueue(&letters).await;
    bench.pass(HOUR);
    let first = bench.tick().await.claims;
    assert_eq!(references(&first), ["a"]);
    assert!(bench.tick().await.claims.is_empty());
    bench
        .store()
        .finish(first[0].hold, Finish::Rejected { reason: "550".into() })
        .await
        .expect("finish works");
    let second = bench.tick().await.claims;
    assert_eq!(references(&second), ["b"], "nothing was sent, so there is no gap");
    bench.sent(second[0].hold).await;
    assert!(bench.tick().await.claims.is_empty());
    bench.pass(GAP);
    assert_eq!(references(&bench.tick().await.claims), ["c"]);
}

pub(crate) async fn whoever_is_overdue_takes_turns<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let letters = [1, 2].map(|n| until(&bench, &format!("s-{n}"), n, OnDeadline::Send));
    bench.enqueue(&letters).await;
    bench.pass(HOUR);
    let turn = bench.later(GAP);
    for claim in bench.tick().await.claims {
        let queued = Finish::Queued { until: turn, reason: "in turn".into() };
        bench.store().finish(claim.hold, queued.clone()).await.expect("finish works");
        let again = bench.store().finish(claim.hold, queued).await.expect("finish works");
        assert_eq!(again, Fenced::Done, "said again it is the same");
    }
    assert!(bench.tick().await.claims.is_empty(), "it is nobody's turn");
    let there = bench.touch(who(2)).await;
    assert_eq!(references(&there), ["s-2"], "she is there");
    bench.sent(there[0].hold).await;
    bench.pass(GAP.saturating_sub(Duration::from_secs(1)));
    assert!(bench.tick().await.claims.is_empty(), "not yet");
    bench.pass(Duration::from_secs(1));
    let claims = bench.tick().await.claims;
    assert_eq!((references(&claims), claims[0].attempt), (vec!["s-1"], 1), "to wait is no attempt");
    assert_eq!(bench.events(&letters[0]).await, ["accepted", "claimed", "deferred", "claimed"]);
    bench.counts().await;
}

pub(crate) async fn a_claimed_send_is_left_alone_at_its_deadline<B: Backend>() {
    let bench = Bench::<B>::with(|rules| rules.lease = 2 * HOUR).await;
    let (kept, back) =
        (until(&bench, "kept", 1, OnDeadline::Drop), until(&bench, "back", 2, OnDeadline::Drop));
    bench.enqueue(&[kept.clone(), back.clone()]).await;
    let holds = [bench.claim(who(1)).await.hold, bench.claim(who(2)).await.hold];
    bench.pass(HOUR);
    assert!(bench.tick().await.ended.is_empty());
    bench.sent(holds[0]).await;
    let released = Finish::Released { reason: "shutdown".into() };
    bench.store().finish(holds[1], released).await.expect("finish works");
    assert_eq!(bench.tick().await.ended, [(back.id, SendState::Dropped)], "it ends once it is back");
    assert_eq!(bench.state(&kept).await, Some(SendState::Sent));
}

pub(crate) async fn a_deferral_beyond_the_deadline_goes_without_presence<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&until(&bench, "s-1", 1, OnDeadline::Send)).await;
    let hold = bench.claim(who(1)).await.hold;
    let deferral = Deferral { until: bench.later(2 * HOUR), reason: "451".into(), counts: true };
    bench.store().finish(hold, Finish::Deferred(deferral)).await.expect("finish works");
    bench.pass(HOUR);
    assert!(bench.tick().await.claims.is_empty(), "not before the re-arm");
    bench.pass(HOUR);
    assert_eq!(references(&bench.tick().await.claims), ["s-1"]);
}

pub(crate) async fn due_comes_at_the_earliest_moment<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&until(&bench, "late", 1, OnDeadline::Send)).await;
    let store = bench.store();
    let waiting = tokio::spawn(async move {
        loop {
            // It may return early.
            store.due().await;
            let claims = store.tick(ClaimId::random(), 1000).await.expect("tick works").claims;
            if !claims.is_empty() {
                return claims;
            }
        }
    });
    bench.pass(Duration::from_mins(1));
    tokio::task::yield_now().await;
    bench.accept(&SendSpec { deadline: Some(bench.later(GAP)), ..send("sooner", who(2)) }).await;
    bench.pass(GAP);
    assert_eq!(references(&waiting.await.expect("the sooner one wakes it")), ["sooner"]);
}

pub(crate) async fn a_tick_does_a_bounded_number<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let letters: Vec<_> = (0..5).map(|n| until(&bench, &format!("s-{n}"), n, OnDeadline::Send)).collect();
    bench.enqueue(&letters).await;
    bench.pass(HOUR);
    let mut claimed = Vec::new();
    loop {
        let ticked = bench.store().tick(ClaimId::random(), 2).await.expect("tick works");
        assert!(ticked.claims.len() <= 2, "{ticked:?}");
        claimed.push(ticked.claims.len());
        // With several partitions it may turn out that nothing more is due.
        assert!(ticked.more || claimed.iter().sum::<usize>() == 5, "{claimed:?}");
        if !ticked.more {
            break;
        }
    }
    assert_eq!(claimed.iter().sum::<usize>(), 5);
}

pub(crate) async fn a_repeated_tick_gets_the_same_claims<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.enqueue(&[until(&bench, "a", 1, OnDeadline::Send), until(&bench, "b", 2, OnDeadline::Send)]).await;
    bench.pass(HOUR);
    let (request, first) = loop {
        bench.due().await;
        let request = ClaimId::random();
        let first = bench.store().tick(request, 1).await.expect("tick works").claims;
        // Of several partitions one may turn out to have nothing.
        if !first.is_empty() {
            break (request, first);
        }
    };
    let again = bench.store().tick(request, 1).await.expect("tick works").claims;
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].hold, again[0].hold);
    assert_eq!(bench.counts().await.states[1], 1);
}

pub(crate) async fn a_lapsed_send_is_not_claimed_before_the_tick<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let letter = until(&bench, "s-1", 1, OnDeadline::Handoff);
    bench.accept(&letter).await;
    bench.pass(HOUR);
    assert!(bench.touch(who(1)).await.is_empty());
    assert_eq!(bench.tick().await.ended, [(letter.id, SendState::HandedOff)]);
}

/// How late what a tick did was, in whole seconds.
fn late(ticked: &Ticked) -> Vec<u64> {
    ticked.late.iter().map(Duration::as_secs).collect()
}

pub(crate) async fn what_time_brings_is_late_from_its_moment_on<B: Backend>() {
    const LEASE: Duration = Duration::from_mins(1);
    let bench = Bench::<B>::with(|rules| rules.lease = LEASE).await;
    let goes = until(&bench, "goes", 1, OnDeadline::Send);
    bench.enqueue(&[goes, until(&bench, "leaves", 2, OnDeadline::Handoff)]).await;
    let case = case_of("demo", "7", who(3), "100");
    let case = CaseSpec { deadline: Some(bench.later(HOUR)), ..case };
    bench.store().put_cases(vec![case]).await.pop().expect("an answer").expect("put_cases works");
    assert!(bench.tick().await.late.is_empty(), "nothing has come yet");
    bench.pass(HOUR + Duration::from_secs(5));
    assert_eq!(late(&bench.tick().await), [5, 5, 5]);
    bench.pass(LEASE + Duration::from_secs(2));
    let ticked = bench.tick().await;
    assert_eq!((late(&ticked), ticked.expired.len()), (vec![2], 1), "a lease that began at the tick before");
}

pub(crate) async fn what_was_held_back_is_not_late<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.store().set_flow(scope(None), paused()).await.expect("set_flow works");
    let past = bench.now();
    bench.accept(&until(&bench, "held", 1, OnDeadline::Send)).await;
    bench.pass(HOUR);
    assert_eq!(late(&bench.tick().await), [0], "it was looked at in time");
    bench.pass(HOUR);
    let lapsed =
        SendSpec { deadline: Some(past), on_deadline: OnDeadline::Handoff, ..send("lapsed", who(2)) };
    bench.accept(&lapsed).await;
    bench.pass(Duration::from_secs(3));
    assert_eq!(late(&bench.tick().await), [3], "it came with its deadline passed");
    bench.store().set_flow(scope(None), FlowSetting::default()).await.expect("set_flow works");
    let ticked = bench.tick().await;
    assert_eq!((references(&ticked.claims), late(&ticked)), (vec!["held"], vec![]), "its flow held it back");
}
