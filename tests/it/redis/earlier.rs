//! What an earlier version left in Redis: it is read as far as it goes.

use vigie::model::{ClaimId, RecipientId, SendId};
use vigie::store::{Cancelled, Store, Wait};

use super::{brand, id_in, open, rules, send};
use crate::support::redis::{Options, RedisServer};

/// A version that counted no days took in two sends, this one the third: each is counted as it was when it came.
#[tokio::test]
async fn sends_that_were_never_counted_by_day_take_nothing_away() {
    let redis = RedisServer::start(Options::default()).await;
    let store = open(&redis.url(), rules(), 0).await;
    let who = RecipientId(id_in(7, 1));
    let ids = [*b"0123456789abcdea", *b"0123456789abcdeb", *b"0123456789abcdec"];
    let letters = ids.map(|id| send(SendId(id), who));
    store.enqueue(ClaimId::random(), letters[..2].to_vec(), Wait::Stored).await.expect("enqueue works");
    for id in &ids[..2] {
        let head = format!("{{v7}}:s:{}", str::from_utf8(id).expect("text"));
        redis.ask(&["HDEL", &head, "dy"]).await.expect("it had one");
    }
    let script = "for _, f in ipairs(redis.call('HKEYS', KEYS[1])) do \
                  if f:find('^[AD]') then redis.call('HDEL', KEYS[1], f) end end";
    redis.ask(&["EVAL", script, "1", "{v7}:c"]).await.expect("it runs");
    assert!(store.snapshot().await.expect("snapshot works").open.is_empty(), "nothing is known of them");
    store.enqueue(ClaimId::random(), letters[2..].to_vec(), Wait::Stored).await.expect("enqueue works");
    for (id, left) in ids.into_iter().zip([1, 1, 0]) {
        assert_eq!(store.cancel(SendId(id), "").await.expect("cancel works"), Cancelled::Done);
        let open = store.snapshot().await.expect("snapshot works").open;
        let open = open.get(&brand()).copied().unwrap_or_default();
        assert_eq!((open.by_age.iter().sum::<u64>(), open.by_deadline[5]), (left, left));
    }
    store.close().await.expect("it closes");
}
