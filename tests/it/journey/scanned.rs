//! A scanner that opens each mail on arrival and follows its links lets no other mail out.

use hyper::Method;

use serde_json::Value;

use super::ONE_SHARD;
use crate::support::gateway::Gateway;
use crate::support::letter::Letter;

const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36";

#[tokio::test]
async fn a_scanner_does_not_drain_the_queue() {
    // No gap: nothing but the verdicts stands between one mail and the next.
    let gateway = Gateway::start(&[ONE_SHARD, ("VIGIE__PRESENCE__MIN_GAP", "0s")]).await;
    let people: Vec<_> = (0..10).map(|n| format!("canary-{n}@example.test")).collect();
    for (person, name) in people.iter().zip('a'..) {
        for n in 0..5 {
            gateway.queue(&format!("{name}-{n}"), person).await;
        }
        gateway.comes_online(person).await;
        gateway.reaches(&format!("{name}-0"), "sent").await;
    }
    for mail in gateway.outbox() {
        let mail = Letter::read(&mail);
        gateway.visit(Method::GET, &mail.pixel(), CHROME).await;
        for link in mail.links() {
            gateway.visit(Method::GET, &link, CHROME).await;
        }
    }
    gateway.settled().await;
    let metrics = gateway.metrics();
    // One for each, and the one that `settled` sends.
    assert_eq!(metrics.count("vigie_sends", &["state=\"sent\""]), 11, "{}", metrics.text);
    assert_eq!(metrics.count("vigie_sends", &["state=\"waiting\""]), 40);
    for name in 'a'..='j' {
        for n in 1..5 {
            gateway.call(Method::DELETE, &format!("/v1/sends/{name}-{n}"), &Value::Null).await;
        }
    }
}
