//! What happened is told: all of it, in order, for a while.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;
use vigie::model::{Event, Finish, OnDeadline, Position, SendSpec, Told};
use vigie::store::Heard;

use super::bench::{Backend, Bench, name, send, who};
use crate::support::wait::{SOON, wait_until};

/// Longer than a gateway has to tell what it brought about, before others do.
const LEFT: Duration = Duration::from_secs(5);

/// All that was told, once it is so many different events.
async fn told<B: Backend>(bench: &Bench<B>, many: usize) -> Vec<Told> {
    wait_until(&format!("{many} events are told"), SOON, async || {
        let told = page(bench, None, 10_000).await;
        let ids: BTreeSet<_> = told.iter().map(|told| told.event.id.clone()).collect();
        (ids.len() >= many).then_some(told)
    })
    .await
}

async fn page<B: Backend>(bench: &Bench<B>, after: Option<Position>, limit: usize) -> Vec<Told> {
    match bench.store().events(after, limit).await.expect("events works") {
        Heard::Events(told) => told,
        gone @ Heard::Gone { .. } => panic!("{gone:?}"),
    }
}

fn own(n: usize) -> Event {
    Event {
        id: format!("own-{n}"),
        kind: "flow.changed".into(),
        at: super::bench::start(),
        brand: name("demo"),
        data: json!({ "n": n, "why": "a reason: \"it\u{e9}\"" }),
    }
}

async fn announce<B: Backend>(bench: &Bench<B>, numbers: impl IntoIterator<Item = usize>) {
    for n in numbers {
        bench.store().announce(own(n)).await.expect("announce works");
    }
}

/// Ends it as sent.
async fn goes_out<B: Backend>(bench: &Bench<B>, letter: &SendSpec) {
    bench.accept(letter).await;
    let hold = bench.claim(letter.recipient).await.hold;
    bench.sent(hold).await;
}

pub(crate) async fn every_end_is_told<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let finish = async |letter: &SendSpec, finish| {
        bench.accept(letter).await;
        let hold = bench.claim(letter.recipient).await.hold;
        bench.store().begin(hold).await.expect("begin works");
        bench.store().finish(hold, finish).await.expect("finish works");
    };
    let reason = || "550 no such user".to_owned();
    let mut campaign = send("sent", who(1));
    campaign.campaign = Some(name("wave"));
    goes_out(&bench, &campaign).await;
    finish(&send("failed", who(2)), Finish::Rejected { reason: reason() }).await;
    finish(&send("uncertain", who(3)), Finish::Uncertain { reason: reason() }).await;
    let mut settled = send("cancelled", who(4));
    settled.case = Some("7".into());
    bench.accept(&settled).await;
    bench.store().settle(&settled.brand, "7", "paid").await.expect("settle works");
    for (reference, on_deadline) in [("handed_off", OnDeadline::Handoff), ("dropped", OnDeadline::Drop)] {
        let mut letter = send(reference, who(5));
        (letter.deadline, letter.on_deadline) = (Some(bench.now()), on_deadline);
        bench.accept(&letter).await;
    }
    bench.accept(&send("waiting", who(6))).await;
    bench.due().await;
    bench.tick().await;
    let told = told(&bench, 6).await;
    for Told { event, .. } in &told {
        let state = event.kind.strip_prefix("send.").expect("all are of sends");
        let brand = &event.brand;
        let letter = send(state, who(1));
        assert_eq!(event.id, format!("{}-{state}", letter.id));
        assert_eq!(
            (brand, &event.data["id"], &event.data["state"]),
            (&letter.brand, &json!(state), &json!(state))
        );
        assert_eq!(event.data["at"], json!(event.at.to_string()));
        let text = event.data.to_string();
        assert!(!text.contains("marie") && !text.contains("Marie"), "nothing says who: {text}");
    }
    let of = |state: &str| told.iter().find(|told| told.event.data["state"] == state).expect("it is told");
    assert_eq!(of("sent").event.data["campaign"], "wave");
    assert_eq!(of("sent").event.data["detail"], "250 2.0.0 queued");
    assert_eq!(of("cancelled").event.data["detail"], "paid");
    assert_eq!(of("failed").event.data["detail"], reason());
    assert_eq!(told.len(), 6, "each once, and what waits is not told");
    assert!(told.is_sorted_by(|a, b| a.position < b.position));
}

pub(crate) async fn an_event_of_the_gateways_own_is_told<B: Backend>() {
    let bench = Bench::<B>::new().await;
    announce(&bench, [1]).await;
    let [told] = &page(&bench, None, 10).await[..] else { panic!("one event") };
    assert_eq!(told.event, own(1));
}

pub(crate) async fn a_repeated_step_tells_the_same_event<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let letter = send("s-1", who(1));
    bench.accept(&letter).await;
    let hold = bench.claim(who(1)).await.hold;
    bench.sent(hold).await;
    bench.sent(hold).await;
    bench.store().cancel(letter.id, "too late").await.expect("cancel works");
    goes_out(&bench, &send("s-2", who(2))).await;
    let told = told(&bench, 2).await;
    let ids: BTreeSet<_> = told.iter().map(|told| &told.event.id).collect();
    assert_eq!(ids.len(), 2, "{told:?}");
}

pub(crate) async fn the_log_is_read_page_by_page<B: Backend>() {
    let bench = Bench::<B>::new().await;
    assert_eq!(page(&bench, None, 10).await, []);
    let before = bench.store().newest().borrow().clone();
    assert_eq!(page(&bench, Some(before.clone()), 10).await, [], "an empty log has an end, too");
    announce(&bench, 0..10).await;
    let all = page(&bench, Some(before), 100).await;
    let numbers =
        |told: &[Told]| -> Vec<Value> { told.iter().map(|told| told.event.data["n"].clone()).collect() };
    assert_eq!(numbers(&all), (0..10).map(Value::from).collect::<Vec<_>>());
    let (mut after, mut read) = (None, Vec::new());
    loop {
        let page = page(&bench, after.clone(), 3).await;
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after = Some(last.position.clone());
        read.extend(page);
    }
    assert_eq!(read, all);
    assert_eq!(after.as_ref(), Some(&*bench.store().newest().borrow()), "the last one is the end");
}

pub(crate) async fn who_waits_hears_of_it<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let mut newest = bench.store().newest();
    let before = newest.borrow_and_update().clone();
    goes_out(&bench, &send("s-1", who(1))).await;
    let heard = timeout(SOON, newest.wait_for(|newest| *newest > before)).await;
    heard.expect("it is heard of").expect("the store lives");
    let [told] = &page(&bench, Some(before), 10).await[..] else { panic!("one event") };
    assert_eq!(told.event.kind, "send.sent");
}

pub(crate) async fn a_position_that_is_gone_is_named<B: Backend>() {
    // Redis lets go in nodes of a hundred.
    let bench = Bench::<B>::with(|rules| rules.keep_events = 50).await;
    let start = bench.store().newest().borrow().clone();
    announce(&bench, 0..1).await;
    let first = page(&bench, None, 1).await.remove(0).position;
    announce(&bench, 1..350).await;
    let kept = page(&bench, None, 1000).await;
    assert!((50..=200).contains(&kept.len()), "{} are kept", kept.len());
    for after in [start, first] {
        let gone = bench.store().events(Some(after), 10).await.expect("events works");
        let Heard::Gone { before } = gone else { panic!("it is not said that some are gone") };
        assert_eq!(page(&bench, Some(before), 1000).await, kept, "asking from there brings all that is kept");
    }
    let middle = kept[kept.len() / 2].position.clone();
    assert_eq!(page(&bench, Some(middle), 1000).await.len(), kept.len() - kept.len() / 2 - 1);
    for strange in ["99999999999999999-0", "99999999999999999999", "1-2-3"] {
        let strange = Position::new(strange);
        let answer = bench.store().events(Some(strange), 10).await.expect("events works");
        assert!(matches!(answer, Heard::Gone { .. }), "{answer:?}: it is not of this log");
    }
}

pub(crate) async fn no_event_is_lost_in_a_crash<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    for n in 0..20 {
        goes_out(&bench, &send(&format!("s-{n}"), who(n))).await;
    }
    // At once: what was told and what was not yet is chance.
    bench.backend.crash().await;
    bench.pass(B::HABITS.alive_after_death + LEFT);
    let told = told(&bench, 20).await;
    assert!(told.iter().all(|told| told.event.kind == "send.sent"));
}

pub(crate) async fn positions_survive<B: Backend>() {
    let mut bench = Bench::<B>::with(|rules| rules.keep_events = 1000).await;
    announce(&bench, 0..10).await;
    let before = page(&bench, None, 100).await;
    bench.backend.crash().await;
    assert_eq!(page(&bench, Some(before[4].position.clone()), 100).await, before[5..]);
    bench.backend.reopen().await;
    announce(&bench, 10..11).await;
    let after = page(&bench, Some(before[9].position.clone()), 100).await;
    let [told] = &after[..] else { panic!("one more, not {after:?}") };
    assert_eq!(told.event, own(10));
    let mut newest = bench.store().newest();
    let end = timeout(SOON, newest.wait_for(|newest| *newest == told.position)).await;
    end.expect("it is the end").expect("the store lives");
}

pub(crate) async fn gateways_hear_each_other<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let other = bench.backend.another().await;
    let mut newest = other.newest();
    goes_out(&bench, &send("s-1", who(1))).await;
    let told = told(&bench, 1).await;
    let heard = timeout(SOON, newest.wait_for(|newest| *newest == told[0].position)).await;
    heard.expect("it hears soon").expect("it lives");
    assert_eq!(other.events(None, 10).await.expect("events works"), Heard::Events(told));
}
