//! The stream with the API's own counter behind it, as the application puts them together.

use serde_json::Value;
use vigie::api::Counter;
use vigie::app::producers::accept;

use super::{Gateway, House, PACE};
use crate::api::house::{House as Api, send};

#[tokio::test]
async fn an_entry_is_a_send_like_any_other() {
    let (house, api) = (House::open().await, Api::open().await);
    api.seen("marie@example.org").await;
    house.add(&send("online", "marie@example.org").to_string()).await;
    let mut nameless = send("", "paul@example.org");
    nameless.as_object_mut().expect("an object").remove("id");
    let entry = house.add(&nameless.to_string()).await;
    let mut unfit = send("unfit", "paul@example.org");
    unfit["vars"] = serde_json::json!({});
    let refused = house.add(&unfit.to_string()).await;

    let gateway = Gateway::start(&house.redis.url(), accept(Counter::new(&api.doors)), PACE);
    house.all_done().await;
    let mut fired = api.fired.clone();
    let fired = fired.wait_for(|claims| !claims.is_empty()).await.expect("the house stands").clone();
    assert_eq!(fired.iter().map(|claim| claim.spec.reference.as_str()).collect::<Vec<_>>(), ["online"]);
    let look = api.operator().get(&format!("/v1/sends/stream-{entry}")).await.with(200);
    assert_eq!(look["state"], "waiting");
    let rejected = house.rejected().await;
    let problem: Value = serde_json::from_str(&rejected[0][1]).expect("a problem is JSON");
    assert_eq!((rejected.len(), &rejected[0][0]), (1, &refused));
    assert_eq!((&problem["status"], &problem["field"]), (&422.into(), &"vars.amount".into()));
    assert_eq!(rejected[0][2], unfit.to_string());
    gateway.stop().await;
}

#[tokio::test]
async fn without_a_store_entries_stay_in_redis() {
    let (house, api) = (House::open().await, Api::open().await);
    api.store.close().await.expect("closed");
    house.add(&send("s-1", "marie@example.org").to_string()).await;
    let gateway = Gateway::start(&house.redis.url(), accept(Counter::new(&api.doors)), PACE);
    crate::support::wait::wait_until("it is pending", crate::support::wait::SOON, async || {
        let asked = house.redis.ask(&["XPENDING", "vigie:sends", "vigie"]).await.is_ok();
        (asked && house.pending().await == 1).then_some(())
    })
    .await;
    gateway.stop().await;
    assert_eq!((house.number(&["XLEN", "vigie:sends"]).await, house.pending().await), (1, 1));
    assert!(house.rejected().await.is_empty());
}
