//! Bad input: every error is a problem that names what is wrong, and changes nothing.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::house::{House, send};

/// A good send with one field replaced or added.
fn with(field: &str, value: Value) -> Value {
    let mut push = send("s-1", "marie@example.org");
    let (outer, inner) = field.split_once('.').unwrap_or((field, ""));
    match inner {
        "" => push[outer] = value,
        inner => push[outer][inner] = value,
    }
    push
}

#[tokio::test]
async fn fields_that_cannot_be_accepted_are_named() {
    let house = House::open().await;
    for (field, value) in [
        ("id", json!("a b")),
        ("id", json!("x".repeat(129))),
        ("brand", json!(7)),
        ("campaign", json!("Wave 1")),
        ("case", json!("")),
        ("template", json!("unknown")),
        ("template", json!("../../etc/passwd")),
        ("to.email", json!("marie@example.org\r\nBcc: eve@example.org")),
        ("to.email", json!("marie")),
        ("to.name", json!("Marie\nBcc: eve@example.org")),
        ("to.bcc", json!("eve@example.org")),
        ("vars.amount", Value::Null).clone(),
        ("not_before", json!("2026-03-02T09:00:00")),
        ("deadline", json!("2026-03-02T08:59:59Z")),
        ("deadline", json!("1000000-01-01T00:00:00Z")),
        ("deadline", json!(-1)),
        ("on_deadline", json!("explode")),
        ("priority", json!(32_768)),
        ("priority", json!(1.5)),
        ("zone", json!("Paris")),
        ("zone", json!("+01:00")),
        ("subject", json!("Hi")),
        ("bcc", json!("eve@example.org")),
    ] {
        let mut push = with(field, value.clone());
        if field == "vars.amount" {
            push["vars"] = json!({});
        }
        let answer = house.producer().post("/v1/sends", &push).await;
        let problem = answer.problem(422);
        assert_eq!(problem["field"], field, "{value} → {problem}");
        assert!(!answer.text.contains("eve@"), "the input is not echoed: {problem}");
    }
    let backwards = json!({"not_before": "2026-03-05T00:00:00Z", "deadline": "2026-03-04T00:00:00Z"});
    let mut push = send("s-1", "marie@example.org");
    push.as_object_mut().expect("an object").extend(backwards.as_object().expect("an object").clone());
    assert_eq!(house.producer().post("/v1/sends", &push).await.problem(422)["field"], "deadline");
    for missing in ["brand", "to", "template"] {
        let mut push = send("s-1", "marie@example.org");
        push.as_object_mut().expect("an object").remove(missing);
        assert_eq!(house.producer().post("/v1/sends", &push).await.problem(422)["field"], missing);
    }
    assert!(house.store.snapshot().await.expect("counters").flows.is_empty(), "nothing was accepted");
}

#[tokio::test]
async fn what_is_not_json_says_where() {
    let house = House::open().await;
    let deep = format!("{{\"vars\":{}", "[".repeat(8000));
    for bad in [
        "",
        "{\"id\":",
        "{\"id\":\"a\",}",
        "{\"id\":NaN}",
        "{\"priority\":1e400}",
        "{\"id\":\"\\ud800\"}",
        "\u{feff}{}",
        "{\"id\":\"a\u{0}\"}",
        "{\"id\":\"a\",\"id\":\"b\"}",
        "{\"vars\":{\"a\":1,\"a\":2}}",
        &deep,
    ] {
        let answer = house.producer().call("POST", "/v1/sends", "application/json", bad).await;
        let detail = answer.problem(400)["detail"].as_str().expect("words").to_owned();
        assert!(detail.contains("line 1 column"), "{bad:.40} → {detail}");
    }
    for bad in ["[]", "5", "\"x\"", "null", "[{\"id\":\"a\"}]"] {
        house.producer().call("POST", "/v1/sends", "application/json", bad).await.problem(422);
    }
}

#[tokio::test]
async fn other_media_and_too_much_are_refused() {
    let house = House::open().await;
    let producer = house.producer();
    for media in
        ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "multipart/form-data"]
    {
        producer.call("POST", "/v1/sends", media, "{}").await.problem(415);
    }
    producer.call("PUT", "/v1/consents", "application/x-ndjson", "{}").await.problem(415);
    let zipped = Request::post("/v1/sends")
        .header("authorization", "Bearer key of demo")
        .header("content-type", "application/json")
        .header("content-encoding", "gzip")
        .body(Full::new(Bytes::from_static(b"\x1f\x8b")))
        .expect("a request");
    producer.send(zipped).await.problem(415);
    let long = with("case", json!("x".repeat(9000)));
    assert!(producer.post("/v1/sends", &long).await.problem(413)["detail"].to_string().contains("8192"));
    assert_eq!(producer.post("/v1/sends?wait=replica", &json!({})).await.problem(422)["field"], "wait");
}

#[tokio::test]
async fn paths_and_methods_nobody_serves_are_problems_too() {
    let house = House::open().await;
    let operator = house.operator();
    for path in
        ["/", "/v1", "/v1/", "/v2/sends", "/v1/sends/", "/v1/flows/demo/a/b", "/metrics", "/v1/sends/a/b"]
    {
        operator.get(path).await.problem(404);
    }
    operator.get("/v1/sends/%ff").await.problem(400);
    let answer = operator.call("PATCH", "/v1/sends/s-1", "", "").await;
    answer.problem(405);
    assert_eq!(answer.header("allow"), "DELETE, GET");
    operator.get(&format!("/v1/sends/{}", "x".repeat(2048))).await.problem(414);
}

/// Sends raw bytes and reads until the server closes.
async fn raw(house: &House, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(house.address).await.expect("connected");
    stream.write_all(bytes).await.expect("written");
    let mut answer = Vec::new();
    // A reset after the answer is as good as a close.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn requests_that_are_no_http_are_cut() {
    let house = House::open().await;
    let huge = format!("GET /v1/flows HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "x".repeat(20_000));
    assert!(raw(&house, huge.as_bytes()).await.starts_with("HTTP/1.1 431"));
    for bad in
        ["GET /v1/flows HTTP/1.1\r\nhost : a\r\n\r\n", "nonsense\r\n\r\n", "GET /\u{0} HTTP/1.1\r\n\r\n"]
    {
        assert!(raw(&house, bad.as_bytes()).await.starts_with("HTTP/1.1 400"), "{bad:?}");
    }
    house.operator().get("/v1/flows").await.with(200);
}
