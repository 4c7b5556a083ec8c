//! Holding a claim, ending it, losing it.

use std::time::Duration;

use vigie::model::{Cause, ClaimId, Deferral, Finish, Hold, Leaving, OnUncertain, SendState};
use vigie::store::Fenced;

use super::bench::{Backend, Bench, accepted, send, who};

async fn finish<B: Backend>(bench: &Bench<B>, hold: Hold, finish: Finish) -> Fenced {
    bench.store().finish(hold, finish).await.expect("finish works")
}

async fn begin<B: Backend>(bench: &Bench<B>, hold: Hold) -> Fenced {
    bench.store().begin(hold).await.expect("begin works")
}

fn deferred<B: Backend>(bench: &Bench<B>, seconds: u64, counts: bool) -> Finish {
    let until = bench.later(Duration::from_secs(seconds));
    Finish::Deferred(Deferral { until, reason: "451 later".into(), counts })
}

pub(crate) async fn an_accepted_send_is_sent_and_keeps_nothing_personal<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let mut letter = send("s-1", who(1));
    letter.case = Some("case-7".into());
    bench.accept(&letter).await;
    let hold = bench.claim(who(1)).await.hold;
    assert_eq!(begin(&bench, hold).await, Fenced::Done);
    let record = bench.store().send(letter.id).await.expect("send works").expect("known");
    assert!(record.handing_over);
    let reply = "250 ok marie@example.org".to_owned();
    assert_eq!(finish(&bench, hold, Finish::Accepted { reply, provider: None }).await, Fenced::Done);
    let record = bench.store().send(letter.id).await.expect("send works").expect("known");
    assert_eq!((record.state, record.sent_at, record.spec), (SendState::Sent, Some(bench.now()), None));
    assert!(!record.handing_over);
    assert!(record.history.iter().all(|line| !line.detail.contains('@')), "no address: {:?}", record.history);
    assert_eq!(bench.events(&letter).await, ["accepted", "claimed", "sent"]);
}

pub(crate) async fn a_repeated_finish_is_done_and_another_is_stale<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.enqueue(&[send("a", who(1)), send("b", who(2))]).await;
    let sent = bench.claim(who(1)).await.hold;
    let later = bench.claim(who(2)).await.hold;
    let deferral = deferred(&bench, 90, true);
    for _ in 0..2 {
        assert_eq!(finish(&bench, sent, accepted()).await, Fenced::Done);
        assert_eq!(finish(&bench, later, deferral.clone()).await, Fenced::Done);
    }
    let other = Finish::Rejected { reason: "550".into() };
    assert_eq!(finish(&bench, sent, other.clone()).await, Fenced::Stale);
    assert_eq!(finish(&bench, later, other).await, Fenced::Stale);
    let record = bench.store().send(later.send).await.expect("send works").expect("known");
    assert_eq!((record.state, record.attempts), (SendState::Waiting, 1), "counted once");
    assert_eq!(record.due, Some(bench.later(Duration::from_secs(90))));
}

pub(crate) async fn a_stale_hold_changes_nothing<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let letter = send("s-1", who(1));
    bench.accept(&letter).await;
    let unclaimed = Hold { send: letter.id, claim: ClaimId::random(), recipient: who(1) };
    assert_eq!(begin(&bench, unclaimed).await, Fenced::Stale);
    let hold = bench.claim(who(1)).await.hold;
    let strangers = [unclaimed, Hold { send: send("unknown", who(1)).id, ..hold }];
    for stale in strangers {
        assert_eq!(begin(&bench, stale).await, Fenced::Stale);
        assert_eq!(finish(&bench, stale, accepted()).await, Fenced::Stale);
    }
    let renewed = bench.store().renew(&[strangers[0], hold, strangers[1]]).await.expect("renew works");
    assert_eq!(renewed, [Fenced::Stale, Fenced::Done, Fenced::Stale]);
    assert_eq!(bench.state(&letter).await, Some(SendState::Claimed));
}

pub(crate) async fn a_repeated_begin_is_done<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&send("s-1", who(1))).await;
    let hold = bench.claim(who(1)).await.hold;
    for _ in 0..2 {
        assert_eq!(begin(&bench, hold).await, Fenced::Done);
    }
    bench.sent(hold).await;
    assert_eq!(begin(&bench, hold).await, Fenced::Done, "a late copy of the same call");
}

pub(crate) async fn a_released_send_can_be_claimed_at_once<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let letter = send("s-1", who(1));
    bench.accept(&letter).await;
    let hold = bench.claim(who(1)).await.hold;
    let released = Finish::Released { reason: "shutdown".into() };
    assert_eq!(finish(&bench, hold, released).await, Fenced::Done);
    let again = bench.claim(who(1)).await;
    assert_eq!(again.attempt, 1, "it does not count");
    assert_ne!(again.hold, hold);
    assert_eq!(begin(&bench, hold).await, Fenced::Stale);
    assert_eq!(bench.events(&letter).await, ["accepted", "claimed", "released", "claimed"]);
}

pub(crate) async fn a_rejected_send_has_failed<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let letter = send("s-1", who(1));
    bench.accept(&letter).await;
    let hold = bench.claim(who(1)).await.hold;
    assert_eq!(finish(&bench, hold, Finish::Rejected { reason: "550".into() }).await, Fenced::Done);
    assert_eq!(bench.state(&letter).await, Some(SendState::Failed));
    assert!(bench.touch(who(1)).await.is_empty());
    assert_eq!(bench.counts().await.states[SendState::Failed as usize], 1);
}

pub(crate) async fn an_uncertain_send_is_held_or_sent_again<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let kept = send("kept", who(1));
    let mut resent = send("resent", who(2));
    resent.on_uncertain = OnUncertain::Resend;
    bench.enqueue(&[kept.clone(), resent.clone()]).await;
    for n in [1, 2] {
        let hold = bench.claim(who(n)).await.hold;
        begin(&bench, hold).await;
        assert_eq!(finish(&bench, hold, Finish::Uncertain { reason: "cut".into() }).await, Fenced::Done);
    }
    assert_eq!(bench.state(&kept).await, Some(SendState::Uncertain));
    assert!(bench.touch(who(2)).await.is_empty(), "not within a lease");
    let record = bench.store().send(resent.id).await.expect("send works").expect("known");
    assert_eq!((record.state, record.attempts), (SendState::Waiting, 1), "sending again counts");
}

pub(crate) async fn counting_deferrals_come_to_an_end<B: Backend>() {
    let bench = Bench::<B>::with(|rules| rules.max_attempts = 2).await;
    let letter = send("s-1", who(1));
    bench.accept(&letter).await;
    for (counts, attempt) in [(true, 1), (false, 2), (true, 2), (true, 3)] {
        let claim = bench.claim(who(1)).await;
        assert_eq!(claim.attempt, attempt);
        finish(&bench, claim.hold, deferred(&bench, 0, counts)).await;
    }
    let record = bench.store().send(letter.id).await.expect("send works").expect("known");
    assert_eq!((record.state, record.attempts), (SendState::Failed, 2));
}

pub(crate) async fn a_deferral_that_was_long_on_its_way_is_over_at_once<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let letter = send("s-1", who(1));
    bench.accept(&letter).await;
    let hold = bench.claim(who(1)).await.hold;
    finish(&bench, hold, deferred(&bench, 0, false)).await;
    let ticked = bench.tick().await;
    let [claim] = &ticked.claims[..] else {
        panic!("whoever is online waits for no other visit: {ticked:?}")
    };
    assert_eq!((claim.hold.send, claim.cause), (letter.id, Cause::Time));
    finish(&bench, claim.hold, deferred(&bench, 0, false)).await;
    bench.store().away(who(1), Leaving::Left).await.expect("away works");
    assert!(bench.tick().await.claims.is_empty(), "who is away waits for their next visit");
    bench.claim(who(1)).await;
}

pub(crate) async fn the_history_is_bounded<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let letter = send("s-1", who(1));
    bench.accept(&letter).await;
    for _ in 0..30 {
        let hold = bench.claim(who(1)).await.hold;
        finish(&bench, hold, deferred(&bench, 0, false)).await;
    }
    let hold = bench.claim(who(1)).await.hold;
    bench.sent(hold).await;
    let events = bench.events(&letter).await;
    assert!(events.len() <= 20, "{} lines", events.len());
    assert_eq!((events[0].as_str(), events.last().map(String::as_str)), ("accepted", Some("sent")));
}

pub(crate) async fn a_lease_that_runs_out_frees_the_send<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let letter = send("s-1", who(1));
    bench.accept(&letter).await;
    let hold = bench.claim(who(1)).await.hold;
    bench.pass(Duration::from_secs(30));
    assert_eq!(begin(&bench, hold).await, Fenced::Stale, "too late to begin");
    assert_eq!(bench.tick().await.expired, [(letter.id, SendState::Waiting)]);
    assert_eq!(finish(&bench, hold, accepted()).await, Fenced::Stale);
    assert_eq!(bench.claim(who(1)).await.attempt, 1);
    assert_eq!(bench.events(&letter).await, ["accepted", "claimed", "lease_expired", "claimed"]);
}

pub(crate) async fn a_lease_that_runs_out_after_begin_leaves_doubt<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let kept = send("kept", who(1));
    let mut resent = send("resent", who(2));
    resent.on_uncertain = OnUncertain::Resend;
    bench.enqueue(&[kept.clone(), resent.clone()]).await;
    let holds = [bench.claim(who(1)).await.hold, bench.claim(who(2)).await.hold];
    for hold in holds {
        begin(&bench, hold).await;
    }
    bench.pass(Duration::from_secs(30));
    let expired = bench.tick().await.expired;
    assert_eq!(expired.len(), 2);
    assert!(expired.contains(&(kept.id, SendState::Uncertain)), "{expired:?}");
    assert!(expired.contains(&(resent.id, SendState::Waiting)), "{expired:?}");
    assert_eq!(finish(&bench, holds[0], accepted()).await, Fenced::Stale);
}

pub(crate) async fn a_renewed_lease_lasts<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&send("s-1", who(1))).await;
    let hold = bench.claim(who(1)).await.hold;
    for _ in 0..5 {
        bench.pass(Duration::from_secs(20));
        assert_eq!(bench.store().renew(&[hold]).await.expect("renew works"), [Fenced::Done]);
        assert!(bench.tick().await.expired.is_empty());
    }
    assert_eq!(begin(&bench, hold).await, Fenced::Done);
    bench.pass(Duration::from_secs(30));
    assert_eq!(bench.store().renew(&[hold]).await.expect("renew works"), [Fenced::Stale]);
}

pub(crate) async fn a_late_finish_still_counts_until_the_tick<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let letter = send("s-1", who(1));
    bench.accept(&letter).await;
    let hold = bench.claim(who(1)).await.hold;
    begin(&bench, hold).await;
    bench.pass(Duration::from_mins(2));
    bench.sent(hold).await;
    assert!(bench.tick().await.expired.is_empty());
    assert_eq!(bench.state(&letter).await, Some(SendState::Sent), "the truth, late, is better than doubt");
}

pub(crate) async fn every_attempt_has_the_date_of_the_first<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&send("s-1", who(1))).await;
    bench.pass(Duration::from_millis(1700));
    let first = bench.claim(who(1)).await;
    assert_eq!(first.dated.as_millisecond() % 1000, 0);
    finish(&bench, first.hold, deferred(&bench, 0, true)).await;
    bench.pass(Duration::from_hours(2));
    assert_eq!(bench.claim(who(1)).await.dated, first.dated);
}
