//! Ids and words with line ends and zero bytes, through every method: nothing strange happens.

use std::time::Duration;

use vigie::clock::{Clock, after};
use vigie::model::{
    ClaimId, Consent, Deferral, Finish, FlowScope, FlowSetting, Grantee, Hold, Leaving, RecipientId, SendId,
    SendState,
};
use vigie::store::redis::RedisStore;
use vigie::store::{Cancelled, Cases, Enqueued, Fenced, Store, Wait};

use super::{accepted, brand, open, rules, send, signal};
use crate::support::redis::{Options, RedisServer};

/// What a careless protocol would trip over.
const WORDS: [&str; 5] = ["\r\n+OK\r\n", "a\0b", "$-1\r\n", "{v0}:t", "')\n redis.call('FLUSHALL') --"];

/// The same as ids.
fn ids() -> Vec<[u8; 16]> {
    let text = WORDS.iter().map(|word| {
        let mut id = *b"\r\n\r\n\0\0\0\0\0\0\0\0\0\0\0\0";
        word.bytes().zip(&mut id).for_each(|(byte, place)| *place = byte);
        id
    });
    text.chain([[0; 16], [b'\r'; 16], [b'\n'; 16], [0xff; 16], *b"\n:1000000\r\n*3\r\n$"]).collect()
}

/// The whole life of one person with letters.
async fn lives(store: &RedisStore, id: [u8; 16], word: &str) {
    let who = RecipientId(id);
    let mut other = id;
    other[15] ^= 1;
    let letters = [id, other].map(|id| {
        let mut letter = send(SendId(id), who);
        (letter.reference, letter.case, letter.digest) = (word.into(), Some(word.into()), word.into());
        letter
    });
    let answers = store.enqueue(ClaimId(id), letters.to_vec(), Wait::Stored).await.expect("enqueue works");
    assert!(answers.iter().all(|answer| matches!(answer, Enqueued::New(None))), "{answers:?}");
    let again = store.enqueue(ClaimId(id), letters.to_vec(), Wait::Stored).await.expect("enqueue works");
    assert!(again.iter().all(|answer| matches!(answer, Enqueued::Same)), "{again:?}");
    let said = |granted| Consent {
        recipient: who,
        grantee: Grantee::Brand(brand()),
        granted,
        proof: word.into(),
        at: Clock::system().now(),
        earlier: Vec::new(),
    };
    store.consent(said(true)).await.expect("consent works");
    let mut touch = signal(who);
    (touch.request, touch.about) = (ClaimId(id), Some(SendId(id)));
    let claims = store.touch(touch.clone()).await.expect("touch works").claims;
    assert_eq!(claims.len(), 2);
    assert_eq!(store.touch(touch).await.expect("touch works").claims.len(), 2, "the same again");
    let holds: Vec<Hold> = claims.iter().map(|claim| claim.hold).collect();
    assert_eq!(store.renew(&holds).await.expect("renew works"), [Fenced::Done; 2]);
    assert_eq!(store.begin(holds[0]).await.expect("begin works"), Fenced::Done);
    let until = after(Clock::system().now(), Duration::from_mins(1));
    let finishes = [
        Finish::Accepted { reply: word.into(), provider: None },
        Finish::Deferred(Deferral { until, reason: word.into(), counts: true }),
    ];
    for (hold, finish) in holds.iter().zip(finishes) {
        assert_eq!(store.finish(*hold, finish).await.expect("finish works"), Fenced::Done);
    }
    let sent = store.send(holds[0].send).await.expect("send works").expect("it is known");
    assert_eq!((sent.reference.as_str(), sent.state), (word, SendState::Sent));
    let person = store.person(who).await.expect("person works");
    assert_eq!((person.waiting.len(), person.consents[0].proof.as_str()), (1, word));
    assert!(person.online.is_some());
    store.away(who, Leaving::Left).await.expect("away works");
    assert_eq!(
        store.cancel(holds[0].send, word).await.expect("cancel works"),
        Cancelled::Ended(SendState::Sent)
    );
    assert_eq!(store.settle(&brand(), word, word).await.expect("settle works").cancelled, 1);
    assert_eq!(store.forget(who).await.expect("forget works").consents, 1);
}

#[tokio::test]
async fn strange_bytes_are_bytes() {
    let redis = RedisServer::start(Options::default()).await;
    let store = open(&format!("{}/?partitions=4", redis.url()), rules(), 0).await;
    let bystander = send(SendId(*b"an innocent send"), RecipientId(*b"innocent person!"));
    store.enqueue(ClaimId::random(), vec![bystander.clone()], Wait::Stored).await.expect("enqueue works");
    let ids = ids();
    for (number, id) in ids.iter().enumerate() {
        lives(&store, *id, &format!("{}{number}", WORDS[number % WORDS.len()])).await;
        // Nobody who was never heard of.
        let mut unknown = *id;
        unknown[8] ^= 0x80;
        let hold = Hold { recipient: RecipientId(unknown), send: SendId(unknown), claim: ClaimId(*id) };
        assert_eq!(store.begin(hold).await.expect("begin works"), Fenced::Stale);
        assert_eq!(store.finish(hold, accepted()).await.expect("finish works"), Fenced::Stale);
        assert_eq!(store.cancel(hold.send, "\0").await.expect("cancel works"), Cancelled::Unknown);
        assert!(store.send(hold.send).await.expect("send works").is_none());
        store.tick(ClaimId(*id), 10).await.expect("tick works");
    }
    let scope = FlowScope { brand: brand(), campaign: None };
    let setting = FlowSetting { reason: Some(WORDS.concat()), ..FlowSetting::default() };
    store.set_flow(scope.clone(), setting.clone()).await.expect("set_flow works");
    assert_eq!(store.flows().borrow().settings.get(&scope), Some(&setting));
    let counts = store.snapshot().await.expect("snapshot works").flows.remove(&scope).expect("the brand's");
    let letters = u64::try_from(ids.len()).expect("small");
    assert_eq!((counts.accepted, counts.gap()), (2 * letters + 1, 0));
    assert_eq!(counts.states[SendState::Sent as usize], letters);
    assert_eq!(store.touch(signal(bystander.recipient)).await.expect("touch works").claims.len(), 1);
    let keys: Vec<Vec<u8>> =
        redis::from_redis_value(redis.ask(&["KEYS", "*"]).await.expect("keys")).expect("names");
    let strange = keys.iter().find(|key| !key.starts_with(b"{v") && !key.starts_with(b"vigie:"));
    assert_eq!(strange, None, "every key is one of ours");
}
