//! A real Postfix that cannot deliver, says so to the return path, and brings that by LMTP.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::gateway::Gateway;
use crate::support::ports::free_ports;
use crate::support::postfix::Postfix;
use crate::support::sink::{Act, Manner, Step};
use crate::support::wait::{SOON, wait_until};

/// Mail for this address is taken by Postfix, and refused by the server it is for.
const GONE: &str = "gone-canary-1@example.test";

async fn suppressions(gateway: &Gateway, email: &str) -> Value {
    let who = json!({ "email": email });
    gateway.call(Method::POST, "/v1/recipients/lookup", &who).await.json()["suppressions"].take()
}

#[tokio::test]
async fn its_report_stops_what_waits() {
    a_report_comes_back("false").await;
}

#[tokio::test]
async fn its_report_comes_back_to_an_address_of_its_own() {
    a_report_comes_back("true").await;
}

async fn a_report_comes_back(verp: &str) {
    let refuse = |event: &crate::support::sink::Event| match event.step {
        Step::Rcpt => Act::say("550 5.1.1 no such user here"),
        _ => Act::Usual,
    };
    let (postfix, far) = (Postfix::start().await, Manner::modern().script(refuse).start().await);
    let lmtp = format!("127.0.0.1:{}", free_ports(1)[0]);
    postfix.route(&format!(
        "{GONE} smtp:[127.0.0.1]:{}\nbounces@demo.example lmtp:inet:{lmtp}\n",
        far.addr().port()
    ));
    let relay = format!("smtp://{}?tls=none", postfix.addr());
    let gateway = Gateway::start(&[
        ("VIGIE__RELAY__URL", &relay),
        ("VIGIE__BOUNCES__LMTP", &lmtp),
        ("VIGIE__BRANDS__DEMO__RETURN_PATH", "bounces@demo.example"),
        ("VIGIE__BRANDS__DEMO__VERP", verp),
    ])
    .await;
    gateway.queue("first", GONE).await;
    gateway.queue("second", GONE).await;
    gateway.queue("bystander", "canary-2@example.test").await;
    gateway.comes_online(GONE).await;
    gateway.reaches("first", "sent").await;
    let second = gateway.reaches("second", "handed_off").await;
    assert!(second["history"].to_string().contains("suppressed: hard bounce"), "{second}");
    let known = suppressions(&gateway, GONE).await;
    assert_eq!((&known[0]["scope"], &known[0]["why"]), (&json!("all"), &json!("hard_bounce")));
    assert!(known[0]["detail"].as_str().is_some_and(|detail| detail.starts_with("5.1.1 ")), "{known}");
    assert_eq!(gateway.state("bystander").await, "waiting");
    gateway.queue("third", GONE).await;
    gateway.reaches("third", "handed_off").await;
    wait_until("it is counted", SOON, async || {
        let metrics = gateway.metrics();
        let hard = metrics.count("vigie_bounces_total", &["brand=\"demo\"", "kind=\"hard\""]);
        (hard == 1 && metrics.count("vigie_bounce_mails_total", &["what=\"hard\""]) == 1).then_some(())
    })
    .await;
    gateway.call(Method::DELETE, "/v1/sends/bystander", &Value::Null).await;
}

#[tokio::test]
async fn a_recipient_that_it_refuses_at_once_counts_as_well() {
    let postfix = Postfix::start().await;
    let relay = format!("smtp://{}?tls=none", postfix.addr());
    let gateway = Gateway::start(&[("VIGIE__RELAY__URL", &relay)]).await;
    let email = "refused-canary@example.test";
    gateway.queue("first", email).await;
    gateway.queue("second", email).await;
    gateway.comes_online(email).await;
    gateway.reaches("first", "failed").await;
    gateway.reaches("second", "handed_off").await;
    assert_eq!(suppressions(&gateway, email).await[0]["why"], "hard_bounce");
    let metrics = gateway.metrics();
    assert_eq!(metrics.count("vigie_bounces_total", &["brand=\"demo\"", "kind=\"hard\""]), 1);
}
