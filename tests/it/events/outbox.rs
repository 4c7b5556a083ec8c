//! On Redis: what a gateway that was killed did not tell, another one tells.

use std::collections::BTreeSet;

use vigie::store::{Heard, Log, Store};

use crate::support::redis::{Options, RedisServer};
use crate::support::wait::{SOON, wait_until};

#[tokio::test]
async fn what_is_left_in_an_outbox_is_told_and_nothing_stays() {
    let redis = RedisServer::start(Options::default()).await;
    let store = crate::redis::open(&redis.url(), crate::redis::rules(), 0).await;
    // As functions write them, long ago; and one that nobody can read.
    redis.text(&["HSET", "{v3}:e", "0123456789abcdefs", "S1 2 demo/wave\0ref-1\x00250 2.0.0 ok"]).await;
    redis.text(&["HSET", "{v200}:e", "case-7-settled", "J2 case.settled demo {\"case\":\"7\"}"]).await;
    redis.text(&["HSET", "{v200}:e", "strange", "J2 nothing"]).await;
    let told = wait_until("they are told", SOON, async || {
        let Ok(Heard::Events(told)) = store.events(None, 100).await else { return None };
        (told.len() >= 2).then_some(told)
    })
    .await;
    let kinds: BTreeSet<_> =
        told.iter().map(|told| (told.event.id.as_str(), told.event.kind.as_str())).collect();
    let send = format!("{}-sent", const_hex::encode("0123456789abcdef"));
    assert_eq!(kinds, [("case-7-settled", "case.settled"), (send.as_str(), "send.sent")].into());
    wait_until("the outboxes are empty", SOON, async || {
        let left = redis.text(&["HLEN", "{v3}:e"]).await;
        let strange = redis.text(&["HGET", "{v200}:e", "strange"]).await;
        let others = redis.text(&["HLEN", "{v200}:e"]).await;
        (left == "0" && others == "1" && strange == "J2 nothing").then_some(())
    })
    .await;
    store.close().await.expect("it closes");
}
