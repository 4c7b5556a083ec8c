//! Who gets no more mail: what waits for them goes to the next channel, and so does what comes later.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use vigie::clock::after;
use vigie::model::{
    Deferral, Finish, OnUncertain, RecipientId, SendSpec, SendState, SuppressReason, SuppressScope,
    Suppression,
};
use vigie::store::{Enqueued, Fenced, Heard, Suppressed};

use super::bench::{Backend, Bench, name, references, send, send_of, who};
use crate::support::wait::{SOON, wait_until};

/// A mailbox that does not exist, for nobody.
pub(crate) fn bounced<B: Backend>(bench: &Bench<B>, recipient: RecipientId) -> Suppression {
    Suppression {
        recipient,
        scope: SuppressScope::All,
        why: SuppressReason::HardBounce,
        detail: "550 5.1.1 unknown".into(),
        since: bench.now(),
    }
}

/// Somebody who called this brand's mail spam.
pub(crate) fn complained<B: Backend>(bench: &Bench<B>, recipient: RecipientId, brand: &str) -> Suppression {
    Suppression {
        scope: SuppressScope::Brand(name(brand)),
        why: SuppressReason::Complaint,
        detail: String::new(),
        ..bounced(bench, recipient)
    }
}

async fn suppress<B: Backend>(bench: &Bench<B>, suppression: &Suppression) -> Suppressed {
    bench.store().suppress(suppression.clone()).await.expect("suppress works")
}

async fn suppressions<B: Backend>(bench: &Bench<B>, recipient: RecipientId) -> Vec<Suppression> {
    bench.store().person(recipient).await.expect("person works").suppressions
}

async fn states<B: Backend>(bench: &Bench<B>, letters: &[SendSpec]) -> Vec<SendState> {
    let mut states = Vec::new();
    for letter in letters {
        states.push(bench.state(letter).await.expect("a known send"));
    }
    states
}

const HANDED_OFF: SendState = SendState::HandedOff;

pub(crate) async fn what_waits_and_what_is_claimed_is_handed_off<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let mut early = send("early", who(1));
    early.not_before = Some(bench.later(Duration::from_hours(1)));
    let letters =
        [send("claimed", who(1)), send_of("rival", "other", who(1)), early, send("another", who(2))];
    bench.enqueue(&letters[..1]).await;
    let stale = bench.claim(who(1)).await.hold;
    bench.store().away(who(1), vigie::model::Leaving::Left).await.expect("away works");
    bench.enqueue(&letters[1..]).await;
    let suppressed = suppress(&bench, &bounced(&bench, who(1))).await;
    assert_eq!(suppressed, Suppressed { new: true, handed_off: 3, in_hand_over: 0 });
    let expected = [HANDED_OFF, HANDED_OFF, HANDED_OFF, SendState::Waiting];
    assert_eq!(states(&bench, &letters).await, expected);
    assert_eq!(bench.store().begin(stale).await.expect("begin works"), Fenced::Stale);
    let again = suppress(&bench, &bounced(&bench, who(1))).await;
    assert_eq!(again, Suppressed::default(), "the same again changes nothing");
    assert_eq!(references(&bench.touch(who(2)).await), ["another"]);
    assert!(bench.touch(who(1)).await.is_empty());
    bench.counts().await;
}

pub(crate) async fn what_comes_later_is_handed_off_at_once<B: Backend>() {
    let bench = Bench::<B>::new().await;
    suppress(&bench, &bounced(&bench, who(1))).await;
    bench.touch(who(1)).await;
    let letters = [send("a", who(1)), send_of("rival", "b", who(1)), send("c", who(2))];
    let answers = bench.enqueue(&letters).await;
    assert!(answers.iter().all(|answer| matches!(answer, Enqueued::New(None))), "accepted: {answers:?}");
    assert_eq!(states(&bench, &letters).await, [HANDED_OFF, HANDED_OFF, SendState::Waiting]);
    let again = bench.enqueue(&letters[..1]).await;
    assert!(matches!(&again[..], [Enqueued::Same]), "{again:?}");
    let record = bench.store().send(letters[0].id).await.expect("send works").expect("a known send");
    assert_eq!(record.spec, None, "nothing personal stays");
    let last = record.history.last().expect("an end");
    assert_eq!((&*last.event, &*last.detail), ("handed_off", "suppressed: hard bounce"));
    bench.counts().await;
}

pub(crate) async fn each_of_them_is_told<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&send("waits", who(1))).await;
    suppress(&bench, &complained(&bench, who(1), "demo")).await;
    bench.accept(&send("later", who(1))).await;
    let told: BTreeMap<String, Value> = wait_until("both ends are told", SOON, async || {
        let Heard::Events(told) = bench.store().events(None, 10).await.expect("events works") else {
            panic!()
        };
        let told: BTreeMap<_, _> = told.into_iter().map(|told| (told.event.id, told.event.data)).collect();
        (told.len() == 2).then_some(told)
    })
    .await;
    for data in told.values() {
        assert_eq!(data["state"], "handed_off");
        assert_eq!(data["detail"], "suppressed: complaint");
    }
}

pub(crate) async fn one_brand_or_all<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let letters = [send("a", who(1)), send_of("rival", "b", who(1))];
    bench.enqueue(&letters).await;
    let complaint = complained(&bench, who(1), "rival");
    assert_eq!(suppress(&bench, &complaint).await.handed_off, 1);
    assert_eq!(states(&bench, &letters).await, [SendState::Waiting, HANDED_OFF]);
    assert_eq!(suppressions(&bench, who(1)).await, std::slice::from_ref(&complaint));
    let bounce = bounced(&bench, who(1));
    assert_eq!(suppress(&bench, &bounce).await, Suppressed { new: true, handed_off: 1, in_hand_over: 0 });
    let known = suppressions(&bench, who(1)).await;
    assert_eq!(known, [bounce.clone(), complaint]);
    let later = Suppression { why: SuppressReason::Manual, detail: "again".into(), ..bounce.clone() };
    assert!(!suppress(&bench, &later).await.new);
    assert_eq!(suppressions(&bench, who(1)).await, known, "the first reason stays");
}

pub(crate) async fn a_send_in_hand_over_ends_or_is_handed_off<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let now = bench.now();
    let defer = |counts| {
        let until = after(now, Duration::from_secs(5));
        Finish::Deferred(Deferral { until, reason: "450".into(), counts })
    };
    let finishes = [
        (Finish::Accepted { reply: "250".into(), provider: None }, SendState::Sent),
        (Finish::Rejected { reason: "550".into() }, SendState::Failed),
        (Finish::Released { reason: "stop".into() }, HANDED_OFF),
        (defer(true), HANDED_OFF),
        (defer(false), HANDED_OFF),
        (Finish::Uncertain { reason: "cut".into() }, HANDED_OFF),
    ];
    for (n, (finish, expected)) in (1_u8..).zip(finishes) {
        let mut letter = send(&format!("s-{n}"), who(n));
        letter.on_uncertain = OnUncertain::Resend;
        bench.accept(&letter).await;
        let hold = bench.claim(who(n)).await.hold;
        bench.store().begin(hold).await.expect("begin works");
        let suppressed = suppress(&bench, &bounced(&bench, who(n))).await;
        assert_eq!(suppressed, Suppressed { new: true, handed_off: 0, in_hand_over: 1 });
        assert_eq!(bench.state(&letter).await, Some(SendState::Claimed));
        let fenced = bench.store().finish(hold, finish.clone()).await.expect("finish works");
        assert_eq!(fenced, Fenced::Done);
        assert_eq!(bench.state(&letter).await, Some(expected), "{finish:?}");
        let again = bench.store().finish(hold, finish).await.expect("finish works");
        assert_eq!(again, Fenced::Done, "a repeat gets the same answer");
    }
    bench.counts().await;
}

pub(crate) async fn lifted_it_lets_mail_through_again<B: Backend>() {
    let bench = Bench::<B>::new().await;
    suppress(&bench, &bounced(&bench, who(1))).await;
    suppress(&bench, &complained(&bench, who(1), "rival")).await;
    let lift = async |scope| bench.store().unsuppress(who(1), scope).await.expect("unsuppress works");
    assert!(!lift(SuppressScope::Brand(name("demo"))).await, "there was none for this brand alone");
    assert!(lift(SuppressScope::All).await);
    assert!(!lift(SuppressScope::All).await);
    let letters = [send("a", who(1)), send_of("rival", "b", who(1))];
    bench.enqueue(&letters).await;
    assert_eq!(states(&bench, &letters).await, [SendState::Waiting, HANDED_OFF]);
    assert_eq!(references(&bench.touch(who(1)).await), ["a"]);
}

pub(crate) async fn forgotten_with_the_person<B: Backend>() {
    let bench = Bench::<B>::new().await;
    for suppression in [bounced(&bench, who(1)), complained(&bench, who(1), "demo"), bounced(&bench, who(2))]
    {
        suppress(&bench, &suppression).await;
    }
    bench.store().forget(who(1)).await.expect("forget works");
    assert_eq!(suppressions(&bench, who(1)).await, []);
    assert_eq!(suppressions(&bench, who(2)).await.len(), 1);
    bench.accept(&send("a", who(1))).await;
    assert_eq!(references(&bench.touch(who(1)).await), ["a"]);
}

pub(crate) async fn an_address_in_its_words_is_taken_out<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let detail = "<marie@example.org>: unknown\r\nuser".into();
    suppress(&bench, &Suppression { detail, ..bounced(&bench, who(1)) }).await;
    let known = suppressions(&bench, who(1)).await;
    assert!(!known[0].detail.contains("marie") && !known[0].detail.contains('\n'), "{known:?}");
}

pub(crate) async fn many_waiting_sends_are_handed_off_together<B: Backend>() {
    let bench = Bench::<B>::with(|rules| rules.max_waiting = 1_000_000).await;
    let letters: Vec<_> = (0..500).map(|n| send(&format!("s-{n}"), who(1))).collect();
    bench.enqueue(&letters).await;
    assert_eq!(suppress(&bench, &bounced(&bench, who(1))).await.handed_off, 500);
    assert_eq!(bench.counts().await.states[HANDED_OFF as usize], 500);
}

pub(crate) async fn it_survives_a_crash<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    let waits = send("waits", who(1));
    bench.accept(&waits).await;
    let bounce = bounced(&bench, who(1));
    suppress(&bench, &bounce).await;
    bench.backend.crash().await;
    assert_eq!(bench.state(&waits).await, Some(HANDED_OFF));
    let later = send("later", who(1));
    bench.accept(&later).await;
    assert_eq!(bench.state(&later).await, Some(HANDED_OFF));
    assert_eq!(suppressions(&bench, who(1)).await, [bounce]);
    bench.store().unsuppress(who(1), SuppressScope::All).await.expect("unsuppress works");
    bench.backend.crash().await;
    assert_eq!(suppressions(&bench, who(1)).await, []);
    bench.counts().await;
}

pub(crate) async fn a_lease_that_ends_hands_off<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let mut letter = send("s", who(1));
    letter.on_uncertain = OnUncertain::Resend;
    bench.accept(&letter).await;
    let hold = bench.claim(who(1)).await.hold;
    bench.store().begin(hold).await.expect("begin works");
    suppress(&bench, &bounced(&bench, who(1))).await;
    bench.pass(Duration::from_hours(1));
    bench.due().await;
    assert_eq!(bench.tick().await.expired, [(letter.id, HANDED_OFF)]);
}

pub(crate) async fn every_reason_is_kept_and_told<B: Backend>() {
    let bench = Bench::<B>::new().await;
    for (n, why) in (1_u8..).zip(SuppressReason::ALL) {
        let suppression = Suppression { why, ..complained(&bench, who(n), "demo") };
        suppress(&bench, &suppression).await;
        assert_eq!(suppressions(&bench, who(n)).await, [suppression]);
        let letter = send(&format!("s-{n}"), who(n));
        bench.accept(&letter).await;
        let record = bench.store().send(letter.id).await.expect("send works").expect("a known send");
        let last = record.history.last().expect("an end");
        assert_eq!((&*last.event, &*last.detail), ("handed_off", why.words()));
    }
}
