//! Two gateways, one Redis, many sends, everything at the same time: each send has one fate.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use vigie::clock::{Clock, after};
use vigie::model::{ClaimId, Leaving, RecipientId, SendId, SendSpec, SendState};
use vigie::store::redis::RedisStore;
use vigie::store::{Cancelled, Counts, Enqueued, Store, Wait};

use super::shooting::{Sink, fire, keep_time};
use super::{open, rules, send, signal};
use crate::support::redis::{Options, RedisServer};
use crate::support::wait::wait_until;

const SENDS: usize = 20_000;
const PEOPLE: usize = 4000;
const PRODUCERS: usize = 4;
const BATCH: usize = 50;
const VISITORS: usize = 6;

/// How long it may all take on a machine that is busy with something else.
const BOUND: Duration = Duration::from_secs(90);

/// The first bytes, of which the partition is made, are well spread.
fn spread(number: usize) -> [u8; 16] {
    let number = u64::try_from(number).expect("small");
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    id[8..].copy_from_slice(&number.to_be_bytes());
    id
}

fn person(number: usize) -> RecipientId {
    RecipientId(spread(number % PEOPLE))
}

/// Some are due a moment later, so that time has something to do.
fn letter(number: usize) -> SendSpec {
    let mut letter = send(SendId(spread(number)), person(number / 3));
    if number.is_multiple_of(20) {
        let soon = Duration::from_millis(u64::try_from(number % 1000).expect("small"));
        letter.not_before = Some(after(Clock::system().now(), soon));
    }
    letter
}

/// Pushes a share of the letters, and changes its mind about some; gives those that were called off in time.
async fn produce(store: Arc<RedisStore>, sink: Arc<Sink>, letters: Vec<usize>) -> Vec<SendId> {
    let mut called_off = Vec::new();
    for numbers in letters.chunks(BATCH) {
        let letters = numbers.iter().map(|number| letter(*number)).collect();
        let answers = store.enqueue(ClaimId::random(), letters, Wait::Stored).await.expect("enqueue works");
        let claims = answers.into_iter().filter_map(|answer| match answer {
            Enqueued::New(claim) => claim,
            other => panic!("{other:?} instead of a new send"),
        });
        // In the middle of that, some are called off.
        let cancels = async {
            for number in numbers.iter().filter(|number| number.is_multiple_of(7)) {
                let send = SendId(spread(*number));
                match store.cancel(send, "changed my mind").await.expect("cancel works") {
                    Cancelled::Done => called_off.push(send),
                    Cancelled::InHandOver | Cancelled::Ended(SendState::Sent) => {}
                    other => panic!("{other:?} is none of its fates"),
                }
            }
        };
        tokio::join!(cancels, fire(&store, &sink, claims.collect()));
    }
    called_off
}

/// Comes online as one person after the other, and leaves again now and then, until everything has its fate.
async fn visit(store: Arc<RedisStore>, sink: Arc<Sink>, first: usize, done: Arc<AtomicUsize>) {
    for number in (first..).step_by(VISITORS) {
        if done.load(Ordering::Relaxed) > 0 {
            return;
        }
        let person = person(number);
        let touched = store.touch(signal(person)).await.expect("touch works");
        fire(&store, &sink, touched.claims).await;
        if number.is_multiple_of(5) {
            store.away(person, Leaving::Left).await.expect("away works");
        }
    }
}

async fn counts(store: &RedisStore) -> Counts {
    let mut all = Counts::default();
    for (scope, counts) in store.snapshot().await.expect("snapshot works").flows {
        assert_eq!(counts.gap(), 0, "{scope:?} conserves: {counts:?}");
        all.add(&counts);
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_sends_have_one_fate_each() {
    let redis = RedisServer::start(Options::default().and(&["--appendfsync", "everysec"])).await;
    let gateways = [open(&redis.url(), rules(), 0).await, open(&redis.url(), rules(), 0).await];
    let (sink, done) = (Arc::new(Sink::default()), Arc::new(AtomicUsize::new(0)));
    let _time = gateways.each_ref().map(|store| keep_time(store, &sink));
    let (mut producers, mut visitors) = (JoinSet::new(), JoinSet::new());
    for producer in 0..PRODUCERS {
        let letters = (producer..SENDS).step_by(PRODUCERS).collect();
        producers.spawn(produce(Arc::clone(&gateways[producer % 2]), Arc::clone(&sink), letters));
    }
    for visitor in 0..VISITORS {
        let store = Arc::clone(&gateways[visitor % 2]);
        visitors.spawn(visit(store, Arc::clone(&sink), visitor, Arc::clone(&done)));
    }
    let called_off: HashSet<SendId> = producers.join_all().await.into_iter().flatten().collect();
    wait_until("every send has its fate", BOUND, async || {
        (sink.len() + called_off.len() >= SENDS).then_some(())
    })
    .await;
    done.store(1, Ordering::Relaxed);
    visitors.join_all().await;
    assert_eq!(sink.doubled(), [], "nothing went out twice");
    assert!(!called_off.iter().any(|send| sink.has(*send)), "what was called off did not go out");
    let counts = wait_until("everything is recorded", BOUND, async || {
        Some(counts(&gateways[1]).await).filter(|counts| counts.states[SendState::Claimed as usize] == 0)
    })
    .await;
    let in_state = |state: SendState| usize::try_from(counts.states[state as usize]).expect("small");
    assert_eq!(counts.accepted, SENDS as u64);
    assert_eq!(in_state(SendState::Sent), sink.len());
    assert_eq!(in_state(SendState::Cancelled), called_off.len());
    assert_eq!(sink.len() + called_off.len(), SENDS);
    assert!(called_off.len() > 100 && sink.len() > 10_000, "both happened: {counts:?}");
}
