//! Work that one gateway does at a time.

use std::time::Duration;

use vigie::model::ClaimId;
use vigie::store::{Errand, Fenced};

use super::bench::{Backend, Bench};

const LEASE: Duration = Duration::from_secs(30);

async fn take<B: Backend>(bench: &Bench<B>, me: ClaimId) -> Errand {
    bench.store().take_errand("webhook:demo/crm", me, LEASE).await.expect("take_errand works")
}

async fn note<B: Backend>(bench: &Bench<B>, me: ClaimId, lease: Duration, note: &str) -> Fenced {
    bench.store().note_errand("webhook:demo/crm", me, lease, note).await.expect("note_errand works")
}

async fn known<B: Backend>(bench: &Bench<B>) -> Option<String> {
    bench.store().errand("webhook:demo/crm").await.expect("errand works")
}

fn mine(note: &str) -> Errand {
    Errand::Mine(Some(note.into()))
}

pub(crate) async fn one_holds_an_errand<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let [one, other] = [ClaimId::random(), ClaimId::random()];
    assert_eq!(note(&bench, one, LEASE, "early").await, Fenced::Stale, "it must be taken first");
    assert_eq!(known(&bench).await, None);
    assert_eq!(take(&bench, one).await, Errand::Mine(None));
    assert_eq!(take(&bench, one).await, Errand::Mine(None), "again, as the answer was lost");
    assert_eq!(take(&bench, other).await, Errand::Anothers);
    assert_eq!(note(&bench, one, LEASE, "a note with spaces\nand lines").await, Fenced::Done);
    assert_eq!(note(&bench, other, LEASE, "forged").await, Fenced::Stale);
    assert_eq!(known(&bench).await.as_deref(), Some("a note with spaces\nand lines"));
    let elsewhere = bench.store().take_errand("another", other, LEASE).await.expect("take_errand works");
    assert_eq!(elsewhere, Errand::Mine(None), "each errand for itself");
    assert_eq!(note(&bench, one, Duration::ZERO, "done").await, Fenced::Done);
    assert_eq!(take(&bench, other).await, mine("done"));
    assert_eq!(note(&bench, one, LEASE, "late").await, Fenced::Stale);
}

pub(crate) async fn what_is_changed_is_nobodys<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let [one, other] = [ClaimId::random(), ClaimId::random()];
    take(&bench, one).await;
    note(&bench, one, LEASE, "10").await;
    bench.store().change_errand("webhook:demo/crm", "3").await.expect("change_errand works");
    assert_eq!(note(&bench, one, LEASE, "11").await, Fenced::Stale, "it does not overwrite the change");
    assert_eq!(take(&bench, other).await, mine("3"));
}

pub(crate) async fn an_errand_comes_free_with_its_lease<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let [one, other] = [ClaimId::random(), ClaimId::random()];
    take(&bench, one).await;
    note(&bench, one, LEASE, "1").await;
    bench.pass(Duration::from_secs(29));
    assert_eq!(take(&bench, other).await, Errand::Anothers);
    assert_eq!(note(&bench, one, LEASE, "2").await, Fenced::Done, "a note renews it");
    bench.pass(Duration::from_secs(29));
    assert_eq!(take(&bench, other).await, Errand::Anothers);
    bench.pass(Duration::from_secs(2));
    assert_eq!(take(&bench, other).await, mine("2"));
    assert_eq!(note(&bench, one, LEASE, "3").await, Fenced::Stale);
}

pub(crate) async fn notes_survive_a_crash<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    let one = ClaimId::random();
    take(&bench, one).await;
    note(&bench, one, LEASE, "42").await;
    bench.backend.crash().await;
    assert_eq!(known(&bench).await.as_deref(), Some("42"));
    bench.pass(LEASE + Duration::from_secs(1));
    assert_eq!(take(&bench, ClaimId::random()).await, mine("42"));
}
