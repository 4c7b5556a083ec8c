//! Keys that somebody else wrote where ours should be: what they are about stands still, and nothing else.

use std::time::Duration;

use hyper::{Method, StatusCode};
use serde_json::json;
use vigie::clock::{Clock, after};
use vigie::model::{ClaimId, RecipientId, SendId};
use vigie::store::{Enqueued, Store, StoreError, Wait};

use super::load::{SETTINGS, ready};
use super::{brand, id_in, open, rules, send, signal};
use crate::support::gateway::{Gateway, letter};
use crate::support::redis::{Options, RedisServer};
use crate::support::wait::{SOON, wait_until};

const PARTITIONS: u16 = 16;

/// Somebody with a letter.
struct Reader {
    letter: String,
    email: String,
    person: RecipientId,
}

impl Reader {
    async fn new(gateway: &Gateway, number: usize) -> Reader {
        let (letter, email) = (format!("letter-{number}"), format!("canary-{number}@example.test"));
        let answer = gateway.call(Method::POST, "/v1/recipients/lookup", &json!({"email": email})).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let hex = answer.json()["recipient"].as_str().expect("an id").to_owned();
        let person = const_hex::decode_to_array(hex).expect("16 bytes");
        Reader { letter, email, person: RecipientId(person) }
    }

    fn partition(&self) -> u16 {
        self.person.partition(PARTITIONS)
    }

    /// A key of their partition that ends in an id.
    fn key(&self, kind: &str, id: [u8; 16]) -> Vec<u8> {
        [format!("{{v{}}}:{kind}:", self.partition()).as_bytes(), &id].concat()
    }

    fn queue(&self) -> Vec<u8> {
        self.key("q", self.person.0)
    }

    fn head(&self) -> Vec<u8> {
        self.key("s", SendId::derive(&brand(), &self.letter).0)
    }

    /// Their letter, in a moment.
    async fn push_for_later(&self, gateway: &Gateway) {
        let mut send = letter(&self.letter, &self.email);
        let soon = after(Clock::system().now(), Duration::from_secs(2));
        send["not_before"] = soon.to_string().into();
        gateway.push(&send).await;
    }
}

/// Puts a text where something else should be.
async fn plant(redis: &RedisServer, key: &[u8]) {
    let mut connection = redis.connection().await.expect("it is up");
    let mut set = redis::cmd("SET");
    set.arg(key).arg("what is this?");
    set.exec_async(&mut connection).await.expect("it is set");
}

async fn house() -> (RedisServer, Gateway) {
    let redis = RedisServer::start(Options::default()).await;
    let url = format!("{}/?partitions={PARTITIONS}", redis.url());
    let settings: Vec<_> = SETTINGS.into_iter().chain([("VIGIE__STORE__URL", url.as_str())]).collect();
    let gateway = Gateway::start(&settings).await;
    (redis, gateway)
}

async fn readers(gateway: &Gateway, count: usize) -> Vec<Reader> {
    let mut readers = Vec::new();
    for number in 0..count {
        readers.push(Reader::new(gateway, number).await);
    }
    readers
}

#[tokio::test]
async fn what_is_broken_of_one_person_or_one_send_is_nobody_elses() {
    let (redis, mut gateway) = house().await;
    let readers = readers(&gateway, 40).await;
    for reader in &readers {
        gateway.queue(&reader.letter, &reader.email).await;
    }
    plant(&redis, &readers[0].queue()).await;
    plant(&redis, &readers[1].head()).await;
    for reader in &readers {
        gateway.comes_online(&reader.email).await;
    }
    for reader in &readers[2..] {
        gateway.reaches(&reader.letter, "sent").await;
    }
    // Neither can be shown, and neither went anywhere.
    for reader in &readers[..2] {
        let path = format!("/v1/sends/{}", reader.letter);
        assert!(gateway.call(Method::GET, &path, &json!(null)).await.status.is_server_error());
    }
    assert_eq!(gateway.outbox().len(), readers.len() - 2);
    gateway.leaves_undecided(2);
}

#[tokio::test]
async fn time_goes_on_beside_what_is_broken() {
    let (redis, mut gateway) = house().await;
    let readers = readers(&gateway, 40).await;
    // All timers of one partition; one person and one send in others.
    let jammed = readers[0].partition();
    let elsewhere: Vec<&Reader> = readers.iter().filter(|reader| reader.partition() != jammed).collect();
    let (nobody, nothing) = (elsewhere[0], elsewhere[1]);
    for reader in &elsewhere {
        gateway.comes_online(&reader.email).await;
    }
    wait_until("all are known to be online", SOON, async || {
        (gateway.metrics().count("vigie_presence_online", &[]) == elsewhere.len() as u64).then_some(())
    })
    .await;
    plant(&redis, format!("{{v{jammed}}}:t").as_bytes()).await;
    for reader in &elsewhere {
        reader.push_for_later(&gateway).await;
    }
    plant(&redis, &nobody.queue()).await;
    plant(&redis, &nothing.head()).await;
    for reader in &elsewhere[2..] {
        gateway.reaches(&reader.letter, "sent").await;
    }
    let logged = async |text: &str| {
        wait_until(&format!("it is logged that {text}"), SOON, async || {
            gateway.log().lines().any(|line| line.contains(text)).then_some(())
        })
        .await;
    };
    logged("set aside").await;
    logged(&format!("partition {jammed}")).await;
    // The same again, to see that nothing is stuck.
    let late = Reader { letter: "late".into(), ..Reader::new(&gateway, 50).await };
    if late.partition() != jammed {
        late.push_for_later(&gateway).await;
        gateway.comes_online(&late.email).await;
        gateway.reaches("late", "sent").await;
    }
    gateway.leaves_undecided(2);
}

#[tokio::test]
async fn counters_that_are_broken_do_not_close_the_house() {
    let (redis, gateway) = house().await;
    let readers = readers(&gateway, 40).await;
    let broken = readers[0].partition();
    plant(&redis, format!("{{v{broken}}}:c").as_bytes()).await;
    for reader in readers.iter().filter(|reader| reader.partition() != broken) {
        gateway.queue(&reader.letter, &reader.email).await;
        gateway.comes_online(&reader.email).await;
        gateway.reaches(&reader.letter, "sent").await;
    }
    let send = letter(&readers[0].letter, &readers[0].email);
    let answer = gateway.call(Method::POST, "/v1/sends", &send).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text());
    assert_eq!(ready(&gateway).await.0, StatusCode::OK, "the others are served");
    assert!(gateway.metrics().count("vigie_sends", &["state=\"sent\""]) > 20, "and counted");
    // Nor do its sends keep those of others from being read.
    let mut number = 50;
    let mut late = Reader::new(&gateway, number).await;
    while late.partition() == broken {
        number += 1;
        late = Reader::new(&gateway, number).await;
    }
    for reader in [&readers[0], &late] {
        let send = letter(&reader.letter, &reader.email).to_string();
        redis.text(&["XADD", "vigie:sends", "*", "send", &send]).await;
    }
    wait_until("only what is not done stays", SOON, async || {
        (redis.text(&["XLEN", "vigie:sends"]).await == "1").then_some(())
    })
    .await;
    gateway.comes_online(&late.email).await;
    gateway.reaches(&late.letter, "sent").await;
}

#[tokio::test]
async fn a_batch_is_taken_but_for_what_is_broken() {
    let redis = RedisServer::start(Options::default()).await;
    let store = open(&redis.url(), rules(), 0).await;
    plant(&redis, b"{v3}:c").await;
    let to = |partition, number| send(SendId(id_in(9, number)), RecipientId(id_in(partition, number)));
    store.touch(signal(to(5, 2).recipient)).await.expect("touch works");
    let sends = vec![to(3, 1), to(5, 2), to(3, 3), to(7, 4)];
    for fresh in [true, false] {
        let answers = store.enqueue(ClaimId::random(), sends.clone(), Wait::Stored).await;
        let answers = answers.expect("it was asked");
        let [Enqueued::Failed(_), online, Enqueued::Failed(_), offline] = &answers[..] else {
            panic!("{answers:?}")
        };
        if fresh {
            assert!(
                matches!((online, offline), (Enqueued::New(Some(_)), Enqueued::New(None))),
                "{answers:?}"
            );
        } else {
            assert!(matches!((online, offline), (Enqueued::Same, Enqueued::Same)), "{answers:?}");
        }
    }
}

/// Its producer hears that it may be lost, and nobody of the claim; which must not last.
#[tokio::test]
async fn what_is_stored_less_safely_than_asked_is_not_left_claimed() {
    let redis = RedisServer::start(Options::default()).await;
    let store = open(&redis.url(), rules(), 1).await;
    let letter = send(SendId(id_in(1, 1)), RecipientId(id_in(2, 1)));
    store.touch(signal(letter.recipient)).await.expect("touch works");
    let answers = store.enqueue(ClaimId::random(), vec![letter.clone()], Wait::Stored).await;
    let answers = answers.expect("it was asked");
    assert!(matches!(answers[..], [Enqueued::Failed(StoreError::Unavailable(_))]), "{answers:?}");
    let touched = store.touch(signal(letter.recipient)).await.expect("touch works");
    assert_eq!(touched.claims.len(), 1, "it is free again");
}

#[tokio::test]
async fn a_broken_send_is_not_in_its_persons_way() {
    let (redis, mut gateway) = house().await;
    let reader = Reader::new(&gateway, 0).await;
    gateway.queue(&reader.letter, &reader.email).await;
    gateway.queue("sound", &reader.email).await;
    plant(&redis, &reader.head()).await;
    assert_eq!(gateway.state("sound").await, "waiting", "it can be shown, and why it waits");
    gateway.comes_online(&reader.email).await;
    gateway.reaches("sound", "sent").await;
    gateway.leaves_undecided(1);
}

#[tokio::test]
async fn what_is_paused_stays_paused_when_its_settings_are_lost() {
    let (redis, gateway) = house().await;
    let pause = json!({"state": "paused"});
    assert_eq!(gateway.call(Method::PUT, "/v1/flows/demo", &pause).await.status, StatusCode::OK);
    redis.text(&["DEL", "vigie:flows"]).await;
    wait_until("the setting is written back", SOON, async || {
        (redis.text(&["HEXISTS", "vigie:flows", "demo/"]).await == "1").then_some(())
    })
    .await;
    let flows = gateway.call(Method::GET, "/v1/flows", &json!(null)).await.json();
    assert_eq!(flows["flows"][0]["state"], "paused", "{flows}");
}
