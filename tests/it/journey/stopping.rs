//! SIGTERM in the middle of the work: nothing is lost, nothing is sent twice, claims are given back.

use std::time::Duration;

use crate::support::crowd::{Person, come_online, copies, push};
use crate::support::gateway::Gateway;
use crate::support::sink::{Act, Manner, Step};
use crate::support::wait::{SOON, wait_until};

const LETTERS: usize = 200;

#[tokio::test]
async fn a_stop_under_load_gives_back_what_it_has_not_handed_over() {
    let sink = Manner::modern().script(|event| match event.step {
        Step::Message => Act::Late(Duration::from_millis(50)),
        _ => Act::Usual,
    });
    let sink = sink.start().await;
    let relay = format!("smtp://{}?tls=none", sink.addr());
    let mut gateway = Gateway::start(&[("VIGIE__RELAY__URL", &relay)]).await;
    let people = Person::several(&gateway, LETTERS).await;
    push(&gateway, &people).await;
    let some_are_sent =
        wait_until("some are sent", SOON, async || (sink.taken().len() >= LETTERS / 10).then_some(()));
    tokio::join!(come_online(gateway.knocker(), &people), some_are_sent);
    gateway.stop().await;
    assert!(sink.taken().len() < LETTERS, "it stopped in the middle of the work");

    gateway.restart().await;
    let metrics = gateway.metrics();
    let sent = sink.taken().len();
    assert_eq!(
        metrics.count("vigie_sends", &["state=\"sent\""]),
        sent as u64,
        "what the relay took is recorded"
    );
    let waiting = metrics.count("vigie_sends", &["state=\"waiting\""]);
    assert_eq!(waiting, (LETTERS - sent) as u64, "claims are given back:\n{}", metrics.text);

    come_online(gateway.knocker(), &people).await;
    wait_until("all are sent", SOON, async || (gateway.metrics().undecided() == 0).then_some(())).await;
    let copies = copies(&sink.taken());
    assert_eq!(copies.len(), LETTERS);
    assert!(copies.values().all(|count| *count == 1), "{copies:?}");
}
