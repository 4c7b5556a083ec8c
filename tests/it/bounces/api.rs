//! `POST /v1/bounces`, `PUT /v1/suppressions`, and what a lookup shows.

use serde_json::{Value, json};
use vigie::store::Heard;

use super::report::{failed, letter, returned};
use crate::api::client::Client;
use crate::api::house::{House, NOW, send};

const MARIE: &str = "canary-marie@example.org";

/// All events of a kind, as they stand in the log.
async fn events(house: &House, kind: &str) -> Vec<Value> {
    let Heard::Events(told) = house.store.events(None, 100).await.expect("events works") else {
        panic!("gone")
    };
    let of_kind = told.into_iter().filter(|told| told.event.kind == kind);
    of_kind.map(|told| serde_json::to_value(told.event).expect("JSON")).collect()
}

async fn state(house: &House, id: &str) -> Value {
    house.operator().get(&format!("/v1/sends/{id}?brand=demo")).await.with(200)["state"].clone()
}

async fn suppressions(house: &House) -> Value {
    let person = house.operator().post("/v1/recipients/lookup", &json!({"email": MARIE})).await.with(200);
    person.get("suppressions").cloned().unwrap_or(json!([]))
}

fn other(house: &House) -> Client {
    Client { address: house.address, key: Some("key of other".into()) }
}

#[tokio::test]
async fn a_hard_bounce_sends_all_that_waits_to_the_next_channel() {
    let house = House::open().await;
    house.producer().post("/v1/sends", &send("s-1", MARIE)).await.with(202);
    let bounce = json!({"email": MARIE, "kind": "hard", "status": "5.1.1", "detail": format!("<{MARIE}> unknown"), "at": NOW});
    let heed = house.producer().post("/v1/bounces", &bounce).await.with(200);
    assert_eq!((&heed["suppressed"], &heed["handed_off"]), (&json!("brand"), &json!(1)));
    assert_eq!(state(&house, "s-1").await, "handed_off");
    house.producer().post("/v1/sends", &send("s-2", MARIE)).await.with(202);
    assert_eq!(state(&house, "s-2").await, "handed_off");
    let known = suppressions(&house).await;
    let expected = json!([{"scope": "brand", "brand": "demo", "why": "hard_bounce", "detail": "5.1.1 <address> unknown", "since": NOW}]);
    assert_eq!(known, expected);
    house.producer().post("/v1/bounces", &bounce).await.with(200);
    let told = events(&house, "mail.bounced").await;
    assert_eq!(
        told[0]["data"],
        json!({
            "kind": "hard", "status": "5.1.1", "detail": "<address> unknown", "suppressed": "brand",
        })
    );
    assert!(told.iter().all(|event| event["id"] == told[0]["id"]), "the same said again is the same event");
    let metrics = house.registry.text();
    assert!(metrics.contains("vigie_bounces_total{brand=\"demo\",kind=\"hard\"} 2"), "{metrics}");
    assert!(!metrics.contains("canary"), "{metrics}");
}

#[tokio::test]
async fn a_producers_word_stops_its_own_mail_alone() {
    let house = House::open().await;
    house.producer().post("/v1/sends", &send("s-1", MARIE)).await.with(202);
    let bounce = json!({"email": MARIE, "kind": "hard", "status": "5.1.1"});
    assert_eq!(other(&house).post("/v1/bounces", &bounce).await.with(200)["suppressed"], "brand");
    assert_eq!(state(&house, "s-1").await, "waiting", "what another brand says is not proven");
    let everybodys = json!({"email": MARIE, "kind": "hard", "brand": "other"});
    assert_eq!(house.operator().post("/v1/bounces", &everybodys).await.with(200)["suppressed"], "all");
    assert_eq!(state(&house, "s-1").await, "handed_off");
}

#[tokio::test]
async fn a_complaint_stops_the_brand_and_a_soft_bounce_nothing() {
    let house = House::open().await;
    house.producer().post("/v1/sends", &send("s-1", MARIE)).await.with(202);
    let soft = house
        .producer()
        .post("/v1/bounces", &json!({"send": "s-1", "kind": "soft", "status": "4.2.2"}))
        .await;
    assert_eq!(soft.with(200).get("suppressed"), None);
    assert_eq!(suppressions(&house).await, json!([]));
    assert_eq!(events(&house, "mail.bounced").await[0]["data"]["id"], "s-1");
    let complaint = json!({"send": "s-1", "kind": "complaint"});
    assert_eq!(house.producer().post("/v1/bounces", &complaint).await.with(200)["suppressed"], "brand");
    assert_eq!(suppressions(&house).await[0]["brand"], "demo");
    assert_eq!(events(&house, "mail.complained").await.len(), 1);
    let ended = house.producer().post("/v1/bounces", &complaint).await.problem(422);
    assert_eq!(ended["field"], "send", "a finished send keeps nothing of whom it went to");
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let house = House::open().await;
    let (producer, operator) = (house.producer(), house.operator());
    for (statement, field) in [
        (json!({"kind": "hard"}), "email"),
        (json!({"email": MARIE, "kind": "awful"}), "kind"),
        (json!({"email": MARIE, "kind": "hard", "status": "550"}), "status"),
        (json!({"email": MARIE, "kind": "soft", "scope": "all"}), "scope"),
        (json!({"email": MARIE, "kind": "hard", "at": "2027-01-01T00:00:00Z"}), "at"),
        (json!({"email": MARIE, "kind": "hard", "detail": "x".repeat(501)}), "detail"),
        (json!({"send": "nobody", "kind": "hard"}), "send"),
    ] {
        assert_eq!(
            producer.post("/v1/bounces", &statement).await.problem(422)["field"],
            field,
            "{statement}"
        );
    }
    for statement in [json!({"email": MARIE, "kind": "complaint"}), json!({"send": "s-1", "kind": "hard"})] {
        assert_eq!(operator.post("/v1/bounces", &statement).await.problem(422)["field"], "brand");
    }
    for statement in [
        json!({"email": MARIE, "kind": "hard", "brand": "other"}),
        json!({"email": MARIE, "kind": "complaint", "scope": "all"}),
        json!({"email": MARIE, "kind": "hard", "scope": "all"}),
    ] {
        producer.post("/v1/bounces", &statement).await.problem(403);
    }
    assert_eq!(suppressions(&house).await, json!([]));
    let without = operator.post("/v1/bounces", &json!({"email": MARIE, "kind": "hard"})).await.with(200);
    assert_eq!(without["suppressed"], "all");
    assert!(events(&house, "mail.bounced").await.is_empty(), "an event is a brand's");
}

#[tokio::test]
async fn many_are_told_line_by_line() {
    let house = House::open().await;
    let lines = [
        json!({"email": MARIE, "kind": "hard"}).to_string(),
        "{".to_owned(),
        json!({"email": "canary-b@example.org", "kind": "complaint"}).to_string(),
    ];
    let answers = house.producer().bulk("/v1/bounces", &(lines.join("\n") + "\n")).await.lines();
    let statuses: Vec<_> = answers.iter().map(|answer| answer["status"].clone()).collect();
    assert_eq!(statuses, [json!(200), json!(400), json!(200)]);
    assert_eq!((&answers[0]["suppressed"], &answers[2]["suppressed"]), (&json!("brand"), &json!("brand")));
}

#[tokio::test]
async fn a_mail_is_believed_if_it_brings_back_what_was_signed() {
    let house = House::open().await;
    house.producer().post("/v1/sends", &send("s-1", MARIE)).await.with(202);
    let post = async |mail: String| {
        let answer = house.operator().call("POST", "/v1/bounces", "message/rfc822", &mail).await;
        answer.with(202)["what"].as_str().expect("a word").to_owned()
    };
    let signed = returned(&house, MARIE);
    let forged = signed.replace(['a', 'b'], "c");
    assert_eq!(post(failed("5.1.1", &letter(&forged, "s-1"))).await, "unverified");
    assert_eq!(post(failed("5.1.1", "X-Vigie-Send: s-1\r\n")).await, "unverified");
    assert_eq!(post("Subject: away\r\n\r\nI am away\r\n".into()).await, "ignored");
    assert_eq!(suppressions(&house).await, json!([]));
    let verp = failed("5.1.1", "").replace("bounces@demo", &format!("bounces+{signed}@demo"));
    assert_eq!(post(failed("4.2.2", &letter(&signed, "s-1"))).await, "soft");
    assert_eq!(post(verp).await, "hard");
    assert_eq!(post(failed("5.1.1", &letter(&signed, "s-1"))).await, "hard");
    assert_eq!(suppressions(&house).await[0]["scope"], "all", "it is proven");
    assert_eq!(state(&house, "s-1").await, "handed_off");
    let told = events(&house, "mail.bounced").await;
    assert_eq!(told[2]["data"]["id"], "s-1", "{told:?}");
    assert!(!json!(told).to_string().contains("canary"), "{told:?}");
}

#[tokio::test]
async fn mail_is_stopped_and_let_through_by_hand() {
    let house = House::open().await;
    let (producer, operator) = (house.producer(), house.operator());
    let own = |suppressed| json!({"email": MARIE, "suppressed": suppressed, "detail": "called us"});
    let stopped = producer.put("/v1/suppressions", &own(true)).await.with(200);
    assert_eq!(
        (&stopped["scope"], &stopped["brand"], &stopped["changed"]),
        (&json!("brand"), &json!("demo"), &json!(true))
    );
    assert_eq!(producer.put("/v1/suppressions", &own(true)).await.with(200)["changed"], false);
    assert_eq!(suppressions(&house).await[0]["why"], "manual");
    assert_eq!(
        other(&house).put("/v1/suppressions", &own(false)).await.with(200)["changed"],
        false,
        "another's"
    );
    assert_eq!(producer.put("/v1/suppressions", &own(false)).await.with(200)["changed"], true);
    assert_eq!(suppressions(&house).await, json!([]));
    let all = json!({"email": MARIE, "suppressed": true, "scope": "all"});
    producer.put("/v1/suppressions", &all).await.problem(403);
    assert_eq!(operator.put("/v1/suppressions", &all).await.with(200)["scope"], "all");
    for (statement, field) in [
        (json!({"email": MARIE, "suppressed": true}), "brand"),
        (json!({"email": MARIE, "suppressed": true, "scope": "all", "brand": "demo"}), "scope"),
        (json!({"email": MARIE, "suppressed": true, "brand": "demo", "detail": MARIE}), "detail"),
    ] {
        assert_eq!(operator.put("/v1/suppressions", &statement).await.problem(422)["field"], field);
    }
}
