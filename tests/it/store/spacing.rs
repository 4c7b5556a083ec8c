//! Presence and the rules of decency: one visit, one mail; a scanner is no visit.

use std::time::Duration;

use vigie::clock::after;
use vigie::model::Budget;
use vigie::store::Enqueued;

use super::bench::{Backend, Bench, name, references, send, send_of, who};

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
    let last = || async { bench.store().person(who(1)).await.expect("person works").last_sent() };
    assert_eq!(last().await, Some(bench.now()));
    bench.pass(GAP);
    assert_eq!(last().await, None);
    bench.tick().await;
    assert_eq!(last().await, None);
}

pub(crate) async fn one_person_has_one_budget_for_all_brands<B: Backend>() {
    const WITHIN: Duration = Duration::from_hours(20);
    let budget = Budget { at_most: 1, within: WITHIN };
    let bench = Bench::<B>::with(|rules| rules.budgets.together = vec![budget]).await;
    bench.enqueue(&[send("a", who(1)), send_of("rival", "b", who(1))]).await;
    let hold = bench.claim(who(1)).await.hold;
    assert!(bench.touch(who(1)).await.is_empty(), "one is under way");
    bench.sent(hold).await;
    bench.pass(WITHIN.saturating_sub(Duration::from_millis(1)));
    assert!(bench.touch(who(1)).await.is_empty(), "exactly one mail within the span");
    bench.pass(Duration::from_millis(1));
    assert_eq!(references(&bench.touch(who(1)).await), ["b"]);
}

pub(crate) async fn of_several_budgets_all_hold<B: Backend>() {
    let budget = |at_most, hours| Budget { at_most, within: Duration::from_hours(hours) };
    let bench =
        Bench::<B>::with(|rules| rules.budgets.together = vec![budget(1, 20), budget(3, 7 * 24)]).await;
    let letters = ["a", "b", "c", "d"].map(|reference| send(reference, who(1)));
    bench.enqueue(&letters).await;
    let mut sent = Vec::new();
    for hour in 0..8 * 24 {
        if let [claim] = &bench.touch(who(1)).await[..] {
            sent.push(hour);
            bench.sent(claim.hold).await;
        }
        bench.pass(Duration::from_hours(1));
    }
    assert_eq!(sent, [0, 20, 40, 7 * 24]);
    let contacts = bench.store().person(who(1)).await.expect("person works").contacts;
    assert!(contacts.iter().all(|mail| mail.brand == Some(name("demo"))) && contacts.len() == 2);
}

pub(crate) async fn a_brands_budget_leaves_the_others_alone<B: Backend>() {
    let own = (name("demo"), vec![Budget { at_most: 1, within: GAP }]);
    let bench = Bench::<B>::with(|rules| rules.budgets.brands = [own].into()).await;
    bench.enqueue(&[send("a", who(1)), send("b", who(1)), send_of("rival", "x", who(1))]).await;
    let first = bench.claim(who(1)).await;
    assert_eq!(first.spec.reference, "a");
    bench.sent(first.hold).await;
    let second = bench.claim(who(1)).await;
    assert_eq!(second.spec.reference, "x", "the rival's budget is its own");
    bench.sent(second.hold).await;
    assert!(bench.touch(who(1)).await.is_empty());
    bench.pass(GAP);
    assert_eq!(references(&bench.touch(who(1)).await), ["b"]);
}

pub(crate) async fn what_is_overdue_goes_when_the_budget_has_room<B: Backend>() {
    let budget = Budget { at_most: 1, within: GAP };
    let bench = Bench::<B>::with(|rules| rules.budgets.together = vec![budget]).await;
    let mut late = send("late", who(1));
    late.deadline = Some(after(bench.now(), Duration::from_secs(5)));
    late.priority = -1;
    bench.enqueue(&[send("a", who(1)), late]).await;
    let first = bench.claim(who(1)).await;
    bench.sent(first.hold).await;
    bench.pass(GAP.saturating_sub(Duration::from_secs(1)));
    assert!(bench.tick().await.claims.is_empty(), "its deadline does not stretch the budget");
    bench.pass(Duration::from_secs(1));
    bench.due().await;
    assert_eq!(bench.tick().await.claims.len(), 1, "without being seen");
}
