//! Two gateways on one Redis: each mailbox is watched by one, and by the other when that dies.

use super::{LETTER, gateway, order, reads};
use crate::support::dovecot::{Dovecot, Setup};
use crate::support::gateway::Gateway;
use crate::support::redis::{Options, RedisServer};
use crate::support::wait::{SOON, wait_until};

const MAILBOXES: usize = 12;

fn reader(number: usize) -> String {
    format!("canary-{number}@mail.example")
}

#[tokio::test]
async fn gateways_share_mailboxes_and_take_over_a_dead_ones() {
    let dovecot = Dovecot::start(Setup { crowd: MAILBOXES, ..Setup::default() }).await;
    let redis = RedisServer::start(Options::default()).await;
    let url = redis.url();
    let settings = [("VIGIE__STORE__URL", url.as_str())];
    let mut first = gateway(&dovecot, None, &settings).await;
    for number in 0..MAILBOXES {
        dovecot.deliver(&Dovecot::member(number), LETTER).await;
        first.watch(&order(&dovecot, &reader(number), &Dovecot::member(number))).await;
    }
    first.has("idle", MAILBOXES as u64).await;
    let second = gateway(&dovecot, Some(&first), &settings).await;
    let idle = |gateway: &Gateway| gateway.watched("state=\"idle\"");
    wait_until("each is watched once", SOON, async || {
        let (one, other) = (idle(&first), idle(&second));
        (one > 0 && other > 0 && one + other == MAILBOXES as u64).then_some(())
    })
    .await;
    first.kill().await;
    second.has("idle", MAILBOXES as u64).await;
    // Whoever was watched by the dead one is seen by the other.
    for number in 0..MAILBOXES {
        let id = format!("letter-{number}");
        second.queue(&id, &reader(number)).await;
        reads(&dovecot, &Dovecot::member(number)).await;
        second.reaches(&id, "sent").await;
    }
}
