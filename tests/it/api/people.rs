//! What is known of one person: lookup, consent, oblivion.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::house::{House, NOW, send};

#[tokio::test]
async fn a_person_is_found_by_address_hash_or_id() {
    let house = House::open().await;
    let operator = house.operator();
    house.producer().post("/v1/sends", &send("s-1", "marie@example.org")).await.with(202);
    house.seen("marie@example.org").await;
    let by_address = operator.post("/v1/recipients/lookup", &json!({"email": " Marie@Example.org"})).await;
    let person = by_address.with(200);
    assert!(!by_address.text.contains("marie"), "{}", by_address.text);
    assert_eq!(person["recipient"].as_str().map(str::len), Some(32));
    assert_eq!((&person["online"], &person["source"]), (&json!(true), &json!("portal")));
    assert_eq!(person["last_seen"], NOW);
    assert_eq!(
        (&person["waiting"][0]["id"], &person["waiting"][0]["state"]),
        (&json!("s-1"), &json!("claimed"))
    );
    assert_eq!(person["budget"], json!({"min_gap": "600s"}));
    let hash = const_hex::encode(Sha256::digest("marie@example.org"));
    for who in [json!({"email_sha256": hash}), json!({"recipient": person["recipient"]})] {
        assert_eq!(operator.post("/v1/recipients/lookup", &who).await.with(200), person);
    }
    let unknown =
        operator.post("/v1/recipients/lookup", &json!({"email": "nobody@example.org"})).await.with(200);
    assert_eq!((&unknown["online"], &unknown["waiting"]), (&json!(false), &json!([])));
}

#[tokio::test]
async fn a_person_must_be_named_in_one_way() {
    let house = House::open().await;
    for (who, field) in [
        (json!({}), "email"),
        (json!({"email": "a@example.org", "recipient": "0".repeat(32)}), "email"),
        (json!({"email": "nonsense"}), "email"),
        (json!({"email_sha256": "12"}), "email_sha256"),
        (json!({"recipient": "xyz"}), "recipient"),
        (json!({"mail": "a@example.org"}), "mail"),
    ] {
        for path in ["/v1/recipients/lookup", "/v1/recipients/export", "/v1/recipients/forget"] {
            assert_eq!(house.operator().post(path, &who).await.problem(422)["field"], field, "{who}");
        }
    }
}

#[tokio::test]
async fn consents_are_recorded_and_withdrawn() {
    let house = House::open().await;
    let grant = json!({
        "email": "marie@example.org", "brand": "demo", "purpose": "presence", "granted": true, "proof": "form-2",
    });
    let recorded = house.producer().put("/v1/consents", &grant).await.with(200);
    assert_eq!((&recorded["granted"], &recorded["at"]), (&json!(true), &json!(NOW)));
    let mut withdrawal = grant.clone();
    withdrawal["granted"] = false.into();
    withdrawal["proof"] = "".into();
    house.producer().put("/v1/consents", &withdrawal).await.with(200);
    let who = json!({"email": "marie@example.org"});
    let person = house.operator().post("/v1/recipients/lookup", &who).await.with(200);
    assert_eq!(
        person["consents"].as_array().map(Vec::len),
        Some(1),
        "the later statement replaces the earlier"
    );
    assert_eq!(
        (&person["consents"][0]["brand"], &person["consents"][0]["granted"]),
        (&json!("demo"), &json!(false))
    );
    house.producer().post("/v1/sends", &send("s-1", "marie@example.org")).await.with(202);
    let seen = house.producer().get("/v1/sends/s-1").await.with(200);
    let consent =
        seen["why"].as_array().expect("reasons").iter().find(|rule| rule["name"] == "consent").cloned();
    assert!(consent.expect("a rule")["value"].as_str().expect("words").starts_with("withdrawn"));
}

#[tokio::test]
async fn bad_consents_are_refused() {
    let house = House::open().await;
    let good = json!({
        "email": "marie@example.org", "brand": "demo", "purpose": "presence", "granted": true, "proof": "form-2",
    });
    for (field, value, status, named) in [
        ("purpose", json!("statistics"), 422, json!("purpose")),
        ("granted", json!("yes"), 422, json!("granted")),
        ("proof", json!(""), 422, json!("proof")),
        ("proof", json!("said by marie@example.org"), 422, json!("proof")),
        ("proof", json!("a\nb"), 422, json!("proof")),
        ("email", json!("marie"), 422, json!("email")),
        ("partner", json!("news"), 422, json!("brand")),
        ("brand", json!("other"), 403, json!("brand")),
        ("brand", Value::Null, 422, json!("brand")),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        assert_eq!(house.producer().put("/v1/consents", &bad).await.problem(status)["field"], named, "{bad}");
    }
    let mut partner = good;
    partner["brand"] = Value::Null;
    partner["partner"] = "news".into();
    house.producer().put("/v1/consents", &partner).await.problem(403);
    assert_eq!(house.operator().put("/v1/consents", &partner).await.with(200)["partner"], "news");
}

#[tokio::test]
async fn forgetting_erases_and_says_what() {
    let house = House::open().await;
    house.producer().post("/v1/sends", &send("s-1", "marie@example.org")).await.with(202);
    house.producer().post("/v1/sends", &send("s-2", "paul@example.org")).await.with(202);
    let who = json!({"email": "marie@example.org"});
    let erased = house.operator().post("/v1/recipients/forget", &who).await.with(200);
    assert_eq!(
        (&erased["sends"], &erased["in_hand_over"], &erased["presence"]),
        (&json!(1), &json!(0), &json!(false))
    );
    assert_eq!(house.producer().get("/v1/sends/s-1").await.with(200)["state"], "cancelled");
    assert_eq!(house.producer().get("/v1/sends/s-2").await.with(200)["state"], "waiting");
    let again = house.operator().post("/v1/recipients/forget", &who).await.with(200);
    assert_eq!(again["sends"], 0);
}

#[tokio::test]
async fn an_export_holds_everything_and_what_was_said_before() {
    let house = House::open().await;
    house.producer().post("/v1/sends", &send("s-1", "marie@example.org")).await.with(202);
    for (granted, proof) in [(true, "form-1"), (false, "letter-2"), (true, "form-3")] {
        let statement = json!({
            "email": "marie@example.org", "brand": "demo", "purpose": "presence", "granted": granted, "proof": proof,
        });
        house.operator().put("/v1/consents", &statement).await.with(200);
    }
    let who = json!({"email": "marie@example.org"});
    house.producer().post("/v1/recipients/export", &who).await.problem(403);
    let held = house.operator().post("/v1/recipients/export", &who).await.with(200);
    assert_eq!(held["sends"][0]["to"]["email"], "marie@example.org", "it is their own");
    assert!(held["sends"][0]["vars"].is_object());
    assert_eq!(held["waiting"][0]["id"], "s-1");
    let said = &held["consents"][0];
    assert_eq!((&said["granted"], &said["proof"]), (&json!(true), &json!("form-3")));
    let earlier: Vec<_> =
        said["earlier"].as_array().expect("a list").iter().map(|said| &said["proof"]).collect();
    assert_eq!(earlier, ["letter-2", "form-1"]);
    house.operator().post("/v1/recipients/forget", &who).await.with(200);
    let nothing = house.operator().post("/v1/recipients/export", &who).await.with(200);
    assert_eq!((&nothing["sends"], &nothing["consents"]), (&json!([]), &json!([])));
}
