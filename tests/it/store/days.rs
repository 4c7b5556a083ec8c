//! How old live sends are, and when their deadlines come.

use std::time::Duration;

use vigie::model::{OnDeadline, SendSpec};
use vigie::store::Open;

use super::bench::{Backend, Bench, name, send, who};

pub(crate) const DAY: Duration = Duration::from_hours(24);

/// What `demo` has.
pub(crate) async fn open<B: Backend>(bench: &Bench<B>) -> Open {
    let snapshot = bench.store().snapshot().await.expect("snapshot works");
    snapshot.open.get(&name("demo")).copied().unwrap_or_default()
}

/// A send with a deadline in so many days.
fn until<B: Backend>(bench: &Bench<B>, reference: &str, n: u8, days: u32) -> SendSpec {
    let (deadline, on_deadline) = (Some(bench.later(DAY * days)), OnDeadline::Handoff);
    SendSpec { deadline, on_deadline, ..send(reference, who(n)) }
}

/// One without a deadline, one for tomorrow, one for next week, one for the day after many years.
pub(crate) async fn filled<B: Backend>(bench: &Bench<B>) -> [SendSpec; 4] {
    let letters = [
        send("never", who(1)),
        until(bench, "tomorrow", 2, 1),
        until(bench, "soon", 3, 8),
        until(bench, "far", 4, 10_000),
    ];
    bench.enqueue(&letters).await;
    letters
}

/// Nothing that follows within minutes is another day's.
pub(crate) fn in_the_morning<B: Backend>(bench: &Bench<B>) {
    let second = bench.now().as_second().rem_euclid(86_400);
    let until = 86_400 + 6 * 3600 - second;
    bench.pass(Duration::from_secs(until.cast_unsigned()));
}

pub(crate) async fn live_sends_are_counted_by_age_and_deadline<B: Backend>() {
    let bench = Bench::<B>::new().await;
    in_the_morning(&bench);
    assert_eq!(open(&bench).await, Open::default());
    let letters = filled(&bench).await;
    bench.enqueue(&letters).await;
    let all = Open { by_age: [4, 0, 0, 0], by_deadline: [0, 0, 1, 1, 1, 1] };
    assert_eq!(open(&bench).await, all, "the same send again counts once");
    let claim = bench.claim(who(3)).await;
    assert_eq!(open(&bench).await, all, "what is claimed is alive");
    bench.sent(claim.hold).await;
    bench.store().cancel(letters[3].id, "").await.expect("cancel works");
    assert_eq!(open(&bench).await, Open { by_age: [2, 0, 0, 0], by_deadline: [0, 0, 1, 0, 0, 1] });
    bench.pass(DAY);
    bench.accept(&until(&bench, "second", 5, 0)).await;
    assert_eq!(open(&bench).await, Open { by_age: [1, 2, 0, 0], by_deadline: [0, 2, 0, 0, 0, 1] });
    bench.pass(DAY);
    let overdue = Open { by_age: [0, 3, 0, 0], by_deadline: [2, 0, 0, 0, 0, 1] };
    assert_eq!(open(&bench).await, overdue, "before anybody looked");
    bench.tick().await;
    assert_eq!(open(&bench).await, Open { by_age: [0, 1, 0, 0], by_deadline: [0, 0, 0, 0, 0, 1] });
    bench.pass(DAY * 10);
    assert_eq!(open(&bench).await.by_age, [0, 0, 1, 0]);
    bench.pass(DAY * 20);
    assert_eq!(open(&bench).await.by_age, [0, 0, 0, 1]);
    bench.store().cancel(letters[0].id, "").await.expect("cancel works");
    let snapshot = bench.store().snapshot().await.expect("snapshot works");
    assert!(snapshot.open.is_empty(), "nothing is left: {:?}", snapshot.open);
}

pub(crate) async fn ages_and_deadlines_survive_a_crash<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    filled(&bench).await;
    let hold = bench.claim(who(2)).await.hold;
    let before = open(&bench).await;
    bench.backend.crash().await;
    assert_eq!(open(&bench).await, before, "claimed or waiting again");
    bench.sent(bench.claim(who(1)).await.hold).await;
    bench.backend.reopen().await;
    let mut after = before;
    (after.by_age[0], after.by_deadline[5]) = (3, 0);
    assert_eq!(open(&bench).await, after, "{hold:?} is alive");
}
