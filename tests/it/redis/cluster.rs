//! A cluster whose primary is killed, and one whose slots move, under load.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vigie::clock::{Clock, after};
use vigie::model::{ClaimId, Leaving, RecipientId, SendId, SendState};
use vigie::store::redis::RedisStore;
use vigie::store::{Enqueued, Store, StoreError, Wait};

use super::shooting::{Sink, fire, keep_patient_time, keep_time};
use super::{id_in, open, rules, send, signal};
use crate::support::redis::{Options, RedisCluster, RedisServer, Shape};
use crate::support::wait::{SOON, wait_until};

/// After this a server that does not answer is replaced by its replica.
const NODE_TIMEOUT: Duration = Duration::from_secs(2);

/// Vote, map and connections, on a busy machine.
const AND_SOME: Duration = Duration::from_secs(6);

/// Operations on other servers' partitions never take longer.
const UNDISTURBED: Duration = Duration::from_secs(1);

/// What came of one operation after the other on one partition.
#[derive(Debug, Default)]
struct Line {
    slowest: Duration,
    errors: Vec<StoreError>,
    /// When a visit worked last; a promoted replica has no replica, and new sends are not as safe as asked for.
    good: Option<Instant>,
    /// Sends that were acknowledged.
    accepted: Vec<SendId>,
}

impl Line {
    fn note(
        &mut self,
        enqueued: Result<SendId, StoreError>,
        touched: Result<(), StoreError>,
        start: Instant,
    ) {
        self.slowest = self.slowest.max(start.elapsed());
        match enqueued {
            Ok(send) => self.accepted.push(send),
            Err(error) => self.errors.push(error),
        }
        match touched {
            Ok(()) => self.good = Some(Instant::now()),
            Err(error) => self.errors.push(error),
        }
    }
}

/// The slot of a partition.
async fn slot(server: &RedisServer, partition: u8) -> u16 {
    let key = format!("{{v{partition}}}");
    let slot = server.ask(&["CLUSTER", "KEYSLOT", &key]).await.expect("a slot");
    redis::from_redis_value(slot).expect("a number")
}

/// For each primary, as its port says, some partitions of its own.
async fn homes(cluster: &RedisCluster, each: usize) -> HashMap<u16, Vec<u8>> {
    let mut homes: HashMap<u16, Vec<u8>> = HashMap::new();
    for partition in 0..=u8::MAX {
        let owner = cluster.primary_of(slot(&cluster.servers()[0], partition).await).await;
        let home = homes.entry(owner.port()).or_default();
        if home.len() < each {
            home.push(partition);
        }
        if homes.len() == 3 && homes.values().all(|home| home.len() == each) {
            break;
        }
    }
    homes
}

/// One send after the other to one person of a partition, and visits in between, until it is told to stop.
async fn work(store: Arc<RedisStore>, partition: u8, line: Arc<Mutex<Line>>, stop: CancellationToken) {
    for number in 0.. {
        if stop.is_cancelled() {
            return;
        }
        let (id, who) = (SendId(id_in(partition, number)), RecipientId(id_in(partition, number)));
        let start = Instant::now();
        let enqueued = store.enqueue(ClaimId::random(), vec![send(id, who)], Wait::Stored).await;
        let enqueued = enqueued.and_then(|mut answers| match answers.pop() {
            Some(Enqueued::Failed(error)) => Err(error),
            _ => Ok(id),
        });
        let touched = store.touch(signal(RecipientId(id_in(partition, u32::MAX)))).await;
        line.lock().expect("sound").note(enqueued, touched.map(drop), start);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A send that is due in a moment goes out in time, though another gateway accepted it.
async fn time_goes_on(stores: &[Arc<RedisStore>; 2], sink: &Sink, partitions: &[u8], number: u32) {
    for (turn, partition) in partitions.iter().enumerate() {
        let (id, who) = (SendId(id_in(*partition, number)), RecipientId(id_in(*partition, number)));
        let mut letter = send(id, who);
        letter.not_before = Some(after(Clock::system().now(), Duration::from_millis(500)));
        let store = &stores[turn % 2];
        store.touch(signal(who)).await.expect("touch works");
        let answers =
            store.enqueue(ClaimId::random(), vec![letter], Wait::Stored).await.expect("enqueue works");
        assert!(matches!(answers[..], [Enqueued::New(None)]), "{answers:?}");
    }
    let out = async || partitions.iter().all(|p| sink.has(SendId(id_in(*p, number)))).then_some(());
    wait_until("what is due went out", Duration::from_secs(4), out).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_primary_stops_its_own_partitions_only_and_not_for_long() {
    let timeout = NODE_TIMEOUT.as_millis().to_string();
    let failing =
        ["--cluster-node-timeout", &timeout, "--cluster-require-full-coverage", "no", "--repl-timeout", "60"];
    let cluster = RedisCluster::start(Shape::default(), Options::default().and(&failing)).await;
    // An acknowledged send is on the replica too.
    let stores = [open(&cluster.url(), rules(), 1).await, open(&cluster.url(), rules(), 1).await];
    let homes = homes(&cluster, 4).await;
    // The worst one: it also has what all gateways share.
    let shared = cluster.servers()[0].ask(&["CLUSTER", "KEYSLOT", "vigie:gateways"]).await.expect("a slot");
    let victim = cluster.primary_of(redis::from_redis_value(shared).expect("a number")).await;
    let (sink, stop) = (Arc::new(Sink::default()), CancellationToken::new());
    let mut lines: HashMap<u16, Vec<Arc<Mutex<Line>>>> = HashMap::new();
    let mut workers = JoinSet::new();
    for (port, partitions) in &homes {
        for (turn, partition) in partitions.iter().enumerate() {
            let line = Arc::<Mutex<Line>>::default();
            lines.entry(*port).or_default().push(Arc::clone(&line));
            workers.spawn(work(Arc::clone(&stores[turn % 2]), *partition, line, stop.clone()));
        }
    }
    let _time = stores.each_ref().map(|store| keep_patient_time(store, &sink));
    let others: Vec<u8> =
        homes.iter().filter(|(port, _)| **port != victim.port()).flat_map(|(_, home)| home.clone()).collect();
    time_goes_on(&stores, &sink, &others, 1_000_000).await;
    let good_since = |line: &Mutex<Line>, since: Instant| line.lock().expect("sound").good > Some(since);
    let began = Instant::now();
    wait_until("all work", SOON, async || {
        lines.values().flatten().all(|line| good_since(line, began)).then_some(())
    })
    .await;

    let killed = Instant::now();
    victim.kill();
    // While nobody has taken over yet.
    time_goes_on(&stores, &sink, &others, 2_000_000).await;
    let theirs = &lines[&victim.port()];
    wait_until("its partitions are back", NODE_TIMEOUT + AND_SOME, async || {
        let dead_for = killed + NODE_TIMEOUT / 2;
        theirs.iter().all(|line| good_since(line, dead_for)).then_some(())
    })
    .await;
    stop.cancel();
    workers.join_all().await;
    for (port, lines) in &lines {
        for line in lines {
            let Line { slowest, errors, accepted, .. } = std::mem::take(&mut *line.lock().expect("sound"));
            if *port != victim.port() {
                assert!(errors.is_empty(), "{} operations failed elsewhere: {}", errors.len(), errors[0]);
                assert!(slowest < UNDISTURBED, "one took {slowest:?} elsewhere");
            }
            assert!(accepted.len() > 10, "{} were accepted", accepted.len());
            for send in accepted {
                let record = stores[0].send(send).await.expect("send works");
                assert!(record.is_some_and(|record| record.state == SendState::Waiting), "{send} is lost");
            }
        }
    }
    assert_eq!(sink.doubled(), []);
}

/// Sends to people who come and go, each fired once; gives how many were accepted.
async fn live(
    store: Arc<RedisStore>,
    sink: Arc<Sink>,
    partitions: Vec<u8>,
    first: u32,
    stop: CancellationToken,
) -> usize {
    let mut accepted = 0;
    for number in (first..).step_by(2) {
        if stop.is_cancelled() {
            break;
        }
        for partition in &partitions {
            let (id, who) = (SendId(id_in(*partition, number)), RecipientId(id_in(*partition, number % 64)));
            let answers = store.enqueue(ClaimId::random(), vec![send(id, who)], Wait::Stored).await;
            let [Enqueued::New(claim)] = &answers.expect("enqueue works")[..] else { panic!("it is new") };
            accepted += 1;
            fire(&store, &sink, claim.iter().cloned().collect()).await;
            let touched = store.touch(signal(who)).await.expect("touch works");
            fire(&store, &sink, touched.claims).await;
            store.away(who, Leaving::Left).await.expect("away works");
        }
    }
    accepted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_move_under_load() {
    const MOVED: usize = 4;
    let shape = Shape { primaries: 3, replicas: 0 };
    let cluster = RedisCluster::start(shape, Options::default().and(&["--appendfsync", "everysec"])).await;
    let stores = [open(&cluster.url(), rules(), 0).await, open(&cluster.url(), rules(), 0).await];
    let partitions: Vec<u8> = homes(&cluster, MOVED).await.into_values().flatten().collect();
    let (sink, stop) = (Arc::new(Sink::default()), CancellationToken::new());
    let _time = stores.each_ref().map(|store| keep_time(store, &sink));
    let mut workers = JoinSet::new();
    for (first, store) in (0..).zip(&stores) {
        let (store, sink) = (Arc::clone(store), Arc::clone(&sink));
        workers.spawn(live(store, sink, partitions.clone(), first, stop.clone()));
    }
    let more = async |than: usize| (sink.len() >= than).then_some(());
    wait_until("some went out", SOON, async || more(200).await).await;
    for partition in partitions.iter().step_by(MOVED / 2) {
        let slot = slot(&cluster.servers()[0], *partition).await;
        let from = cluster.primary_of(slot).await.port();
        let to = cluster.servers().iter().find(|server| server.port() != from).expect("there are three");
        cluster.move_slot(slot, to).await;
        assert_eq!(cluster.primary_of(slot).await.port(), to.port());
        let so_far = sink.len();
        wait_until("more went out", SOON, async || more(so_far + 50).await).await;
    }
    stop.cancel();
    let accepted: usize = workers.join_all().await.into_iter().sum();
    for partition in partitions {
        for number in 0..64 {
            let who = RecipientId(id_in(partition, number));
            let claims = stores[0].touch(signal(who)).await.expect("touch works").claims;
            fire(&stores[0], &sink, claims).await;
        }
    }
    assert_eq!(sink.doubled(), [], "nothing went out twice");
    assert_eq!(sink.len(), accepted, "nothing was lost");
}
