//! What servers report: keys, signatures, and bad days.

use std::time::Duration;

use http_body_util::Full;
use hyper::Request;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vigie::intake::Report;

use crate::api::client::{Answer, Client};
use crate::api::house::{House, NOW, Plan};
use crate::support::gateway::{Gateway, KEY};
use crate::support::http::ask;
use crate::support::wait::{SOON, wait_until};

const PATHS: [&str; 4] = [
    "/v1/signals/dovecot",
    "/v1/signals/dovecot-policy?command=report",
    "/v1/signals/stalwart",
    "/v1/signals/webmail",
];

const GO_ON: &str = r#"{"status":0,"msg":""}"#;

fn note() -> Value {
    json!({"user": "marie@example.org", "kind": "active"})
}

/// How often this was counted.
fn counted(house: &House, source: &str, what: &str) -> u64 {
    let series = format!("vigie_reports_total{{source=\"{source}\",what=\"{what}\"}} ");
    let text = house.registry.text();
    text.lines()
        .find_map(|line| line.strip_prefix(&series)?.parse().ok())
        .unwrap_or_else(|| panic!("{series}"))
}

async fn counts_to(house: &House, source: &str, what: &str, count: u64) {
    wait_until(&format!("{what} of {source} is {count}"), SOON, async || {
        (counted(house, source, what) == count).then_some(())
    })
    .await;
}

async fn post(house: &House, path: &str, headers: &[(&str, &str)], body: impl Into<String>) -> Answer {
    let request =
        headers.iter().fold(Request::post(path).header("host", "vigie"), |request, (name, value)| {
            request.header(*name, *value)
        });
    let nobody = Client { address: house.address, key: None };
    nobody.send(request.body(Full::from(body.into())).expect("a request")).await
}

#[tokio::test]
async fn a_key_is_taken_wherever_a_server_can_put_it() {
    let mut house = House::open().await;
    let basic = "Basic ZG92ZWNvdDprZXkgb2Ygc2lnbmFscw=="; // dovecot:key of signals
    let places: [(&str, &[(&str, &str)]); 5] = [
        ("/v1/signals/webmail", &[("authorization", "Bearer key of signals")]),
        ("/v1/signals/webmail", &[("authorization", "Bearer  key of operator")]),
        ("/v1/signals/webmail", &[("authorization", basic)]),
        ("/v1/signals/webmail", &[("x-api-key", "key of signals")]),
        ("/v1/signals/webmail?key=key+of%20signals", &[]),
    ];
    for (count, (path, headers)) in (1..).zip(places) {
        assert_eq!(post(&house, path, headers, note().to_string()).await.status, 204, "{path} {headers:?}");
        counts_to(&house, "webmail", "active", count).await;
        assert!(matches!(house.outlets[0].try_recv(), Some(Report::Seen(_))));
    }
}

#[tokio::test]
async fn a_wrong_key_is_refused_but_never_keeps_anybody_from_their_mail() {
    let mut house = House::open().await;
    let report = json!({"login": "marie@example.org", "success": true}).to_string();
    for (count, headers) in (1..).zip([&[("authorization", "Bearer wrong")][..], &[]]) {
        for path in PATHS {
            let answer = post(&house, path, headers, report.clone()).await;
            let source = path.rsplit('/').next().and_then(|last| last.split('?').next()).expect("a name");
            match source {
                "dovecot-policy" => assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, GO_ON)),
                _ => drop(answer.problem(401)),
            }
            assert_eq!(counted(&house, source, "unauthorised"), count, "{path}");
        }
    }
    for path in PATHS {
        let answer = post(&house, path, &[("authorization", "Bearer key of demo")], "{}").await;
        assert!(
            matches!(answer.status.as_u16(), 200 | 403),
            "a producer reports nothing: {path} {}",
            answer.text
        );
    }
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        let answer = house.operator().call(method, PATHS[1], "", "").await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, GO_ON), "{method}");
        let answer = house.operator().call(method, PATHS[0], "", "").await;
        answer.problem(405);
        assert_eq!(answer.header("allow"), "POST");
    }
    assert!(house.outlets[0].try_recv().is_none());
}

/// A webmail's signature over a body, made at so many seconds from now.
fn signature(secret: &str, offset: i64, body: &str) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let now: jiff::Timestamp = NOW.parse().expect("a time");
    let at = now.as_second() + offset;
    let mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
    let mac = mac.chain_update(format!("{at}.{body}")).finalize().into_bytes();
    format!("t={at},v1={}", const_hex::encode(mac))
}

#[tokio::test]
async fn a_signature_is_a_key_and_a_forged_one_spoils_any() {
    let mut plan = Plan::default();
    plan.signals.webmail_secret = vigie::redact::Secret::new("shared");
    let house = House::with(plan).await;
    let body = note().to_string();
    let say = async |signature: &str, key: Option<&str>| {
        let mut headers = vec![("x-vigie-signature", signature)];
        headers.extend(key.map(|key| ("authorization", key)));
        post(&house, "/v1/signals/webmail", &headers, body.clone()).await.status.as_u16()
    };
    let key = Some("Bearer key of signals");
    assert_eq!(say(&signature("shared", -299, &body), None).await, 204);
    assert_eq!(say(&signature("shared", 0, &body), key).await, 204);
    counts_to(&house, "webmail", "active", 2).await;
    for wrong in [
        signature("other", 0, &body),
        signature("key of signals", 0, &body),
        signature("shared", -301, &body),
        signature("shared", 301, &body),
        signature("shared", 0, "{}"),
        "t=,v1=".into(),
        "nonsense".into(),
    ] {
        assert_eq!(say(&wrong, None).await, 401, "{wrong}");
        assert_eq!(say(&wrong, key).await, 401, "{wrong} with a good key");
    }
    assert_eq!(counted(&house, "webmail", "unauthorised"), 14);
    // Without a secret of its own, whoever gives a key may sign with it.
    let house = House::open().await;
    let signed = signature("key of signals", 0, &body);
    let headers = [("authorization", "Bearer key of signals"), ("x-vigie-signature", signed.as_str())];
    assert_eq!(post(&house, "/v1/signals/webmail", &headers, body.clone()).await.status, 204);
    assert_eq!(post(&house, "/v1/signals/webmail", &headers[1..], body.clone()).await.status, 401);
}

#[tokio::test]
async fn garbage_is_taken_and_counted() {
    let house = House::open().await;
    let garbage = ["", "{", "null", "5", "[5]", "\u{0}\u{1}", "{\"event\":{}}", "<xml/>"];
    for path in PATHS {
        for body in garbage {
            let answer = post(&house, path, &[("authorization", "Bearer key of signals")], body).await;
            assert!(answer.status.is_success(), "{path} {body:?}: {}", answer.text);
        }
    }
    for source in ["dovecot", "stalwart", "webmail"] {
        counts_to(&house, source, "unreadable", garbage.len() as u64).await;
    }
    // What is JSON may be a report of a failure, as far as the auth policy's words go.
    counts_to(&house, "dovecot-policy", "unreadable", 6).await;
    counts_to(&house, "dovecot-policy", "nothing", 2).await;
    let long = " ".repeat(64 * 1024 + 1);
    let key = [("authorization", "Bearer key of signals")];
    post(&house, PATHS[0], &key, long.clone()).await.problem(413);
    assert_eq!(post(&house, PATHS[1], &key, long.clone()).await.text, GO_ON);
    assert_eq!(post(&house, PATHS[2], &key, long).await.status, 204, "a batch may be long");
    post(&house, PATHS[2], &key, " ".repeat(1024 * 1024 + 1)).await.problem(413);
}

#[tokio::test]
async fn where_there_is_no_room_reports_are_taken_and_dropped() {
    let mut plan = Plan { max_requests: 1, ..Plan::default() };
    plan.signals.queue_bytes = 10;
    let house = House::with(plan).await;
    // Somebody has the only seat.
    let mut slow = TcpStream::connect(house.address).await.expect("connected");
    let head = "POST /v1/sends HTTP/1.1\r\nHost: v\r\nAuthorization: Bearer key of demo\r\nContent-Type: application/json\r\n\
                Content-Length: 100\r\n\r\n{";
    slow.write_all(head.as_bytes()).await.expect("written");
    wait_until("the seat is taken", SOON, async || {
        (house.producer().get("/v1/stats").await.status == 503).then_some(())
    })
    .await;
    let key = [("authorization", "Bearer key of signals")];
    for count in 1..=200 {
        let answer = post(&house, "/v1/signals/dovecot", &key, "{\"event\":\"something\"}").await;
        assert_eq!(answer.status, 204);
        assert_eq!(counted(&house, "dovecot", "dropped"), count);
    }
    assert_eq!(post(&house, PATHS[1], &key, "{\"login\":\"marie@example.org\"}").await.text, GO_ON);
    assert_eq!(post(&house, "/v1/signals/dovecot", &key, "{}").await.status, 204);
    counts_to(&house, "dovecot", "unreadable", 1).await;
}

#[tokio::test]
async fn a_client_that_waits_for_leave_gets_it() {
    let house = House::open().await;
    let body = note().to_string();
    let mut stream = TcpStream::connect(house.address).await.expect("connected");
    let head = format!(
        "POST /v1/signals/webmail HTTP/1.1\r\nHost: v\r\nX-API-Key: key of signals\r\nExpect: 100-continue\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("written");
    let mut answer = [0; 25];
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_exact(&mut answer)).await;
    read.expect("in time").expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).await.expect("written");
    counts_to(&house, "webmail", "active", 1).await;
}

#[tokio::test]
async fn a_key_in_a_query_is_in_no_log() {
    // The gateway itself looks for its key in its log when it ends.
    let gateway = Gateway::start(&[("VIGIE__LOG__FILTER", "trace")]).await;
    for path in PATHS {
        let separator = if path.contains('?') { '&' } else { '?' };
        for key in [KEY, &format!("{KEY}-not")] {
            let request = Request::post(format!("{path}{separator}key={key}")).body(Full::from("garbage"));
            let answer = ask(gateway.api(), request.expect("a request")).await.expect("an answer");
            assert_eq!(answer.status.is_success(), key == KEY || path.contains("policy"), "{path}");
        }
    }
}
