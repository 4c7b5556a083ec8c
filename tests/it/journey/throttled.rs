//! Domains that want less: they are slowed, the others are not, and nothing is lost.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use hyper::Method;
use serde_json::{Value, json};

use crate::support::gateway::Gateway;
use crate::support::postfix::Postfix;
use crate::support::redis::{Options, RedisServer};
use crate::support::sink::{Act, Manner, Sink, Step};
use crate::support::wait::{SOON, wait_until};

/// Brakes and retries for a test's patience.
const QUICK: [(&str, &str); 6] = [
    ("VIGIE__BRAKES__PAUSE", "1s"),
    ("VIGIE__BRAKES__SLOWEST", "5"),
    ("VIGIE__BRAKES__DOUBLING", "1s"),
    ("VIGIE__BRAKES__RELEASE", "8s"),
    ("VIGIE__DISPATCH__RETRY__FIRST", "300ms"),
    ("VIGIE__PRESENCE__REFRESH", "200ms"),
];

fn settings<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    QUICK.into_iter().chain(more.iter().copied()).collect()
}

async fn flows(gateway: &Gateway) -> Vec<Value> {
    let answer = gateway.call(Method::GET, "/v1/flows", &Value::Null).await.json();
    answer["flows"].as_array().expect("a list").clone()
}

async fn flow(gateway: &Gateway, domain: &str) -> Option<Value> {
    let is = |flow: &Value| flow["brand"] == "domain" && flow["campaign"] == domain;
    flows(gateway).await.into_iter().find(is)
}

/// Waits until a brake is on a domain.
async fn braked(gateway: &Gateway, domain: &str) -> Value {
    wait_until("the domain is braked", SOON, async || {
        flow(gateway, domain).await.filter(|flow| flow["by"] == "vigie")
    })
    .await
}

/// A relay behind which one domain says so many times that we are too many.
async fn throttling(domain: &'static str, times: usize) -> Sink {
    let said = AtomicUsize::new(0);
    let script = move |event: &crate::support::sink::Event| {
        let theirs = event.step == Step::Rcpt && event.line.contains(domain);
        if theirs && said.fetch_add(1, Ordering::SeqCst) < times {
            Act::SayAndCut("421 4.7.0 Try again later".into())
        } else {
            Act::Usual
        }
    };
    Manner::offering(&["PIPELINING"]).script(script).start().await
}

async fn goes_online(gateway: &Gateway, id: &str, email: &str) {
    gateway.queue(id, email).await;
    gateway.comes_online(email).await;
}

fn recipients(sink: &Sink) -> Vec<String> {
    sink.taken().into_iter().flat_map(|taken| taken.to).collect()
}

#[tokio::test]
async fn a_domain_is_slowed_and_the_others_flow_on() {
    let sink = throttling("@slow.test", 8).await;
    let url = format!("smtp://{}?tls=none", sink.addr());
    let gateway = Gateway::start(&settings(&[("VIGIE__RELAY__URL", &url)])).await;
    for n in 0..6 {
        goes_online(&gateway, &format!("slow-{n}"), &format!("canary-{n}@slow.test")).await;
    }
    let brake = braked(&gateway, "slow.test").await;
    assert!(brake["reason"].as_str().is_some_and(|why| why.contains("too many")), "{brake}");
    assert!(brake["until"].is_string() && brake["since"].is_string(), "{brake}");
    for n in 0..6 {
        goes_online(&gateway, &format!("quick-{n}"), &format!("canary-{n}@quick.test")).await;
        gateway.reaches(&format!("quick-{n}"), "sent").await;
    }
    assert!(flow(&gateway, "quick.test").await.is_none());
    for n in 0..6 {
        let sent = gateway.reaches(&format!("slow-{n}"), "sent").await;
        assert_eq!(sent["attempts"], 0, "that it was throttled is no attempt: {sent}");
    }
    let all = recipients(&sink);
    let different: HashSet<_> = all.iter().collect();
    assert_eq!((all.len(), different.len()), (12, 12), "each mail once");
    wait_until("the brake lets go", SOON, async || {
        let flow = flow(&gateway, "slow.test").await?;
        (flow["in_force"] == json!({}) && flow["state"] == "running").then_some(())
    })
    .await;
    let metrics = gateway.metrics();
    assert!(metrics.count("vigie_brakes_total", &["why=\"throttled\"", "result=\"paused\""]) >= 1);
}

#[tokio::test]
async fn two_gateways_brake_together_and_leave_the_operators_word() {
    let redis = RedisServer::start(Options::default()).await;
    let sink = throttling("@slow.test", usize::MAX).await;
    let (store, url) = (redis.url(), format!("smtp://{}?tls=none", sink.addr()));
    let more =
        [("VIGIE__STORE__URL", store.as_str()), ("VIGIE__RELAY__URL", &url), ("VIGIE__BRAKES__PAUSE", "1h")];
    let settings = settings(&more);
    let mut one = Gateway::start(&settings).await;
    let mut other = one.beside(&settings).await;
    for n in 0..3 {
        goes_online(&one, &format!("slow-{n}"), &format!("canary-{n}@slow.test")).await;
    }
    braked(&one, "slow.test").await;
    let seen = Instant::now();
    braked(&other, "slow.test").await;
    assert!(seen.elapsed().as_millis() < 1000, "{:?} until the other knows", seen.elapsed());

    let path = "/v1/flows/domain/slow.test";
    let set = json!({"state": "running", "rate_per_second": 100, "reason": "they know us"});
    assert!(other.call(Method::PUT, path, &set).await.status.is_success());
    let before = sink.count(Step::Rcpt);
    for n in 3..9 {
        goes_online(&other, &format!("slow-{n}"), &format!("canary-{n}@slow.test")).await;
    }
    sink.wait_for(Step::Rcpt, before + 6).await;
    wait_until("the brake is left alone", SOON, async || {
        let count = |gateway: &Gateway| {
            gateway.metrics().count("vigie_brakes_total", &["why=\"throttled\"", "result=\"left_alone\""])
        };
        (count(&one) + count(&other) > 0).then_some(())
    })
    .await;
    for gateway in [&one, &other] {
        wait_until("the operator's word holds", SOON, async || {
            let flow = flow(gateway, "slow.test").await?;
            (flow["by"] != "vigie" && flow["rate_per_second"] == 100.0 && flow["state"] == "running")
                .then_some(())
        })
        .await;
    }
    assert!(sink.taken().is_empty());
    one.leaves_undecided(9);
    other.leaves_undecided(9);
}

/// Postfix greylists everybody at `example.test` once, and `example.org` says eight times that we are too many.
#[tokio::test]
async fn a_real_postfix_defers_and_greylists() {
    let (mut known, mut said) = (HashSet::new(), 0);
    let postfix = Postfix::asking(move |recipient| {
        if recipient.ends_with("@example.org") {
            said += 1;
            if said <= 8 { "421 4.7.0 Try again later".into() } else { "DUNNO".into() }
        } else if known.insert(recipient.to_owned()) {
            let code = if known.len() % 2 == 0 { "451 4.7.1" } else { "450" };
            format!("{code} Greylisted, please come back")
        } else {
            "DUNNO".into()
        }
    })
    .await;
    let url = format!("smtp://{}?tls=none", postfix.addr());
    let gateway = Gateway::start(&settings(&[("VIGIE__RELAY__URL", &url)])).await;
    for n in 0..6 {
        goes_online(&gateway, &format!("grey-{n}"), &format!("canary-grey-{n}@example.test")).await;
        goes_online(&gateway, &format!("many-{n}"), &format!("canary-many-{n}@example.org")).await;
    }
    braked(&gateway, "example.org").await;
    for n in 0..6 {
        for id in [format!("grey-{n}"), format!("many-{n}")] {
            let sent = gateway.reaches(&id, "sent").await;
            assert_eq!(sent["attempts"], 0, "greylisting and throttling are no attempts: {sent}");
        }
        let grey = gateway.send(&format!("grey-{n}")).await;
        assert!(grey.to_string().contains("Greylisted"), "it was greylisted first: {grey}");
    }
    assert!(flow(&gateway, "example.test").await.is_none(), "greylisting slows nobody");
    assert_eq!(postfix.wait_for_messages(12).await.len(), 12, "each arrives once");
}
