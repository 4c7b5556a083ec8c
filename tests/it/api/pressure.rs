//! Overload, a store that is gone, clients that leave, code that panics.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use vigie::model::Claim;

use super::house::{House, Plan, send};

/// Waits until a condition on what was fired holds.
async fn until(house: &House, fired: impl FnMut(&Vec<Claim>) -> bool) {
    let mut watched = house.fired.clone();
    let wait = watched.wait_for(fired);
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("in time").expect("the house stands");
}

#[tokio::test]
async fn without_a_store_every_request_that_needs_it_is_told_to_come_back() {
    let house = House::open().await;
    house.store.close().await.expect("closed");
    let producer = house.producer();
    let push = send("s-1", "marie@example.org");
    let answers = [
        producer.post("/v1/sends", &push).await,
        producer.get("/v1/sends/s-1").await,
        producer.delete("/v1/sends/s-1").await,
        house.operator().get("/v1/stats").await,
        house.operator().put("/v1/flows/demo", &json!({"state": "paused"})).await,
    ];
    for answer in answers {
        assert_eq!(answer.problem(503)["type"], "urn:vigie:problem:store-unavailable");
        assert_eq!(answer.header("retry-after"), "1");
    }
    let lines = producer.bulk("/v1/sends", &format!("{push}\n{push}\n")).await.lines();
    assert_eq!((&lines[0]["status"], &lines[1]["status"]), (&json!(503), &json!(503)));
    assert_eq!(lines[0]["id"], "s-1", "the client knows which to push again");
}

#[tokio::test]
async fn beyond_the_limit_requests_are_refused_at_once() {
    let house = House::with(Plan { max_requests: 1, ..Plan::default() }).await;
    let mut stuck = TcpStream::connect(house.address).await.expect("connected");
    let head = "POST /v1/sends HTTP/1.1\r\nhost: vigie\r\nauthorization: Bearer key of demo\r\n\
                content-type: application/json\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\n";
    stuck.write_all(head.as_bytes()).await.expect("written");
    let mut go_on = [0; 25];
    tokio::io::AsyncReadExt::read_exact(&mut stuck, &mut go_on).await.expect("told to go on");
    assert!(go_on.starts_with(b"HTTP/1.1 100"));
    let answer = house.operator().get("/v1/stats").await;
    assert_eq!(answer.problem(503)["type"], "urn:vigie:problem:busy");
    assert_eq!(answer.header("retry-after"), "1");
    let mut rest = Vec::new();
    stuck.write_all(&[b' '; 100]).await.expect("written");
    stuck.shutdown().await.expect("closed");
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut stuck, &mut rest).await;
    house.operator().get("/v1/stats").await.with(200);
}

#[tokio::test]
async fn a_panic_ends_one_request_only() {
    let panics = Plan { try_out: Arc::new(|_, _| panic!("a bug in a template engine")), ..Plan::default() };
    let house = House::with(panics).await;
    let problem = house.producer().post("/v1/sends", &send("s-1", "marie@example.org")).await.problem(500);
    assert!(!problem.to_string().contains("template engine"), "nothing of the inside is shown");
    house.operator().get("/v1/stats").await.with(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_claim_is_fired_although_the_client_has_gone() {
    let (entered, has_entered) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let slow = move |_: &_, _: Option<&_>| {
        entered.send(()).expect("the test listens");
        may_go_on.lock().expect("one at a time").recv().expect("the test says so");
        Ok(())
    };
    let house = House::with(Plan { try_out: Arc::new(slow), ..Plan::default() }).await;
    house.seen("marie@example.org").await;
    let body = send("s-1", "marie@example.org").to_string();
    let mut client = TcpStream::connect(house.address).await.expect("connected");
    let request = format!(
        "POST /v1/sends HTTP/1.1\r\nhost: vigie\r\nauthorization: Bearer key of demo\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    client.write_all(request.as_bytes()).await.expect("written");
    tokio::task::spawn_blocking(move || has_entered.recv())
        .await
        .expect("no panic")
        .expect("the handler runs");
    drop(client);
    go_on.send(()).expect("the handler waits");
    until(&house, |fired| fired.len() == 1).await;
}

#[tokio::test]
async fn a_stop_waits_for_what_is_under_way() {
    let mut house = House::open().await;
    house.producer().post("/v1/sends", &send("s-1", "marie@example.org")).await.with(202);
    house.shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(10), &mut house.serving)
        .await
        .expect("it stops")
        .expect("no panic");
    assert!(TcpStream::connect(house.address).await.is_err(), "nobody listens any more");
}
