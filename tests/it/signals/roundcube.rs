//! A real Roundcube with the plugin that operators copy, between a real Dovecot and a gateway.

mod server;

use hyper::Method;
use serde_json::json;

use super::integrations::{SECRET, filled};
use crate::support::dovecot::{Dovecot, Setup};
use crate::support::gateway::Gateway;
use crate::support::wait::{SOON, wait_until};
use server::Roundcube;

const ALICE: &str = "alice@example.test";
const LETTER: &str =
    "From: us@example.org\r\nSubject: hello\r\nMessage-ID: <1@example.org>\r\n\r\nGood day.\r\n";

/// Waits until so many of a webmail's reports came to this.
async fn counts_to(gateway: &Gateway, what: &str, count: u64) {
    let label = format!("what=\"{what}\"");
    wait_until(&format!("{count} times {what}"), SOON, async || {
        let found = gateway.metrics().count("vigie_reports_total", &["source=\"webmail\"", &label]);
        (found >= count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn real_roundcube_clicks_fire_and_an_open_tab_does_not() {
    let settings = [
        ("VIGIE__SIGNALS__WEBMAIL_SECRET", SECRET),
        ("VIGIE__INTAKE__SHARDS", "1"),
        ("VIGIE__PRESENCE__RECENT_CAPACITY", "0"),
        ("VIGIE__PRESENCE__MIN_GAP", "0s"),
    ];
    let gateway = Gateway::start(&settings).await;
    let configuration = filled("dovecot-2.3-exporter.conf", gateway.api());
    let dovecot = Dovecot::start(Setup { configuration, ..Setup::default() }).await;
    dovecot.deliver(ALICE, LETTER).await;
    let roundcube = Roundcube::start(dovecot.addr(), gateway.api()).await;
    gateway.queue("one", ALICE).await;
    let mut visitor = roundcube.login(ALICE).await;
    counts_to(&gateway, "login", 1).await;
    gateway.reaches("one", "sent").await;
    // Her tab stays open while she is away.
    let leaving = json!({"email": ALICE, "kind": "away"});
    assert_eq!(gateway.call(Method::POST, "/v1/signals", &leaving).await.status, 202);
    gateway.settled().await;
    gateway.queue("two", ALICE).await;
    for _ in 0..3 {
        visitor.refresh().await;
    }
    counts_to(&gateway, "visible", 3).await;
    gateway.settled().await;
    assert_eq!(gateway.state("two").await, "waiting", "a tab asks for new mail by itself");
    let page = visitor.click("/?_task=mail&_mbox=INBOX").await;
    assert!(page.contains("_task=mail"), "{page}");
    gateway.reaches("two", "sent").await;
    visitor.click("/?_task=mail&_action=show&_uid=1&_mbox=INBOX").await;
    counts_to(&gateway, "active", 2).await;
    visitor.logout().await;
    counts_to(&gateway, "leave", 1).await;
    let wrong = ["unauthorised", "unreadable", "unknown", "stale"].map(|what| format!("what=\"{what}\""));
    let metrics = gateway.metrics();
    assert!(wrong.iter().all(|what| metrics.count("vigie_reports_total", &[what]) == 0), "{}", metrics.text);
}

#[tokio::test]
async fn real_roundcube_works_without_a_gateway() {
    let mut gateway = Gateway::start(&[("VIGIE__SIGNALS__WEBMAIL_SECRET", SECRET)]).await;
    let dovecot = Dovecot::start(Setup::default()).await;
    let roundcube = Roundcube::start(dovecot.addr(), gateway.api()).await;
    gateway.kill().await;
    let mut visitor = roundcube.login(ALICE).await;
    assert!(visitor.click("/?_task=mail&_mbox=INBOX").await.contains("_task=mail"));
    gateway.restart().await;
}
