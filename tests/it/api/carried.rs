//! Sends that came by another way than HTTP are judged as the API judges an operator's, in the same words.

use bytes::Bytes;
use serde_json::{Value, json};
use vigie::api::{Carried, Counter, Problem, Taken};

use super::house::{House, send};

fn carried(json: &str) -> Carried {
    Carried { json: Bytes::copy_from_slice(json.as_bytes()), name: "stream-1700000000000-0".into() }
}

async fn take(house: &House, json: &str) -> Result<Taken, Problem> {
    let mut answers = Counter::new(&house.doors).take(vec![carried(json)]).await;
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

#[tokio::test]
async fn the_same_problems_in_the_same_words() {
    let house = House::open().await;
    let with = |change: fn(&mut Value)| {
        let mut send = send("s-1", "marie@example.org");
        change(&mut send);
        send.to_string()
    };
    let bad = [
        "{\"id\":".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        with(|send| send["vars"] = json!({})),
        with(|send| send["brand"] = "nobody".into()),
        with(|send| send["to"]["email"] = "marie".into()),
        with(|send| send["id"] = "marie@example.org".into()),
        with(|send| send["deadline"] = "2020-01-01T00:00:00Z".into()),
        with(|send| send["colour"] = "red".into()),
        with(|send| send["case"] = "x".repeat(9000).into()),
    ];
    for json in bad {
        let told = house.operator().call("POST", "/v1/sends", "application/json", &json).await;
        let problem = take(&house, &json).await.expect_err(&json);
        assert_eq!(serde_json::from_str::<Value>(&problem.to_json()).ok(), Some(told.json()), "{json}");
        assert!(!problem.is_passing() && !problem.is_ours());
    }
}

#[tokio::test]
async fn any_brand_once_and_no_other_body() {
    let house = House::open().await;
    for brand in ["demo", "other"] {
        let mut push = send("s-1", "marie@example.org");
        push["brand"] = brand.into();
        assert_eq!(take(&house, &push.to_string()).await, Ok(Taken::New));
        assert_eq!(take(&house, &push.to_string()).await, Ok(Taken::Same));
        push["priority"] = 3.into();
        let conflict = take(&house, &push.to_string()).await.expect_err("another body");
        assert!(conflict.to_json().contains("urn:vigie:problem:conflict"));
    }
    let both = [carried("{"), carried(&send("s-2", "marie@example.org").to_string())];
    let answers = Counter::new(&house.doors).take(both.into()).await;
    assert!(answers[0].is_err() && answers[1] == Ok(Taken::New), "in order");
}

#[tokio::test]
async fn without_an_id_its_name_makes_it_safe_to_repeat() {
    let house = House::open().await;
    let mut push = send("", "marie@example.org");
    push.as_object_mut().expect("an object").remove("id");
    assert_eq!(take(&house, &push.to_string()).await, Ok(Taken::New));
    assert_eq!(take(&house, &push.to_string()).await, Ok(Taken::Same));
    house.operator().get("/v1/sends/stream-1700000000000-0?brand=demo").await.with(200);
}

#[tokio::test]
async fn without_a_store_it_may_come_again() {
    let house = House::open().await;
    house.store.close().await.expect("closed");
    let refused = take(&house, &send("s-1", "marie@example.org").to_string()).await;
    assert!(refused.expect_err("no store").is_passing());
}
