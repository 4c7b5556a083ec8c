//! Accepting sends, and claiming them.

use vigie::model::{Cause, ClaimId, Leaving, SendState};
use vigie::store::{Enqueued, Fenced};

use super::bench::{Backend, Bench, references, send, signal, who};

pub(crate) async fn a_new_send_waits<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let mut letter = send("s-1", who(1));
    letter.campaign = Some(super::bench::name("wave"));
    assert!(bench.accept(&letter).await.is_none(), "nobody is online");
    let record = bench.store().send(letter.id).await.expect("send works").expect("it is known");
    assert_eq!((record.state, record.attempts, record.due), (SendState::Waiting, 0, None));
    assert_eq!(record.spec.as_ref(), Some(&letter), "what was asked for is kept word for word");
    assert_eq!((record.reference, record.campaign), (letter.reference.clone(), letter.campaign.clone()));
    assert_eq!(bench.events(&letter).await, ["accepted"]);
    assert_eq!((bench.counts().await.accepted, bench.counts().await.states[0]), (1, 1));
}

pub(crate) async fn the_same_send_again_is_the_same<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let letter = send("s-1", who(1));
    let twice = bench.enqueue(&[letter.clone(), letter.clone()]).await;
    assert!(matches!(twice[..], [Enqueued::New(None), Enqueued::Same]), "{twice:?}");
    assert!(matches!(bench.enqueue(std::slice::from_ref(&letter)).await[..], [Enqueued::Same]));
    let hold = bench.claim(who(1)).await.hold;
    bench.sent(hold).await;
    assert!(matches!(bench.enqueue(&[letter]).await[..], [Enqueued::Same]), "its id stays taken");
    assert_eq!(bench.counts().await.accepted, 1);
}

pub(crate) async fn another_body_under_the_same_id_is_a_conflict<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let letter = send("s-1", who(1));
    let mut other = send("s-1", who(2));
    other.digest = "another".into();
    let answers = bench.enqueue(&[letter.clone(), other.clone()]).await;
    assert!(matches!(answers[..], [Enqueued::New(None), Enqueued::Conflict]), "{answers:?}");
    assert!(matches!(bench.enqueue(&[other]).await[..], [Enqueued::Conflict]));
    assert!(bench.touch(who(2)).await.is_empty(), "nothing changed");
}

pub(crate) async fn a_touch_claims_what_waits<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let letter = send("s-1", who(1));
    bench.accept(&letter).await;
    let request = signal(who(1));
    let touched = bench.store().touch(request.clone()).await.expect("touch works");
    let [claim] = &touched.claims[..] else { panic!("one claim, not {touched:?}") };
    assert_eq!((claim.hold.send, claim.hold.claim), (letter.id, request.request));
    assert_eq!((claim.cause, claim.attempt, claim.overdue), (Cause::Touch, 1, false));
    assert_eq!(*claim.spec, letter);
    assert_eq!(bench.state(&letter).await, Some(SendState::Claimed));
    assert!(bench.touch(who(1)).await.is_empty(), "it is claimed once");
    assert_eq!(bench.events(&letter).await, ["accepted", "claimed"]);
}

pub(crate) async fn a_touch_claims_only_its_own_persons_sends<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.enqueue(&[send("a", who(1)), send("b", who(2)), send("c", who(3))]).await;
    assert_eq!(references(&bench.touch(who(2)).await), ["b"]);
    assert!(bench.touch(who(4)).await.is_empty());
}

pub(crate) async fn an_enqueue_to_somebody_online_comes_back_claimed<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.touch(who(1)).await;
    let letter = send("s-1", who(1));
    let claim = bench.accept(&letter).await.expect("claimed at once");
    assert_eq!((claim.cause, claim.attempt), (Cause::Enqueue, 1));
    assert_eq!(bench.store().begin(claim.hold).await.expect("begin works"), Fenced::Done);
    bench.sent(claim.hold).await;
    assert_eq!(bench.state(&letter).await, Some(SendState::Sent));
}

pub(crate) async fn a_repeated_touch_gets_the_same_claims<B: Backend>() {
    let bench = Bench::<B>::with(|rules| rules.claims_per_touch = 1).await;
    bench.enqueue(&[send("a", who(1)), send("b", who(1))]).await;
    let request = signal(who(1));
    let first = bench.store().touch(request.clone()).await.expect("touch works").claims;
    let again = bench.store().touch(request).await.expect("touch works").claims;
    assert_eq!((references(&first), references(&again)), (vec!["a"], vec!["a"]));
    assert_eq!(first[0].hold, again[0].hold);
    assert_eq!(bench.counts().await.states[1], 1, "nothing more is claimed");
}

pub(crate) async fn a_repeated_enqueue_gets_the_same_claim<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.touch(who(1)).await;
    let letter = send("s-1", who(1));
    let request = ClaimId::random();
    for _ in 0..2 {
        let answers = bench
            .store()
            .enqueue(request, vec![letter.clone(), letter.clone()], vigie::store::Wait::Stored)
            .await;
        let answers = answers.expect("enqueue works");
        assert!(matches!(answers[..], [Enqueued::New(Some(_)), Enqueued::Same]), "{answers:?}");
    }
    let other = bench.enqueue(&[letter]).await;
    assert!(matches!(other[..], [Enqueued::Same]), "another request gets no claim: {other:?}");
}

pub(crate) async fn priority_then_deadline_then_arrival<B: Backend>() {
    let bench = Bench::<B>::with(|rules| rules.claims_per_touch = 10).await;
    let hours = |hours| Some(bench.later(std::time::Duration::from_hours(hours)));
    let ranked = |reference, priority, deadline, campaign: &str| {
        let mut letter = send(reference, who(1));
        letter.campaign = Some(super::bench::name(campaign));
        (letter.priority, letter.deadline) = (priority, deadline);
        letter
    };
    bench
        .enqueue(&[
            ranked("5-none", 0, None, "x"),
            ranked("6-none-later", 0, None, "y"),
            ranked("4-late", 0, hours(9), "y"),
            ranked("3-soon", 0, hours(2), "x"),
            ranked("1-urgent", i16::MAX, None, "y"),
            ranked("7-idle", i16::MIN, hours(1), "x"),
            ranked("2-high", 1, None, "x"),
        ])
        .await;
    let shown = bench.store().person(who(1)).await.expect("person works").waiting;
    let shown: Vec<_> = shown.iter().map(|record| record.reference.as_str()).collect();
    let order = ["1-urgent", "2-high", "3-soon", "4-late", "5-none", "6-none-later", "7-idle"];
    assert_eq!(shown, order);
    assert_eq!(references(&bench.touch(who(1)).await), order);
}

pub(crate) async fn one_touch_claims_a_bounded_number<B: Backend>() {
    let bench = Bench::<B>::with(|rules| rules.claims_per_touch = 2).await;
    bench.enqueue(&[send("a", who(1)), send("b", who(1)), send("c", who(1))]).await;
    assert_eq!(references(&bench.touch(who(1)).await), ["a", "b"]);
    assert_eq!(references(&bench.touch(who(1)).await), ["c"]);
    let many: Vec<_> = ["d", "e", "f"].map(|reference| send(reference, who(1))).into();
    let claimed = bench.enqueue(&many).await;
    let claimed = claimed.iter().filter(|answer| matches!(answer, Enqueued::New(Some(_)))).count();
    assert_eq!(claimed, 2, "nor does one enqueue");
}

pub(crate) async fn beyond_the_bound_sends_are_refused_one_by_one<B: Backend>() {
    let bench = Bench::<B>::with(|rules| rules.max_waiting = 2 * u64::from(B::HABITS.partitions)).await;
    let answers = bench.enqueue(&[send("a", who(1)), send("b", who(1)), send("c", who(1))]).await;
    assert!(matches!(answers[..], [Enqueued::New(_), Enqueued::New(_), Enqueued::Full]), "{answers:?}");
    assert!(
        matches!(bench.enqueue(&[send("a", who(1))]).await[..], [Enqueued::Same]),
        "known ones are known"
    );
    bench.store().cancel(send("a", who(1)).id, "").await.expect("cancel works");
    assert!(
        matches!(bench.enqueue(&[send("c", who(1))]).await[..], [Enqueued::New(_)]),
        "there is room again"
    );
}

pub(crate) async fn away_ends_presence<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.touch(who(1)).await;
    assert!(bench.store().person(who(1)).await.expect("person works").online.is_some());
    bench.store().away(who(1), Leaving::Left).await.expect("away works");
    assert!(bench.accept(&send("s-1", who(1))).await.is_none());
    assert!(bench.store().person(who(1)).await.expect("person works").online.is_none());
    bench.store().away(who(1), Leaving::Left).await.expect("away of the absent works");
}
