//! What is in a copy's way, and copies that break off.

use vigie::store::portable::Seen;

use super::*;
use crate::store::bench::who;

fn letters(count: u8) -> Vec<SendSpec> {
    (0..count).map(|n| send(&format!("s-{n}"), who(n))).collect()
}

async fn is_shut(store: &dyn Portable) -> bool {
    store.is_shut().await.expect("is_shut works")
}

pub(crate) async fn an_interrupted_copy_is_taken_up<P: Pair>() {
    let both = Move::<P>::new().await;
    let letters = letters(10);
    both.from.enqueue(&letters).await;
    let (from, to) = (both.from.backend.portable(), both.to.backend.portable());
    from.shut().await.expect("shut works");
    // One page moved, and of the next nothing but the adoption, when everything broke.
    let mut pages = pages(&*from, 3).await.into_iter().filter(|page| !page.items.is_empty());
    let (first, second) = (pages.next().expect("a page"), pages.next().expect("a page"));
    let moved = first.items.iter().filter_map(|item| match item {
        Item::Send(moved) => Some(moved.spec.id),
        _ => None,
    });
    let moved = moved.collect();
    let (gone_before, in_both) = (first.items.len(), second.items.len());
    both.adopt(first).await;
    from.depart(moved).await.expect("depart works");
    assert_eq!(both.adopt(second.clone()).await, vec![Adopted::New; in_both]);
    // One of those in both goes out of the new store meanwhile.
    let Item::Send(gone) = &second.items[0] else { panic!("a send") };
    let hold = both.to.claim(gone.spec.recipient).await.hold;
    both.to.sent(hold).await;
    let report = both.copy().await;
    let (known, moved) = (report.progress.known, report.progress.moved);
    assert_eq!((known, moved, report.waiting), (in_both as u64, (10 - gone_before - in_both) as u64, 0));
    assert!(!is_shut(&*from).await && !is_shut(&*to).await);
    for letter in &letters {
        let there = if letter.id == gone.spec.id { SendState::Sent } else { SendState::Waiting };
        assert_eq!(both.states(letter).await, [Some(SendState::Cancelled), Some(there)]);
        assert!(both.from.touch(letter.recipient).await.is_empty());
    }
    assert_eq!((both.from.counts().await.accepted, both.to.counts().await.accepted), (10, 10));
}

pub(crate) async fn a_copy_stops_between_pages<P: Pair>() {
    let both = Move::<P>::new().await;
    both.from.enqueue(&letters(10)).await;
    let (from, to) = (both.from.backend.portable(), both.to.backend.portable());
    let stop = CancellationToken::new();
    let report = copy(&*from, &*to, &stop, |seen| {
        if let Seen::Page(_) = seen {
            stop.cancel();
        }
    });
    let report = report.await.expect("it ends");
    assert_eq!((report.stopped, report.progress.moved + report.waiting), (true, 10));
    assert!(!is_shut(&*from).await, "nothing is in both");
    from.shut().await.expect("shut works");
    copy(&*from, &*to, &stop, |_| {}).await.expect("it ends");
    assert!(is_shut(&*from).await, "what was interrupted before was not taken up");
}

pub(crate) async fn a_copy_that_fails_leaves_the_old_store_shut<P: Pair>() {
    let both = Move::<P>::new().await;
    both.from.enqueue(&letters(3)).await;
    both.to.store().close().await.expect("it closes");
    assert!(both.try_copy().await.is_err(), "the new store is not there");
    let from = both.from.backend.portable();
    assert!(!is_shut(&*from).await, "it was not there from the start");
    let to = both.to.backend.portable();
    from.shut().await.expect("shut works");
    assert!(matches!(copy(&*from, &*to, &CancellationToken::new(), |_| {}).await, Err(CopyError::Store(_))));
    assert!(is_shut(&*from).await);
}

pub(crate) async fn a_conflict_stays_and_is_named<P: Pair>() {
    let both = Move::<P>::new().await;
    let mut other = send("taken", who(1));
    other.digest = "another body".into();
    both.to.accept(&other).await;
    both.from.enqueue(&[send("taken", who(1)), send("free", who(2))]).await;
    let (from, to) = (both.from.backend.portable(), both.to.backend.portable());
    let mut named = Vec::new();
    let never = CancellationToken::new();
    let report = copy(&*from, &*to, &never, |seen| {
        if let Seen::Conflict(brand, reference) = seen {
            named.push(format!("{brand}/{reference}"));
        }
    });
    let report = report.await.expect("it ends");
    assert_eq!((report.progress.conflicts, report.progress.moved, report.waiting), (1, 1, 1));
    assert_eq!(named, ["demo/taken"]);
    assert_eq!(both.states(&other).await, [Some(SendState::Waiting); 2]);
    assert_eq!(both.states(&send("free", who(2))).await, MOVED);
}

pub(crate) async fn what_is_claimed_stays<P: Pair>() {
    let both = Move::<P>::new().await;
    both.from.enqueue(&[send("claimed", who(1)), send("waiting", who(2))]).await;
    let hold = both.from.claim(who(1)).await.hold;
    let report = both.copy().await;
    assert_eq!((report.claimed, report.progress.moved), (1, 1));
    both.from.sent(hold).await;
    assert_eq!(both.states(&send("claimed", who(1))).await, [Some(SendState::Sent), None]);
    assert_eq!(both.copy().await, Report::default());
}

pub(crate) async fn a_send_that_was_cancelled_there_does_not_come_back<P: Pair>() {
    let both = Move::<P>::new().await;
    let letter = send("s-1", who(1));
    both.from.accept(&letter).await;
    both.to.accept(&letter).await;
    both.to.store().cancel(letter.id, "moved to another store").await.expect("cancel works");
    let report = both.copy().await;
    assert_eq!((report.progress.known, report.waiting), (1, 0));
    assert_eq!(both.states(&letter).await, [Some(SendState::Cancelled); 2]);
}

pub(crate) async fn a_full_store_takes_what_fits<P: Pair>() {
    let most = 2 * u64::from(P::To::HABITS.partitions);
    let both = Move::<P>::of(Bench::new().await, Bench::with(|rules| rules.max_waiting = most).await);
    let letters: Vec<_> = (0..5).map(|n| send(&format!("s-{n}"), who(0))).collect();
    both.from.enqueue(&letters).await;
    for _ in 0..2 {
        assert!(matches!(both.try_copy().await, Err(CopyError::Full(_))));
        let (from, to) = (both.from.counts().await, both.to.counts().await);
        assert_eq!((from.states[0], to.states[0]), (3, 2), "the second time nothing more");
        assert!(!is_shut(&*both.from.backend.portable()).await);
    }
}

pub(crate) async fn a_store_is_not_copied_onto_itself<P: Pair>() {
    let both = Move::<P>::new().await;
    both.from.accept(&send("s-1", who(1))).await;
    let (from, to) = (both.from.backend.portable(), both.to.backend.portable());
    let refused = copy(&*from, &*from, &CancellationToken::new(), |_| {}).await;
    assert!(matches!(refused, Err(CopyError::SameStore)), "{refused:?}");
    assert!(!is_shut(&*from).await);
    to.shut().await.expect("shut works");
    assert!(matches!(both.try_copy().await, Err(CopyError::Interrupted)));
    assert!(!is_shut(&*from).await);
    assert_eq!(both.states(&send("s-1", who(1))).await, [Some(SendState::Waiting), None]);
}

/// A gateway that nobody knew of fires a send of the page in hand, between its adoption and its departure.
#[tokio::test(flavor = "multi_thread")]
async fn what_went_out_of_the_old_store_does_not_go_out_of_the_new() {
    let both = Move::<EmbeddedPair>::new().await;
    let mut other = send("taken", who(1));
    other.digest = "another body".into();
    both.to.accept(&other).await;
    both.from.enqueue(&[send("taken", who(1)), send("fired", who(2)), send("stopped", who(3))]).await;
    let (from, to) = (both.from.backend.portable(), both.to.backend.portable());
    let meddle = async || {
        let hold = both.from.claim(who(2)).await.hold;
        both.from.sent(hold).await;
        let stopped = send("stopped", who(3)).id;
        both.from.store().cancel(stopped, "by hand").await.expect("cancel works");
    };
    let never = CancellationToken::new();
    let report = copy(&*from, &*to, &never, |seen| {
        if let Seen::Conflict(..) = seen {
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(meddle()));
        }
    });
    assert_eq!(report.await.expect("it ends").progress.late, 2);
    for (reference, n, ended) in [("fired", 2, SendState::Sent), ("stopped", 3, SendState::Cancelled)] {
        assert_eq!(both.states(&send(reference, who(n))).await, [Some(ended), Some(SendState::Cancelled)]);
    }
}
