use serde_json::json;

use super::*;

fn examined(request: &Value) -> Result<SendSpec, Value> {
    let parsed = strict::parse::<SendRequest>(request.to_string().as_bytes());
    parsed
        .and_then(|request| request.into_spec(&Identity::new(&[1; 32]), House::default()))
        .map_err(|problem| serde_json::to_value(problem).expect("a problem is JSON"))
}

fn good() -> Value {
    json!({
        "id": "s-1", "brand": "demo", "campaign": "wave", "case": "2026/17",
        "to": {"email": "marie@example.org", "name": "Marie"}, "template": "reminder",
        "vars": {"amount": "120,50 €", "due_date": "2026-03-01"},
        "not_before": "2026-01-01T08:00:00+01:00", "deadline": "2026-01-02T08:00:00Z",
    })
}

/// `good` with one field replaced, by its JSON pointer.
fn with(pointer: &str, value: Value) -> Value {
    let mut request = good();
    *request.pointer_mut(pointer).expect("the field is there") = value;
    request
}

#[test]
fn a_good_request_becomes_a_send() {
    let spec = examined(&good()).expect("accepted");
    assert_eq!(spec.id, SendId::derive(&spec.brand, "s-1"));
    assert_eq!(spec.to.email(), "marie@example.org");
    assert_eq!(spec.not_before.expect("kept").to_string(), "2026-01-01T07:00:00Z");
    assert_eq!((spec.on_deadline, spec.priority), (OnDeadline::Send, 0));
    assert_eq!(spec.zone, None);
    let mut elsewhere = good();
    elsewhere["zone"] = "asia/tokyo".into();
    let elsewhere = examined(&elsewhere).expect("accepted");
    assert_eq!(elsewhere.zone.as_deref(), Some("Asia/Tokyo"), "as it should be written");
    assert_ne!(elsewhere.digest, spec.digest);
    let anonymous = examined(&with("/id", Value::Null)).expect("accepted");
    assert_eq!(anonymous.reference.len(), 36, "an id is made");
}

#[test]
fn every_bad_field_is_named() {
    let long = "x".repeat(129);
    for (pointer, bad, field) in [
        ("/id", json!(""), "id"),
        ("/id", json!("a b"), "id"),
        ("/id", json!("é"), "id"),
        ("/id", json!(long), "id"),
        ("/brand", json!("Demo"), "brand"),
        ("/campaign", json!("a/b"), "campaign"),
        ("/template", json!("../etc"), "template"),
        ("/case", json!(""), "case"),
        ("/case", json!("a\r\nb"), "case"),
        ("/case", json!("a b"), "case"),
        ("/to/email", json!("marie@example.org\r\nBcc: eve@example.org"), "to.email"),
        ("/to/email", json!("a@b@example.org"), "to.email"),
        ("/to/email", json!("<marie@example.org>"), "to.email"),
        ("/to/email", json!("marie@[::1]"), "to.email"),
        ("/to/email", json!("@a:marie@example.org"), "to.email"),
        ("/to/email", json!("marie@example.org, eve@example.org"), "to.email"),
        ("/to/email", json!(format!("{}@example.org", "a".repeat(320))), "to.email"),
        ("/to/email", json!(["marie@example.org"]), "to.email"),
        ("/to/name", json!("Marie\r\nBcc: eve@example.org"), "to.name"),
        ("/to/name", json!("Marie\u{0}"), "to.name"),
        ("/to/name", json!("x".repeat(201)), "to.name"),
        ("/to", json!(["marie@example.org"]), "to"),
        ("/vars", json!([1]), "vars"),
        ("/not_before", json!("2026-01-01T08:00:00"), "not_before"),
        ("/not_before", json!(1_767_254_400), "not_before"),
        ("/deadline", json!("tomorrow"), "deadline"),
        ("/deadline", json!("1000000-01-01T00:00:00Z"), "deadline"),
        ("/deadline", json!("2026-01-01T07:00:00Z"), "deadline"),
    ] {
        let refused = examined(&with(pointer, bad.clone())).expect_err(pointer);
        assert_eq!((&refused["status"], &refused["field"]), (&json!(422), &json!(field)), "{bad}: {refused}");
    }
}

#[test]
fn the_digest_sees_meaning_not_spelling() {
    let digest = |request: &Value| examined(request).expect("accepted").digest;
    let respelt = r#"{"template":"reminder","vars":{"due_date":"2026-03-01","amount":"120,50 €"},
        "to":{"name":"Marie","email":"marie@example.org"}, "id":"s-1","brand":"demo","campaign":"wave",
        "case":"2026/17", "priority": 0, "on_deadline": "send",
        "deadline":"2026-01-02T09:00:00+01:00", "not_before":"2026-01-01T07:00:00Z"}"#;
    let same = serde_json::from_str(respelt).expect("JSON");
    assert_eq!(digest(&good()), digest(&same));
    assert_ne!(digest(&good()), digest(&with("/vars/amount", json!("120,51 €"))));
    assert_ne!(digest(&good()), digest(&with("/to/name", Value::Null)));
}

#[test]
fn a_brand_says_what_happens_at_the_deadline_of_sends_that_do_not() {
    let house = House { on_deadline: OnDeadline::Handoff, ..House::default() };
    let with = |said: Option<&str>, house: House| {
        let mut request = good();
        if let Some(said) = said {
            request["on_deadline"] = said.into();
        }
        let parsed = strict::parse::<SendRequest>(request.to_string().as_bytes()).expect("a request");
        parsed.into_spec(&Identity::new(&[1; 32]), house).expect("accepted")
    };
    let silent = with(None, house);
    assert_eq!(silent.on_deadline, OnDeadline::Handoff);
    assert_eq!(with(Some("drop"), house).on_deadline, OnDeadline::Drop);
    assert_eq!(with(Some("send"), house).on_deadline, OnDeadline::Send);
    let before = with(None, House::default());
    assert_eq!(before.on_deadline, OnDeadline::Send);
    assert_eq!(silent.digest, before.digest, "the same push stays the same when its brand changes");
}
