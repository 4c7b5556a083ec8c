//! The operations listener.

use serde_json::json;
use vigie::ops::Phase;
use vigie::telemetry::Kind;

use super::client::{Answer, Client};
use super::house::{House, send};

async fn get(house: &House, path: &str) -> Answer {
    Client { address: house.ops, key: None }.get(path).await
}

#[tokio::test]
async fn metrics_show_the_stores_counters_with_their_types() {
    let house = House::open().await;
    house.producer().post("/v1/sends", &send("s-1", "marie@example.org")).await.with(202);
    house.producer().post("/v1/sends", &send("s-2", "paul@example.org")).await.with(202);
    house.producer().delete("/v1/sends/s-2").await.with(200);
    house.seen("somebody@example.org").await;
    let answer = get(&house, "/metrics").await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
    for line in [
        "# TYPE vigie_sends gauge",
        "# TYPE vigie_sends_accepted_total counter",
        "# TYPE vigie_sends_finished_total counter",
        "vigie_sends{brand=\"demo\",state=\"waiting\"} 1",
        "vigie_sends{brand=\"demo\",state=\"cancelled\"} 1",
        "vigie_sends_accepted_total{brand=\"demo\"} 2",
        "vigie_sends_finished_total{brand=\"demo\",outcome=\"cancelled\"} 1",
        "vigie_sends_finished_total{brand=\"demo\",outcome=\"sent\"} 0",
        "vigie_campaign_sends{brand=\"demo\",campaign=\"wave\",state=\"waiting\"} 1",
        "vigie_sends_open_by_age{age=\"day\",brand=\"demo\"} 1",
        "vigie_sends_deadline_ahead{brand=\"demo\",within=\"none\"} 1",
        "vigie_presence_online 1",
        "vigie_conservation_gap{brand=\"demo\"} 0",
    ] {
        assert!(answer.text.lines().any(|found| found == line), "{line} is missing in\n{}", answer.text);
    }
}

#[tokio::test]
async fn the_catalogue_knows_the_stores_figures() {
    let house = House::open().await;
    get(&house, "/livez").await;
    let catalogue = house.registry.catalogue();
    let kind = |name| catalogue.iter().find(|(_, metric)| metric.name == name).map(|(kind, _)| *kind);
    assert_eq!(kind("vigie_sends"), Some(Kind::Gauge));
    assert_eq!(kind("vigie_sends_accepted_total"), Some(Kind::Counter));
    assert_eq!(kind("vigie_conservation_gap"), Some(Kind::Gauge));
}

#[tokio::test]
async fn readiness_follows_the_process_and_the_store() {
    let house = House::open().await;
    let not_ready = |reason| json!({"ready": false, "reason": reason});
    assert_eq!(get(&house, "/readyz").await.with(503), not_ready("starting"));
    house.phase.send_replace(Phase::Running);
    assert_eq!(get(&house, "/readyz").await.with(200), json!({"ready": true}));
    house.store.close().await.expect("closed");
    assert_eq!(get(&house, "/readyz").await.with(503), not_ready("store not available"));
    house.phase.send_replace(Phase::Stopping);
    assert_eq!(get(&house, "/readyz").await.with(503), not_ready("stopping"));
    assert_eq!(get(&house, "/livez").await.status, 200, "alive until the end");
}

#[tokio::test]
async fn without_the_store_the_other_metrics_are_served() {
    let house = House::open().await;
    let metric = vigie::telemetry::Metric {
        name: "vigie_other_total",
        labels: &[],
        meaning: "x",
        healthy: "x",
        alert: "x",
    };
    house.registry.counter(metric).with_label_values::<&str>(&[]).inc();
    house.store.close().await.expect("closed");
    let answer = get(&house, "/metrics").await;
    assert_eq!(answer.status, 200);
    assert!(answer.text.contains("vigie_other_total 1") && !answer.text.contains("vigie_sends"));
}
