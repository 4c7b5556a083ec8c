//! The life of a send, as producers and operators see it.

use std::time::Duration;

use serde_json::{Value, json};
use vigie::store::Heard;

use super::house::{House, send};

/// The verdict and value of one rule of a send.
fn why<'a>(send: &'a Value, rule: &str) -> (&'a str, &'a str) {
    let rules = send["why"].as_array().expect("reasons");
    let found = rules.iter().find(|found| found["name"] == rule).expect(rule);
    (found["verdict"].as_str().expect("a verdict"), found["value"].as_str().expect("a value"))
}

#[tokio::test]
async fn pushed_once_pushed_again_and_contradicted() {
    let house = House::open().await;
    let producer = house.producer();
    let push = send("s-1", "marie@example.org");
    let accepted = json!({"id": "s-1", "brand": "demo", "state": "waiting"});
    assert_eq!(producer.post("/v1/sends", &push).await.with(202), accepted);
    assert_eq!(producer.post("/v1/sends?wait=durable", &push).await.with(200), accepted);
    let mut other = push;
    other["vars"]["amount"] = "1 €".into();
    let problem = producer.post("/v1/sends", &other).await.problem(409);
    assert_eq!(problem["type"], "urn:vigie:problem:conflict");
    let counts = house.store.snapshot().await.expect("counters");
    assert_eq!(counts.flows.values().map(|counts| counts.accepted).sum::<u64>(), 1);
}

#[tokio::test]
async fn the_same_text_in_another_order_is_the_same_send() {
    let house = House::open().await;
    let producer = house.producer();
    producer.post("/v1/sends", &send("s-1", "marie@example.org")).await.with(202);
    let respelt = r#" { "vars": {"amount":"120,50 €"}, "template":"reminder", "priority": 0, "id":"s-1",
        "to":{"name":"Marie","email":"marie@example.org"}, "case":"c-1", "campaign":"wave", "brand":"demo"} "#;
    producer.call("POST", "/v1/sends", "application/json; charset=utf-8", respelt).await.with(200);
}

#[tokio::test]
async fn a_send_for_somebody_online_is_claimed_and_fired() {
    let house = House::open().await;
    house.seen("marie@example.org").await;
    let answer = house.producer().post("/v1/sends", &send("s-1", "marie@example.org")).await.with(202);
    assert_eq!(answer["state"], "claimed");
    let fired = house.fired.borrow().clone();
    assert_eq!((fired.len(), fired[0].spec.reference.as_str()), (1, "s-1"));
    let again = house.producer().post("/v1/sends", &send("s-1", "marie@example.org")).await.with(200);
    assert_eq!(again["state"], "claimed");
    assert_eq!(house.fired.borrow().len(), 1, "the same again fires nothing");
}

#[tokio::test]
async fn a_send_without_an_id_gets_one() {
    let house = House::open().await;
    let mut push = send("", "marie@example.org");
    push.as_object_mut().expect("an object").remove("id");
    let id = house.producer().post("/v1/sends", &push).await.with(202)["id"].clone();
    let path = format!("/v1/sends/{}", id.as_str().expect("an id"));
    assert_eq!(house.producer().get(&path).await.with(200)["id"], id);
}

#[tokio::test]
async fn looking_says_why_and_shows_no_address() {
    let house = House::open().await;
    let mut push = send("s/1?", "marie.curie@example.org");
    push["deadline"] = "2026-03-03T09:00:00+01:00".into();
    push["on_deadline"] = "handoff".into();
    house.producer().post("/v1/sends", &push).await.with(202);
    let answer = house.producer().get("/v1/sends/s%2F1%3F").await;
    let seen = answer.with(200);
    assert!(!answer.text.contains("curie"), "{}", answer.text);
    let expected = json!({
        "id": "s/1?", "brand": "demo", "campaign": "wave", "case": "c-1", "state": "waiting", "attempts": 0,
        "template": "reminder", "to": "m***@example.org", "priority": 0,
        "deadline": "2026-03-03T08:00:00Z", "on_deadline": "handoff",
    });
    for (member, value) in expected.as_object().expect("an object") {
        assert_eq!(&seen[member], value, "{member}");
    }
    assert_eq!(seen["history"][0]["event"], "accepted");
    assert_eq!(why(&seen, "presence").0, "hold");
    for passing in ["state", "flow", "not_before", "min_gap", "deadline", "consent"] {
        assert_eq!(why(&seen, passing).0, "pass", "{passing}");
    }
    assert_eq!(why(&seen, "deadline").1, "at 2026-03-03T08:00:00Z it is handed off to another channel");
}

#[tokio::test]
async fn a_paused_flow_holds_and_says_so() {
    let house = House::open().await;
    let operator = house.operator();
    house.producer().post("/v1/sends", &send("s-1", "marie@example.org")).await.with(202);
    let pause = json!({"state": "paused", "until": "2026-03-02T10:00:00Z", "reason": "wrong amounts"});
    let set = operator.put("/v1/flows/demo/wave", &pause).await.with(200);
    let Heard::Events(told) = house.store.events(None, 10).await.expect("events work") else {
        panic!("all are kept")
    };
    let told: Vec<_> =
        told.iter().map(|told| (told.event.kind.as_str(), &told.event.data["scope"])).collect();
    assert_eq!(told, [("flow.changed", &json!("demo/wave"))]);
    assert_eq!((&set["campaign"], &set["since"]), (&json!("wave"), &json!("2026-03-02T09:00:00Z")));
    assert!(house.seen("marie@example.org").await.is_empty(), "nothing is claimed");
    let seen = operator.get("/v1/sends/s-1").await.with(200);
    let (verdict, value) = why(&seen, "flow");
    assert_eq!(verdict, "hold");
    assert!(
        value.contains("wave") && value.ends_with("until 2026-03-02T10:00:00Z: wrong amounts"),
        "{value}"
    );
    let states = |flows: Value| -> Vec<String> {
        let flows = flows["flows"].as_array().expect("flows").clone();
        flows
            .iter()
            .map(|flow| format!("{}/{}: {}", flow["brand"], flow["campaign"], flow["state"]))
            .collect()
    };
    let listed = states(operator.get("/v1/flows").await.with(200));
    assert_eq!(
        listed,
        [
            "\"demo\"/null: \"running\"",
            "\"demo\"/\"wave\": \"paused\"",
            "\"other\"/null: \"running\"",
            "\"partner\"/\"paper\": \"running\""
        ]
    );
    house.clock.advance(Duration::from_hours(1));
    let listed = states(operator.get("/v1/flows").await.with(200));
    assert_eq!(listed[1], "\"demo\"/\"wave\": \"running\"", "the pause ended by itself");
}

#[tokio::test]
async fn what_has_just_begun_slowly_goes_on_so_whatever_is_said() {
    let house = House::open().await;
    let operator = house.operator();
    let set = async |change: Value| operator.put("/v1/flows/demo", &change).await.with(200);
    set(json!({"state": "paused"})).await;
    house.clock.advance(Duration::from_mins(1));
    let first = set(json!({"state": "running"})).await;
    assert!(first["ramps_until"].is_string(), "{first}");
    house.clock.advance(Duration::from_secs(1));
    for again in [json!({"state": "running"}), json!({"state": "running", "rate_per_second": 500})] {
        let again = set(again).await;
        assert_eq!((&again["ramps_until"], &again["rate_now"]), (&first["ramps_until"], &first["rate_now"]));
    }
    set(json!({"state": "paused", "until": "2026-03-02T10:00:00Z"})).await;
    house.clock.advance(Duration::from_hours(1));
    let ended = set(json!({"state": "running"})).await;
    assert!(ended["ramps_until"].is_string(), "a pause that ended by itself begins slowly, too: {ended}");
    house.clock.advance(Duration::from_hours(1));
    let over = set(json!({"state": "running"})).await;
    assert_eq!(over["ramps_until"], Value::Null, "{over}");
}

#[tokio::test]
async fn a_limit_may_end_by_itself() {
    let house = House::open().await;
    let operator = house.operator();
    let shown = async || operator.get("/v1/flows").await.with(200)["flows"][0].clone();
    let limit = json!({"state": "running", "rate_per_second": 2, "until": "2026-03-02T10:00:00Z"});
    let set = operator.put("/v1/flows/demo", &limit).await.with(200);
    assert_eq!((&set["until"], &set["in_force"]["rate_by"]), (&limit["until"], &json!("operator")));
    assert_eq!(shown().await, set);
    house.clock.advance(Duration::from_hours(1));
    let over = shown().await;
    assert_eq!((&over["in_force"], &over["rate_per_second"]), (&json!({}), &Value::Null), "{over}");
    assert_eq!((&over["state"], &over["until"]), (&json!("running"), &Value::Null), "{over}");
}

#[tokio::test]
async fn bad_flow_changes_are_refused() {
    let house = House::open().await;
    let operator = house.operator();
    for (path, change, status, field) in [
        ("/v1/flows/demo", json!({"state": "running", "rate_per_second": 0}), 422, json!("rate_per_second")),
        ("/v1/flows/demo", json!({"state": "running", "per_day": 0}), 422, json!("per_day")),
        ("/v1/flows/demo", json!({"state": "slow"}), 422, json!("state")),
        ("/v1/flows/demo", json!({"state": "stopped"}), 422, json!("state")),
        ("/v1/flows/demo", json!({}), 422, json!("state")),
        ("/v1/flows/demo", json!({"state": "paused", "until": "2026-03-02T08:00:00Z"}), 422, json!("until")),
        ("/v1/flows/demo", json!({"state": "running", "until": "2026-03-02T10:00:00Z"}), 422, json!("until")),
        ("/v1/flows/demo", json!({"state": "paused", "reason": "a\nb"}), 422, json!("reason")),
        ("/v1/flows/demo/Wave", json!({"state": "paused"}), 422, json!("campaign")),
        ("/v1/flows/nobody", json!({"state": "paused"}), 404, Value::Null),
    ] {
        assert_eq!(operator.put(path, &change).await.problem(status)["field"], field, "{path} {change}");
    }
}

#[tokio::test]
async fn cancelling_is_final_and_repeatable() {
    let house = House::open().await;
    let producer = house.producer();
    producer.post("/v1/sends", &send("s-1", "marie@example.org")).await.with(202);
    for _ in 0..2 {
        assert_eq!(producer.delete("/v1/sends/s-1").await.with(200)["state"], "cancelled");
    }
    let gone = producer.get("/v1/sends/s-1").await;
    assert!(!gone.text.contains("example.org"), "{}", gone.text);
    assert_eq!(why(&gone.with(200), "state"), ("hold", "cancelled; this is final"));
    producer.delete("/v1/sends/s-2").await.problem(404);
}

#[tokio::test]
async fn what_is_being_handed_over_or_sent_cannot_be_cancelled() {
    let house = House::open().await;
    let producer = house.producer();
    producer.post("/v1/sends", &send("s-1", "marie@example.org")).await.with(202);
    let claim = house.seen("marie@example.org").await.remove(0);
    house.store.begin(claim.hold).await.expect("begun");
    let problem = producer.delete("/v1/sends/s-1").await.problem(409);
    assert_eq!(problem["type"], "urn:vigie:problem:in-hand-over");
    let accepted = vigie::model::Finish::Accepted { reply: "250 ok".into(), provider: None };
    house.store.finish(claim.hold, accepted).await.expect("finished");
    let problem = producer.delete("/v1/sends/s-1").await.problem(409);
    assert_eq!(problem["detail"], "it had ended before, as sent");
    producer.post("/v1/sends", &send("s-2", "marie@example.org")).await.with(202);
    let seen = producer.get("/v1/sends/s-2").await.with(200);
    assert_eq!(why(&seen, "min_gap").0, "hold");
}

#[tokio::test]
async fn settling_a_case_cancels_its_sends_and_no_others() {
    let house = House::open().await;
    let producer = house.producer();
    producer.post("/v1/sends", &send("s-1", "marie@example.org")).await.with(202);
    let mut other = send("s-2", "marie@example.org");
    other["case"] = "c-2".into();
    producer.post("/v1/sends", &other).await.with(202);
    let settled = producer.post("/v1/cases/demo/c-1/settle", &json!({"reason": "paid"})).await.with(200);
    assert_eq!(settled, json!({"brand": "demo", "case": "c-1", "cancelled": 1, "in_hand_over": 0}));
    assert_eq!(producer.get("/v1/sends/s-1").await.with(200)["state"], "cancelled");
    assert_eq!(producer.get("/v1/sends/s-2").await.with(200)["state"], "waiting");
    producer.post("/v1/cases/other/c-1/settle", &json!({"reason": "paid"})).await.problem(404);
    let no_reason = producer.post("/v1/cases/demo/c-1/settle", &json!({})).await.problem(422);
    assert_eq!(no_reason["field"], "reason");
}

#[tokio::test]
async fn pushing_again_after_the_deadline_is_still_the_same() {
    let house = House::open().await;
    let mut push = send("s-1", "marie@example.org");
    push["deadline"] = "2026-03-02T09:30:00Z".into();
    house.producer().post("/v1/sends", &push).await.with(202);
    house.clock.advance(Duration::from_hours(1));
    house.producer().post("/v1/sends", &push).await.with(200);
    push["id"] = "s-2".into();
    assert_eq!(house.producer().post("/v1/sends", &push).await.problem(422)["field"], "deadline");
}

#[tokio::test]
async fn counters_add_up_by_brand_and_campaign() {
    let house = House::open().await;
    house.producer().post("/v1/sends", &send("s-1", "marie@example.org")).await.with(202);
    let mut other = send("s-2", "marie@example.org");
    other["campaign"] = Value::Null;
    house.producer().post("/v1/sends", &other).await.with(202);
    house.producer().delete("/v1/sends/s-2").await.with(200);
    let stats = house.operator().get("/v1/stats").await.with(200);
    let demo = &stats["brands"][0];
    assert_eq!((&demo["brand"], &demo["total"]["accepted"]), (&json!("demo"), &json!(2)));
    assert_eq!(demo["total"]["states"]["waiting"], 1);
    assert_eq!(demo["total"]["conservation_gap"], 0);
    assert_eq!(demo["campaigns"][0]["campaign"], Value::Null);
    assert_eq!(demo["campaigns"][0]["states"]["cancelled"], 1);
    assert_eq!(demo["campaigns"][1]["campaign"], "wave");
}
