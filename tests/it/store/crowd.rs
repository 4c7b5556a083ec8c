//! Many at once: each send has one fate, and nobody gets a claim twice.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use vigie::model::{Claim, ClaimId, Finish, Leaving, RecipientId, SendState};
use vigie::store::{Enqueued, Fenced, Store};

use super::bench::{Backend, Bench, accepted, send, signal, who};

const PEOPLE: u8 = 20;
const PRODUCERS: usize = 8;
const CALLS: usize = 25;
const PER_CALL: usize = 4;

/// One of the people.
fn person(n: usize) -> RecipientId {
    who(u8::try_from(n % usize::from(PEOPLE)).expect("there are few"))
}

/// Fires claims as a gateway would; gives the ids that were really sent.
async fn fire(store: &dyn Store, claims: Vec<Claim>) -> Vec<[u8; 16]> {
    let mut sent = Vec::new();
    for claim in claims {
        if store.begin(claim.hold).await.expect("begin works") == Fenced::Stale {
            continue;
        }
        let finish = match claim.hold.send.0[0] % 8 {
            0 => Finish::Rejected { reason: "550".into() },
            1 if claim.attempt == 1 => Finish::Released { reason: "again".into() },
            _ => accepted(),
        };
        let accepted = matches!(finish, Finish::Accepted { .. });
        assert_eq!(store.finish(claim.hold, finish).await.expect("finish works"), Fenced::Done);
        sent.extend(accepted.then_some(claim.hold.send.0));
    }
    sent
}

async fn produce(store: Arc<dyn Store>, producer: usize) -> Vec<[u8; 16]> {
    let mut sent = Vec::new();
    for call in 0..CALLS {
        let letters: Vec<_> = (0..PER_CALL)
            .map(|n| send(&format!("{producer}-{call}-{n}"), person(call * PER_CALL + n)))
            .collect();
        let answers = store
            .enqueue(ClaimId::random(), letters.clone(), vigie::store::Wait::Stored)
            .await
            .expect("enqueue works");
        let claims = answers.into_iter().filter_map(|answer| match answer {
            Enqueued::New(claim) => claim,
            other => panic!("{other:?} instead of a new send"),
        });
        sent.extend(fire(&*store, claims.collect()).await);
        if call % 3 == 0 {
            store.cancel(letters[0].id, "changed my mind").await.expect("cancel works");
        }
    }
    sent
}

async fn visit(store: Arc<dyn Store>, visitor: u8) -> Vec<[u8; 16]> {
    let mut sent = Vec::new();
    for n in 0..200_u8 {
        let person = who(n.wrapping_mul(7).wrapping_add(visitor) % PEOPLE);
        let claims = store.touch(signal(person)).await.expect("touch works").claims;
        sent.extend(fire(&*store, claims).await);
        if n % 16 == 0 {
            store.away(person, Leaving::Left).await.expect("away works");
        }
        tokio::task::yield_now().await;
    }
    sent
}

pub(crate) async fn each_send_has_one_fate<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let mut tasks = tokio::task::JoinSet::new();
    let gateways = [bench.store(), bench.backend.another().await];
    for producer in 0..PRODUCERS {
        tasks.spawn(produce(Arc::clone(&gateways[producer % 2]), producer));
    }
    for visitor in 0..4_u8 {
        tasks.spawn(visit(Arc::clone(&gateways[usize::from(visitor) / 2]), visitor));
    }
    let mut sent: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    for person in 0..PEOPLE {
        // What was released in the last round is still there.
        loop {
            let claims = bench.touch(who(person)).await;
            if claims.is_empty() {
                break;
            }
            if claims.iter().all(|claim| claim.hold.send.0[0] % 8 == 1) {
                for claim in claims {
                    bench.sent(claim.hold).await;
                    sent.push(claim.hold.send.0);
                }
            } else {
                sent.extend(fire(&*bench.store(), claims).await);
            }
        }
    }
    let different: HashSet<_> = sent.iter().collect();
    assert_eq!(different.len(), sent.len(), "nothing was sent twice");
    let counts = bench.counts().await;
    assert_eq!(counts.accepted, (PRODUCERS * CALLS * PER_CALL) as u64);
    assert_eq!((counts.states[0], counts.states[1]), (0, 0), "nothing is left");
    assert_eq!(counts.states[SendState::Sent as usize], sent.len() as u64);
}

pub(crate) async fn many_producers_of_the_same_send_make_one<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let mut tasks = tokio::task::JoinSet::new();
    let gateways = [bench.store(), bench.backend.another().await];
    for n in 0..50 {
        let store = Arc::clone(&gateways[n % 2]);
        tasks.spawn(async move {
            store
                .enqueue(ClaimId::random(), vec![send("s-1", who(1))], vigie::store::Wait::Stored)
                .await
                .expect("enqueue works")
        });
    }
    let answers: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    let new = answers.iter().filter(|answer| matches!(answer, Enqueued::New(_))).count();
    assert_eq!((new, answers.len()), (1, 50));
}

pub(crate) async fn a_sleeper_does_not_keep_a_store_open<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let store = bench.store();
    let sleeper = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.due().await }
    });
    tokio::task::yield_now().await;
    let closed = tokio::time::timeout(Duration::from_secs(10), store.close()).await;
    closed.expect("closing waits for nobody").expect("it closes");
    sleeper.abort();
}
