//! Cancelling, settling, forgetting.

use vigie::model::{Finish, SendState};
use vigie::store::{Cancelled, Fenced, Settled};

use super::bench::{Backend, Bench, accepted, send, send_of, who};

pub(crate) async fn a_cancelled_send_never_goes<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let letter = send("s-1", who(1));
    bench.accept(&letter).await;
    for _ in 0..2 {
        assert_eq!(bench.store().cancel(letter.id, "paid").await.expect("cancel works"), Cancelled::Done);
    }
    assert!(bench.touch(who(1)).await.is_empty());
    let record = bench.store().send(letter.id).await.expect("send works").expect("known");
    assert_eq!((record.state, record.spec), (SendState::Cancelled, None));
    let unknown = bench.store().cancel(send("unknown", who(1)).id, "").await.expect("cancel works");
    assert_eq!(unknown, Cancelled::Unknown);
}

pub(crate) async fn a_cancel_makes_a_claim_stale<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let letter = send("s-1", who(1));
    bench.accept(&letter).await;
    let hold = bench.claim(who(1)).await.hold;
    assert_eq!(bench.store().cancel(letter.id, "paid").await.expect("cancel works"), Cancelled::Done);
    assert_eq!(bench.store().begin(hold).await.expect("begin works"), Fenced::Stale);
    assert_eq!(bench.store().finish(hold, accepted()).await.expect("finish works"), Fenced::Stale);
    assert_eq!(bench.store().renew(&[hold]).await.expect("renew works"), [Fenced::Stale]);
    assert_eq!(bench.state(&letter).await, Some(SendState::Cancelled));
}

pub(crate) async fn a_cancel_after_begin_comes_too_late<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let letter = send("s-1", who(1));
    bench.accept(&letter).await;
    let hold = bench.claim(who(1)).await.hold;
    bench.store().begin(hold).await.expect("begin works");
    let answer = bench.store().cancel(letter.id, "paid").await.expect("cancel works");
    assert_eq!(answer, Cancelled::InHandOver);
    bench.sent(hold).await;
    assert_eq!(bench.state(&letter).await, Some(SendState::Sent));
}

pub(crate) async fn a_cancel_of_what_ended_says_how<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let letter = send("s-1", who(1));
    bench.accept(&letter).await;
    let hold = bench.claim(who(1)).await.hold;
    bench.sent(hold).await;
    let answer = bench.store().cancel(letter.id, "paid").await.expect("cancel works");
    assert_eq!(answer, Cancelled::Ended(SendState::Sent));
}

pub(crate) async fn a_settled_case_cancels_its_sends_and_no_other<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let of_case = |brand: &str, reference: &str, case: &str, n| {
        let mut letter = send_of(brand, reference, who(n));
        letter.case = Some(case.into());
        letter
    };
    let waiting = of_case("demo", "waiting", "7", 1);
    let claimed = of_case("demo", "claimed", "7", 2);
    let leaving = of_case("demo", "leaving", "7", 3);
    let others = [of_case("demo", "other", "77", 4), of_case("rival", "rival", "7", 5), send("none", who(6))];
    bench.enqueue(&[waiting.clone(), claimed.clone(), leaving.clone()]).await;
    bench.enqueue(&others).await;
    let stale = bench.claim(who(2)).await.hold;
    let hold = bench.claim(who(3)).await.hold;
    bench.store().begin(hold).await.expect("begin works");
    let settle =
        || async { bench.store().settle(&waiting.brand, "7", "settled").await.expect("settle works") };
    let ended = |cancelled, in_hand_over| Settled { cancelled, in_hand_over, state: None };
    assert_eq!(settle().await, ended(2, 1));
    assert_eq!(settle().await, ended(0, 1));
    assert_eq!(bench.store().begin(stale).await.expect("begin works"), Fenced::Stale);
    for other in &others {
        assert_eq!(bench.state(other).await, Some(SendState::Waiting), "{}", other.reference);
    }
    let released = Finish::Released { reason: "watchdog".into() };
    bench.store().finish(hold, released).await.expect("finish works");
    assert_eq!(bench.state(&leaving).await, Some(SendState::Cancelled), "it does not wait again");
    assert_eq!(settle().await, ended(0, 0));
    bench.counts().await;
}

pub(crate) async fn forgetting_a_person_leaves_nothing<B: Backend>() {
    let bench = Bench::<B>::with(|rules| {
        rules.claims_per_touch = 1;
        rules.min_gap = std::time::Duration::from_mins(10);
    })
    .await;
    bench.enqueue(&["sent", "waiting", "later"].map(|reference| send(reference, who(1)))).await;
    let bystander = send("bystander", who(2));
    bench.accept(&bystander).await;
    let hold = bench.claim(who(1)).await.hold;
    bench.sent(hold).await;
    bench.store().consent(super::consent::said(who(1), true, bench.now())).await.expect("consent works");
    let before = bench.store().person(who(1)).await.expect("person works");
    assert_eq!((before.waiting.len(), before.consents.len(), before.last_sent()), (2, 1, Some(bench.now())));
    let forgotten = bench.store().forget(who(1)).await.expect("forget works");
    assert_eq!((forgotten.sends, forgotten.in_hand_over, forgotten.consents), (2, 0, 1));
    assert!(forgotten.presence);
    let after = bench.store().person(who(1)).await.expect("person works");
    assert!(after.waiting.is_empty() && after.consents.is_empty(), "{after:?}");
    assert_eq!((after.online, after.last_sent()), (None, None));
    assert_eq!(bench.state(&bystander).await, Some(SendState::Waiting));
    let again = bench.store().forget(who(1)).await.expect("forget works");
    assert_eq!(again, vigie::store::Forgotten::default());
}

pub(crate) async fn a_forgotten_send_in_hand_over_ends_and_keeps_nothing<B: Backend>() {
    let bench = Bench::<B>::with(|rules| rules.min_gap = std::time::Duration::from_mins(10)).await;
    let (sent, back) = (send("sent", who(1)), send("back", who(2)));
    bench.enqueue(&[sent.clone(), back.clone()]).await;
    let holds = [bench.claim(who(1)).await.hold, bench.claim(who(2)).await.hold];
    for (n, hold) in [(1, holds[0]), (2, holds[1])] {
        bench.store().begin(hold).await.expect("begin works");
        assert_eq!(bench.store().forget(who(n)).await.expect("forget works").in_hand_over, 1);
    }
    let record = bench.store().send(sent.id).await.expect("send works").expect("known");
    assert_eq!((record.state, record.spec), (SendState::Claimed, None), "the payload is gone already");
    bench.sent(holds[0]).await;
    assert_eq!(bench.store().person(who(1)).await.expect("person works").last_sent(), None);
    let released = Finish::Released { reason: "cut before the dot".into() };
    bench.store().finish(holds[1], released).await.expect("finish works");
    assert_eq!(bench.state(&back).await, Some(SendState::Cancelled), "nothing more goes to the forgotten");
    bench.counts().await;
}
