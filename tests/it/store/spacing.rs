//! Presence and the rules of decency: one visit, one mail; a scanner is no visit.

use std::time::Duration;

use vigie::model::SendId;
use vigie::store::{Enqueued, Ignored, Touch};

use super::bench::{Backend, Bench, references, send, send_of, signal, who};

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

pub(crate) async fn a_scan_of_a_fresh_mail_is_no_presence<B: Backend>() {
    let bench = Bench::<B>::with(|rules| rules.scan_grace = Duration::from_mins(1)).await;
    bench.enqueue(&[send("a", who(1)), send("b", who(2))]).await;
    let claim = bench.claim(who(1)).await;
    bench.sent(claim.hold).await;
    bench.store().away(who(1)).await.expect("away works");
    bench.accept(&send("next", who(1))).await;
    let about = |id: SendId| Touch { about: Some(id), ..signal(who(1)) };
    bench.pass(Duration::from_secs(59));
    let scanned = bench.store().touch(about(claim.hold.send)).await.expect("touch works");
    assert_eq!((scanned.ignored, scanned.claims.len()), (Some(Ignored::ScanGrace), 0));
    assert!(bench.store().person(who(1)).await.expect("person works").online.is_none());
    bench.pass(Duration::from_secs(1));
    let opened = bench.store().touch(about(claim.hold.send)).await.expect("touch works");
    assert_eq!((opened.ignored, references(&opened.claims)), (None, vec!["next"]));
    let never_sent = bench.store().touch(about(send("b", who(2)).id)).await.expect("touch works");
    assert_eq!(never_sent.ignored, None);
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
