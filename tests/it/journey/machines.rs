//! Machines that fetch pixels are counted, and nobody is online for it.

use hyper::{Method, StatusCode};

use super::ONE_SHARD;
use crate::support::gateway::{Gateway, IPHONE};

const PERSON: &str = "canary-person@example.test";

#[tokio::test]
async fn scripts_and_link_checkers_release_nothing() {
    let gateway = Gateway::start(&[ONE_SHARD]).await;
    gateway.queue("held", PERSON).await;
    let pixel = gateway.pixel(PERSON).await;
    let machines = [
        (Method::GET, "curl/8.9.1"),
        (Method::GET, "python-requests/2.32"),
        (Method::GET, ""),
        (Method::HEAD, IPHONE),
    ];
    for (method, agent) in machines {
        let answer = gateway.visit(method, &pixel, agent).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "image/gif"), "{agent}");
    }
    gateway.settled().await;
    assert_eq!(gateway.state("held").await, "waiting");
    let metrics = gateway.metrics();
    let counted = |verdict| metrics.count("vigie_signals_total", &[verdict]);
    assert_eq!((counted("verdict=\"bot\""), counted("verdict=\"scanner\"")), (3, 1), "{}", metrics.text);

    gateway.open(&pixel).await;
    gateway.reaches("held", "sent").await;
}
