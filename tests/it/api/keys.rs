//! Who may do what.

use serde_json::json;

use super::client::Client;
use super::house::{House, send};

#[tokio::test]
async fn without_a_known_key_nothing_opens() {
    let house = House::open().await;
    let nobody = Client { address: house.address, key: None };
    let stranger = Client { key: Some("guess".into()), ..nobody.clone() };
    for caller in [nobody, stranger] {
        for path in ["/v1/sends/s-1", "/v1/flows", "/v1/stats"] {
            let answer = caller.get(path).await;
            answer.problem(401);
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{path}");
        }
        caller.post("/v1/sends", &json!({})).await.problem(401);
    }
}

#[tokio::test]
async fn roles_open_their_own_doors_only() {
    let house = House::open().await;
    for path in ["/v1/flows", "/v1/stats"] {
        house.producer().get(path).await.problem(403);
        house.operator().get(path).await.with(200);
    }
    house.producer().post("/v1/recipients/lookup", &json!({"email": "a@example.org"})).await.problem(403);
    house.caller("signals").post("/v1/sends", &send("s-1", "a@example.org")).await.problem(403);
    house.caller("signals").get("/v1/sends/s-1").await.problem(403);
}

#[tokio::test]
async fn a_producer_knows_its_own_brand_only() {
    let house = House::open().await;
    let other = house.caller("other");
    house.producer().post("/v1/sends", &send("s-1", "a@example.org")).await.with(202);
    let problem = other.post("/v1/sends", &send("s-2", "a@example.org")).await.problem(403);
    assert_eq!(problem["field"], "brand");
    assert!(problem["detail"].as_str().expect("words").contains("demo"));
    let mut nowhere = send("s-2", "a@example.org");
    nowhere["brand"] = "nowhere".into();
    other.post("/v1/sends", &nowhere).await.problem(403);
    for path in ["/v1/sends/s-1", "/v1/sends/s-1?brand=demo", "/v1/sends/s-9", "/v1/sends/s-1?brand=nowhere"]
    {
        let problem = other.get(path).await.problem(404);
        assert_eq!(problem["detail"], "there is no such send", "{path} tells nothing");
        assert_eq!(other.delete(path).await.problem(404), problem, "{path} tells nothing");
    }
}

#[tokio::test]
async fn an_operator_acts_for_every_brand() {
    let house = House::open().await;
    let operator = house.operator();
    for brand in ["demo", "other"] {
        let mut push = send("s-1", "a@example.org");
        push["brand"] = brand.into();
        operator.post("/v1/sends", &push).await.with(202);
    }
    assert_eq!(operator.get("/v1/sends/s-1").await.with(200)["brand"], "demo", "the first that has it");
    assert_eq!(operator.get("/v1/sends/s-1?brand=other").await.with(200)["brand"], "other");
    let mut nowhere = send("s-1", "a@example.org");
    nowhere["brand"] = "nowhere".into();
    assert_eq!(operator.post("/v1/sends", &nowhere).await.problem(422)["field"], "brand");
}
