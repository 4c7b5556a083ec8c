//! A store that many gateways share: one that dies proves nothing about the others.

use std::time::Duration;

use vigie::model::{OnUncertain, SendId, SendState};
use vigie::store::Fenced;

use super::bench::{Backend, Bench, accepted, references, rules, send, signal, who};
use super::flows::{paused, scope};

/// After a crash a lease may last one lease longer.
fn at_last() -> Duration {
    2 * rules().lease
}

/// The first `count` leases that run out. A store that was just opened hears of them one partition after the other.
async fn expired<B: Backend>(bench: &Bench<B>, count: usize) -> Vec<(SendId, SendState)> {
    let mut expired = Vec::new();
    while expired.len() < count {
        bench.due().await;
        expired.extend(bench.tick().await.expired);
    }
    expired
}

pub(crate) async fn claims_survive_a_crash_and_come_back_by_their_lease<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    let letter = send("s-1", who(1));
    bench.accept(&letter).await;
    let hold = bench.claim(who(1)).await.hold;
    bench.backend.crash().await;
    assert_eq!(bench.state(&letter).await, Some(SendState::Claimed));
    assert!(bench.touch(who(1)).await.is_empty(), "its holder may live");
    assert!(bench.tick().await.expired.is_empty());
    bench.pass(at_last());
    assert_eq!(expired(&bench, 1).await, [(letter.id, SendState::Waiting)]);
    assert_eq!(bench.store().begin(hold).await.expect("begin works"), Fenced::Stale);
    assert_eq!(references(&bench.touch(who(1)).await), ["s-1"]);
    bench.counts().await;
}

pub(crate) async fn a_begun_claim_that_nobody_ends_leaves_doubt_with_its_lease<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    let kept = send("kept", who(1));
    let mut resent = send("resent", who(2));
    resent.on_uncertain = OnUncertain::Resend;
    bench.enqueue(&[kept.clone(), resent.clone()]).await;
    for n in [1, 2] {
        let hold = bench.claim(who(n)).await.hold;
        assert_eq!(bench.store().begin(hold).await.expect("begin works"), Fenced::Done);
    }
    bench.backend.crash().await;
    assert_eq!(bench.state(&kept).await, Some(SendState::Claimed));
    bench.pass(at_last());
    let expired = expired(&bench, 2).await;
    assert!(expired.contains(&(kept.id, SendState::Uncertain)), "{expired:?}");
    assert!(expired.contains(&(resent.id, SendState::Waiting)), "{expired:?}");
    bench.counts().await;
}

pub(crate) async fn a_holder_goes_on_after_a_crash<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    let (begun, claimed) = (send("begun", who(1)), send("claimed", who(2)));
    bench.enqueue(&[begun.clone(), claimed.clone()]).await;
    let holds = [bench.claim(who(1)).await.hold, bench.claim(who(2)).await.hold];
    assert_eq!(bench.store().begin(holds[0]).await.expect("begin works"), Fenced::Done);
    bench.backend.crash().await;
    let renewed = bench.store().renew(&holds).await.expect("renew works");
    assert_eq!(renewed, [Fenced::Done, Fenced::Done]);
    assert_eq!(bench.store().begin(holds[1]).await.expect("begin works"), Fenced::Done);
    for hold in holds {
        bench.sent(hold).await;
    }
    assert_eq!(bench.state(&begun).await, Some(SendState::Sent));
    assert_eq!(bench.state(&claimed).await, Some(SendState::Sent));
}

pub(crate) async fn presence_survives_a_crash<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    bench.touch(who(1)).await;
    let online = bench.store().person(who(1)).await.expect("person works").online;
    assert!(online.is_some());
    bench.backend.crash().await;
    assert_eq!(bench.store().person(who(1)).await.expect("person works").online, online);
    assert!(bench.accept(&send("s-1", who(1))).await.is_some(), "claimed at once");
}

pub(crate) async fn gateways_see_the_same_store<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let other = bench.backend.another().await;
    let letter = send("s-1", who(1));
    bench.accept(&letter).await;
    let touched = other.touch(signal(who(1))).await.expect("touch works");
    let [claim] = &touched.claims[..] else { panic!("one claim, not {touched:?}") };
    assert!(bench.touch(who(1)).await.is_empty(), "it is claimed once");
    assert_eq!(bench.store().begin(claim.hold).await.expect("begin works"), Fenced::Done);
    assert_eq!(other.finish(claim.hold, accepted()).await.expect("finish works"), Fenced::Done);
    assert_eq!(bench.state(&letter).await, Some(SendState::Sent));
    assert!(bench.accept(&send("s-2", who(1))).await.is_some(), "presence is everybody's");
    other.close().await.expect("it closes");
    assert!(bench.accept(&send("s-3", who(1))).await.is_some(), "and outlasts who heard of it");
    bench.counts().await;
}

pub(crate) async fn every_gateway_follows_a_flow<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&send("s-1", who(1))).await;
    let other = bench.backend.another().await;
    let mut flows = other.flows();
    bench.store().set_flow(scope(None), paused()).await.expect("set_flow works");
    let heard = flows.wait_for(|flows| flows.settings.get(&scope(None)) == Some(&paused()));
    tokio::time::timeout(Duration::from_secs(10), heard).await.expect("it hears soon").expect("it lives");
    let touched = other.touch(signal(who(1))).await.expect("touch works");
    assert!(touched.claims.is_empty(), "the flow is held");
}
