//! Relays of brands' own.

use super::{Folders, is_stale, send, shows};
use crate::support::sink::{Manner, Sink, Step};
use crate::support::wait::{SOON, wait_until};

fn relay(sink: &Sink, more: &str) -> String {
    format!("[relay]\nurl = \"smtp://{}?tls=none\"\n{more}", sink.addr())
}

#[tokio::test]
async fn each_brands_mail_goes_to_its_own_relay_and_the_rest_to_everybodys() {
    let (first, second, general) =
        (Manner::modern().start().await, Manner::offering(&["AUTH PLAIN"]), Manner::modern().start().await);
    let second = second.login("nova", "hunter2").start().await;
    let folders = Folders::new();
    folders.put("acme", &relay(&first, ""), "Acme");
    folders.put("nova", &relay(&second, "user = \"nova\""), "Nova");
    folders.put("other", "", "Other");
    let url = format!("smtp://{}?tls=none", general.addr());
    let gateway = folders
        .gateway(&[("VIGIE__RELAY__URL", &url), ("VIGIE__BRANDS__NOVA__RELAY__PASSWORD", "hunter2")])
        .await;
    gateway.secret("hunter2");
    for (brand, sink) in [("acme", &first), ("nova", &second), ("other", &general)] {
        send(&gateway, brand, 0).await;
        let taken = sink.taken();
        assert!(matches!(taken.as_slice(), [only] if only.from.contains(brand)), "{brand}: {taken:?}");
        let label = format!("relay=\"{}\"", sink.addr());
        assert_eq!(gateway.metrics().count("vigie_relay_transactions_total", &[&label, "reply=\"250\""]), 1);
    }
}

#[tokio::test]
async fn brands_with_the_same_relay_share_its_connections() {
    let sink = Manner::modern().start().await;
    let folders = Folders::new();
    for brand in ["acme", "nova"] {
        folders.put(brand, &relay(&sink, "connections = 1"), brand);
    }
    let gateway = folders.gateway(&[]).await;
    for (brand, number) in [("acme", 0), ("nova", 0), ("acme", 1)] {
        send(&gateway, brand, number).await;
    }
    assert_eq!((sink.taken().len(), sink.connections()), (3, 1));
}

#[tokio::test]
async fn a_brand_that_moves_to_another_relay_leaves_the_old_one_in_peace() {
    let (old, new) = (Manner::modern().start().await, Manner::modern().start().await);
    let folders = Folders::new();
    folders.put("acme", &relay(&old, ""), "Acme");
    let gateway = folders.gateway(&[]).await;
    send(&gateway, "acme", 0).await;
    folders.put("acme", &relay(&new, ""), "Acme");
    old.wait_for(Step::Quit, 1).await;
    old.wait_open(0).await;
    send(&gateway, "acme", 1).await;
    assert_eq!((old.taken().len(), new.taken().len()), (1, 1));

    // And to everybody's, by leaving the table out; one that cannot be is refused.
    folders.put("acme", "[relay]\nurl = \"smtp://h?tls=maybe\"", "Acme");
    is_stale(&gateway, "acme", true).await;
    send(&gateway, "acme", 2).await;
    assert_eq!(new.taken().len(), 2);
    folders.put("acme", "", "Acme");
    is_stale(&gateway, "acme", false).await;
    send(&gateway, "acme", 3).await;
    assert_eq!((new.taken().len(), gateway.outbox().len()), (2, 1));
}

/// A mail that is at the old relay when its brand moves is finished there.
#[tokio::test]
async fn a_mail_under_way_ends_where_it_began() {
    let (go, wait) = (tokio::sync::watch::Sender::new(false), std::time::Duration::from_millis(700));
    let slow = Manner::modern().script(move |event| match event.step {
        Step::Message => {
            go.send_replace(true);
            crate::support::sink::Act::Late(wait)
        }
        _ => crate::support::sink::Act::Usual,
    });
    let (old, new) = (slow.start().await, Manner::modern().start().await);
    let folders = Folders::new();
    folders.put("acme", &relay(&old, ""), "Acme");
    let gateway = folders.gateway(&[]).await;
    gateway.push(&super::note("acme", "slow", "canary-slow@example.test")).await;
    gateway.comes_online("canary-slow@example.test").await;
    old.wait_for(Step::Message, 1).await;
    folders.put("acme", &relay(&new, ""), "Acme");
    shows(&gateway, "vigie_brand_reloads_total", "result=\"loaded\"", 2).await;
    gateway.reaches("slow", "sent").await;
    wait_until("the old connection is closed", SOON, async || {
        gateway
            .metrics()
            .text
            .contains(&format!("vigie_relay_connections{{relay=\"{}\",state=\"open\"}} 0", old.addr()))
            .then_some(())
    })
    .await;
    assert_eq!((old.taken().len(), new.taken().len()), (1, 0));
}
