//! Presence and the rules of decency: one visit, one mail; a scanner is no visit.

use std::time::Duration;

use vigie::store::Enqueued;

use super::bench::{Backend, Bench, references, send, send_of, who};

const GAP: Duration = Duration::from_mins(10);

pub(crate) async fn presence_ends_with_the_window<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.touch(who(1)).await;
    bench.pass(Duration::from_millis(179_999));
    assert!(bench.accept(&send("in", who(1))).await.is_some());
    bench.pass(Duration::from_millis(1));
    assert!(bench.accept(&send("out", who(1))).await.is_none());
    assert!(bench.store().person(who(1)).await.expect("person works").online.is_none());
    bench.pass(Duration::from_mins(1));
    assert_eq!(bench.store().snapshot().await.expect("snapshot works").online, 0);
}

pub(crate) async fn one_visit_one_mail<B: Backend>() {
    let bench = Bench::<B>::with(|rules| rules.min_gap = GAP).await;
    bench.enqueue(&[send("a", who(1)), send("b", who(1)), send("x", who(2))]).await;
    let hold = bench.claim(who(1)).await.hold;
    assert!(bench.touch(who(1)).await.is_empty(), "one is under way");
    assert!(bench.accept(&send("c", who(1))).await.is_none(), "for an enqueue too");
    bench.sent(hold).await;
    bench.pass(GAP.saturating_sub(Duration::from_millis(1)));
    assert!(bench.touch(who(1)).await.is_empty(), "one has just been sent");
    assert_eq!(references(&bench.touch(who(2)).await), ["x"], "others are others");
    bench.pass(Duration::from_millis(1));
    assert_eq!(references(&bench.touch(who(1)).await), ["b"]);
}

pub(crate) async fn two_brands_share_one_person<B: Backend>() {
    let bench = Bench::<B>::with(|rules| rules.min_gap = GAP).await;
    bench.touch(who(1)).await;
    let answers = bench.enqueue(&[send("a", who(1)), send_of("rival", "b", who(1))]).await;
    let [Enqueued::New(Some(first)), Enqueued::New(None)] = &answers[..] else { panic!("{answers:?}") };
    bench.sent(first.hold).await;
    assert!(bench.touch(who(1)).await.is_empty(), "the gap is the person's, not the brand's");
    bench.pass(GAP);
    assert_eq!(references(&bench.touch(who(1)).await), ["b"]);
}

pub(crate) async fn the_gap_is_forgotten_when_it_is_over<B: Backend>() {
    let bench = Bench::<B>::with(|rules| rules.min_gap = GAP).await;
    bench.accept(&send("a", who(1))).await;
    let hold = bench.claim(who(1)).await.hold;
    bench.sent(hold).await;
    let last = || async { bench.store().person(who(1)).await.expect("person works").last_sent };
    assert_eq!(last().await, Some(bench.now()));
    bench.pass(GAP);
    assert_eq!(last().await, None);
    bench.tick().await;
    assert_eq!(last().await, None);
}
