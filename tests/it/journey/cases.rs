//! Cases from the door to the letter: what is owed now stands in it, and what is settled or handed off is not written about.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::gateway::Gateway;
use crate::support::letter::Letter;

fn debt(email: &str, amount: &str) -> Value {
    json!({
        "to": {"email": email}, "amount": amount, "currency": "EUR", "due_date": "2026-03-01", "language": "fr",
        "first_letter": {"reference": "LR-88", "date": "2026-02-02"}, "attributes": {"score": 7},
    })
}

fn letter(id: &str, email: &str, case: &str) -> Value {
    json!({"id": id, "brand": "demo", "template": "reminder", "case": case, "to": {"email": email}})
}

#[tokio::test]
async fn a_letter_says_what_is_owed_when_it_goes() {
    let mut gateway = Gateway::start(&[]).await;
    let path = "/v1/cases/demo/K-1";
    let put = async |body: &Value| gateway.call(Method::PUT, path, body).await;

    let opened = put(&debt("marie@example.org", "1200.50")).await;
    assert_eq!(opened.status, StatusCode::CREATED, "{}", opened.text());
    let view = opened.json();
    assert_eq!(
        (&view["state"], &view["amount"], &view["mails"]),
        (&json!("open"), &json!("1200.50"), &json!(0))
    );
    assert!(!opened.text().contains("marie"), "an address is not shown");
    // Its values are all the template needs; another person's letter is refused, and so is one without a case.
    gateway.push(&letter("s-1", "marie@example.org", "K-1")).await;
    let stranger = gateway.call(Method::POST, "/v1/sends", &letter("s-2", "paul@example.org", "K-1")).await;
    assert_eq!(
        (stranger.status, &stranger.json()["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("to.email"))
    );
    let unknown = gateway.call(Method::POST, "/v1/sends", &letter("s-3", "marie@example.org", "K-2")).await;
    assert_eq!(
        (unknown.status, &unknown.json()["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("vars.amount"))
    );

    let paid = put(&debt("marie@example.org", "200.50")).await;
    assert_eq!(paid.status, StatusCode::OK, "{}", paid.text());
    gateway.comes_online("marie@example.org").await;
    gateway.reaches("s-1", "sent").await;
    let text = Letter::read(&gateway.outbox()[0]).text;
    assert!(text.contains("200,50\u{a0}€") && !text.contains("1200"), "{text}");
    assert_eq!(gateway.case("demo", "K-1").await["mails"], 1);
    gateway.leaves_undecided(0);
}

#[tokio::test]
async fn a_closed_case_is_not_written_about() {
    let mut gateway = Gateway::start(&[]).await;
    for (case, door, state) in [("K-1", "settle", "settled"), ("K-2", "handoff", "handed_off")] {
        let path = format!("/v1/cases/demo/{case}");
        gateway.call(Method::PUT, &path, &debt("marie@example.org", "1")).await;
        gateway.push(&letter(case, "marie@example.org", case)).await;
        let closed = gateway.call(Method::POST, &format!("{path}/{door}"), &json!({"reason": "paid"})).await;
        assert_eq!((closed.status, &closed.json()["state"]), (StatusCode::OK, &json!(state)));
        assert_eq!(closed.json()["cancelled"], 1);
        let late = gateway.call(Method::POST, "/v1/sends", &letter("late", "marie@example.org", case)).await;
        assert_eq!(
            (late.status, &late.json()["type"]),
            (StatusCode::CONFLICT, &json!("urn:vigie:problem:case-closed"))
        );
        let again = gateway.call(Method::PUT, &path, &debt("marie@example.org", "1")).await;
        assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.text());
        let view = gateway.case("demo", case).await;
        assert_eq!(
            (&view["state"], &view["reason"], view.get("amount")),
            (&json!(state), &json!("paid"), None)
        );
        let same = gateway.call(Method::POST, "/v1/sends", &letter(case, "marie@example.org", case)).await;
        assert_eq!(same.status, StatusCode::OK, "what was accepted stays accepted");
    }
    gateway.leaves_undecided(0);
}

#[tokio::test]
async fn a_case_that_cannot_be_is_refused_by_its_field() {
    let gateway = Gateway::start(&[]).await;
    let with = |field: &str, value: Value| {
        let mut body = debt("marie@example.org", "1");
        body[field] = value;
        body
    };
    for (field, value) in [
        ("to", json!({"email": "nobody"})),
        ("amount", json!("12,50")),
        ("currency", json!("euro")),
        ("due_date", json!("tomorrow")),
        ("zone", json!("Paris")),
        ("deadline", json!("2020-01-01T00:00:00Z")),
        ("first_letter", json!({"reference": "LR-88"})),
        ("attributes", json!({"text": "x".repeat(20_000)})),
        ("colour", json!("red")),
    ] {
        let refused = gateway.call(Method::PUT, "/v1/cases/demo/K-1", &with(field, value)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}: {}", refused.text());
        let named = refused.json()["field"].as_str().unwrap_or_default().to_owned();
        assert!(named.starts_with(field) || refused.text().contains(field), "{field}: {}", refused.text());
    }
    let unknown = gateway.call(Method::GET, "/v1/cases/demo/K-1", &Value::Null).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}
