//! A better moment than the deadline.

use std::time::Duration;

use jiff::Timestamp;
use vigie::model::{
    Consent, ConsentRule, Deferral, Finish, Grantee, OnDeadline, Origin, SendId, SendSpec, SendState,
};
use vigie::store::{Aim, Ticked, Touch};

use super::bench::{Backend, Bench, name, references, send, signal, who};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// A store that looks for a better moment a day before a deadline.
async fn bench<B: Backend>() -> Bench<B> {
    Bench::with(|rules| rules.best_hour = DAY).await
}

fn said<B: Backend>(bench: &Bench<B>, n: u8, granted: bool) -> Consent {
    let (to, proof, earlier) = (Grantee::Brand(name("demo")), "form 3".into(), Vec::new());
    Consent { recipient: who(n), grantee: to, granted, proof, at: bench.now(), earlier }
}

/// Somebody agreed, was seen, and is gone.
async fn was_seen<B: Backend>(bench: &Bench<B>, n: u8) {
    bench.store().consent(said(bench, n, true)).await.expect("consent works");
    let origin = Origin::Tracked { grantee: Grantee::Brand(name("demo")), rule: ConsentRule::Required };
    bench.store().touch(Touch { origin, ..signal(who(n)) }).await.expect("touch works");
    bench.pass(HOUR);
}

/// A send that goes without presence after so long.
fn sent_after<B: Backend>(bench: &Bench<B>, reference: &str, n: u8, after: Duration) -> SendSpec {
    let deadline = Some(bench.later(after));
    SendSpec { deadline, on_deadline: OnDeadline::Send, ..send(reference, who(n)) }
}

fn near(ticked: &Ticked) -> Vec<&str> {
    ticked.near.iter().map(|near| near.spec.reference.as_str()).collect()
}

async fn aim<B: Backend>(bench: &Bench<B>, send: &SendSpec, at: Timestamp) -> bool {
    let aim = Aim { send: send.id, recipient: send.recipient, at };
    bench.store().aim(&[aim]).await.expect("aim works")[0]
}

async fn aimed<B: Backend>(bench: &Bench<B>, send: &SendSpec) -> Option<Timestamp> {
    bench.store().send(send.id).await.expect("send works").expect("a known send").aimed
}

pub(crate) async fn what_comes_near_its_deadline_is_told_with_the_hours<B: Backend>() {
    let bench = bench::<B>().await;
    was_seen(&bench, 1).await;
    let (seen, unseen) = (sent_after(&bench, "seen", 1, 3 * DAY), sent_after(&bench, "unseen", 2, 3 * DAY));
    let handed = SendSpec { on_deadline: OnDeadline::Handoff, ..sent_after(&bench, "handed", 1, 3 * DAY) };
    bench.enqueue(&[seen.clone(), unseen, handed]).await;
    bench.pass((2 * DAY).saturating_sub(Duration::from_millis(1)));
    assert!(near(&bench.tick().await).is_empty(), "not yet");
    bench.pass(Duration::from_millis(1));
    bench.due().await;
    let ticked = bench.tick().await;
    assert_eq!(near(&ticked), ["seen"], "nothing is known of the others, or to be found for them");
    assert!(
        ticked.claims.is_empty()
            && ticked.near[0].hours.weights(bench.now()).iter().any(|weight| *weight > 0)
    );
    assert!(near(&bench.tick().await).is_empty(), "once is enough");
    bench.pass(DAY);
    let claims = bench.tick().await.claims;
    let mut gone = references(&claims);
    gone.sort_unstable();
    assert_eq!(gone, ["seen", "unseen"], "nobody aimed");
}

pub(crate) async fn what_is_near_from_the_start_is_told_at_once<B: Backend>() {
    let bench = bench::<B>().await;
    was_seen(&bench, 1).await;
    let waits = SendSpec { not_before: Some(bench.later(HOUR)), ..sent_after(&bench, "waits", 1, 3 * HOUR) };
    bench.enqueue(&[sent_after(&bench, "at once", 1, 2 * HOUR), waits]).await;
    bench.due().await;
    assert_eq!(near(&bench.tick().await), ["at once"]);
    bench.pass(HOUR);
    assert_eq!(near(&bench.tick().await), ["waits"], "when it may go at all");
}

pub(crate) async fn what_is_aimed_goes_without_presence_then<B: Backend>() {
    let bench = bench::<B>().await;
    let [letter, other] = ["letter", "other"].map(|reference| sent_after(&bench, reference, 1, 5 * HOUR));
    bench.enqueue(&[letter.clone(), other.clone()]).await;
    let at = bench.later(2 * HOUR);
    assert!(aim(&bench, &letter, at).await && aim(&bench, &letter, at).await, "said again it is done");
    assert_eq!((aimed(&bench, &letter).await, aimed(&bench, &other).await), (Some(at), None));
    bench.pass((2 * HOUR).saturating_sub(Duration::from_secs(1)));
    assert!(bench.tick().await.claims.is_empty());
    bench.pass(Duration::from_secs(1));
    let claims = bench.tick().await.claims;
    assert_eq!(references(&claims), ["letter"]);
    assert!(claims[0].overdue, "a deferral may be tried again without presence");
    let deferral = Deferral { until: bench.later(HOUR), reason: "451".into(), counts: true };
    bench.store().finish(claims[0].hold, Finish::Deferred(deferral)).await.expect("finish works");
    bench.pass(HOUR);
    let again = bench.tick().await.claims;
    assert_eq!(references(&again), ["letter"], "also after a deferral");
    bench.sent(again[0].hold).await;
    assert_eq!(bench.events(&letter).await, ["accepted", "aimed", "claimed", "deferred", "claimed", "sent"]);
    bench.pass(2 * HOUR);
    assert_eq!(references(&bench.tick().await.claims), ["other"]);
    bench.counts().await;
}

pub(crate) async fn presence_comes_before_the_better_moment<B: Backend>() {
    let bench = bench::<B>().await;
    let letter = sent_after(&bench, "letter", 1, 5 * HOUR);
    bench.accept(&letter).await;
    assert!(aim(&bench, &letter, bench.later(2 * HOUR)).await);
    bench.pass(HOUR);
    assert_eq!(references(&bench.touch(who(1)).await), ["letter"]);
}

pub(crate) async fn what_cannot_be_aimed_is_left<B: Backend>() {
    let bench = bench::<B>().await;
    let soon = bench.later(HOUR);
    let unknown = Aim { send: SendId([9; 16]), recipient: who(1), at: soon };
    assert_eq!(bench.store().aim(&[unknown]).await.expect("aim works"), [false]);
    let letter = |reference, n| sent_after(&bench, reference, n, 5 * HOUR);
    let (dropped, claimed) =
        (SendSpec { on_deadline: OnDeadline::Drop, ..letter("dropped", 1) }, letter("claimed", 2));
    let (late, open) = (letter("late", 3), SendSpec { deadline: None, ..letter("open", 4) });
    bench.enqueue(&[dropped.clone(), claimed.clone(), late.clone(), open.clone()]).await;
    let hold = bench.claim(who(2)).await.hold;
    assert!(!aim(&bench, &dropped, soon).await && !aim(&bench, &claimed, soon).await);
    assert!(aim(&bench, &open, soon).await, "without a deadline any moment is better");
    assert!(!aim(&bench, &late, bench.later(5 * HOUR)).await, "no better than its deadline");
    bench.sent(hold).await;
    assert!(!aim(&bench, &claimed, soon).await, "it is gone");
    bench.pass(5 * HOUR);
    assert!(!aim(&bench, &late, soon).await, "its deadline has passed");
    assert_eq!(bench.state(&dropped).await, Some(SendState::Waiting));
    bench.counts().await;
}

pub(crate) async fn a_withdrawal_takes_the_moment_back<B: Backend>() {
    let bench = bench::<B>().await;
    was_seen(&bench, 1).await;
    let [letter, held, other] = [("letter", 1), ("held", 1), ("other", 2)]
        .map(|(reference, n)| sent_after(&bench, reference, n, 5 * HOUR));
    bench.enqueue(&[letter.clone(), held.clone(), other.clone()]).await;
    let at = bench.later(HOUR);
    let first = SendSpec { priority: 1, ..sent_after(&bench, "first", 1, 5 * HOUR) };
    bench.accept(&first).await;
    for send in [&letter, &held, &other, &first] {
        assert!(aim(&bench, send, at).await);
    }
    let claims = bench.touch(who(1)).await;
    assert_eq!(references(&claims).first(), Some(&"first"));
    for claim in &claims[1..] {
        let released = Finish::Released { reason: "shutdown".into() };
        bench.store().finish(claim.hold, released).await.expect("finish works");
    }
    bench.store().consent(said(&bench, 1, false)).await.expect("consent works");
    let moments = [aimed(&bench, &letter).await, aimed(&bench, &held).await, aimed(&bench, &other).await];
    assert_eq!(moments, [None, None, Some(at)]);
    let released = Finish::Released { reason: "shutdown".into() };
    bench.store().finish(claims[0].hold, released).await.expect("finish works");
    bench.pass(HOUR);
    let gone = bench.tick().await.claims;
    assert_eq!(references(&gone), ["other"]);
    bench.sent(gone[0].hold).await;
    bench.pass(4 * HOUR);
    let claims = bench.tick().await.claims;
    let mut gone = references(&claims);
    gone.sort_unstable();
    assert_eq!(gone, ["first", "held", "letter"], "at their deadline");
}

pub(crate) async fn the_moment_survives_a_crash<B: Backend>() {
    let mut bench = bench::<B>().await;
    let letter = sent_after(&bench, "letter", 1, 5 * HOUR);
    bench.accept(&letter).await;
    let at = bench.later(2 * HOUR);
    assert!(aim(&bench, &letter, at).await);
    bench.backend.reopen().await;
    bench.backend.crash().await;
    assert_eq!(aimed(&bench, &letter).await, Some(at));
    bench.pass(2 * HOUR);
    bench.due().await;
    assert_eq!(references(&bench.tick().await.claims), ["letter"]);
}
