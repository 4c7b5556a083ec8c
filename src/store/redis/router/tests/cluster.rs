//! A cluster of three primaries.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::*;

async fn connected_to_cluster(server: &Server) -> Router {
    Router::connect(&server.cluster_url(), library(), &Clock::system()).await.expect("connected")
}

fn id(server: &Server) -> String {
    server.text(cmd("CLUSTER").arg("MYID"))
}

fn set_slot(server: &Server, place: Place, state: &str, node: &str) {
    server.tell(cmd("CLUSTER").arg("SETSLOT").arg(place.0).arg(state).arg(node));
}

/// Moves a slot as `redis-cli --cluster reshard` does.
fn migrate(place: Place, from: &Server, to: &Server, all: &[Server]) {
    set_slot(to, place, "IMPORTING", &id(from));
    set_slot(from, place, "MIGRATING", &id(to));
    loop {
        let keys = from.tell(cmd("CLUSTER").arg("GETKEYSINSLOT").arg(place.0).arg(10));
        let keys: Vec<Vec<u8>> = redis::from_redis_value(keys).expect("keys");
        if keys.is_empty() {
            break;
        }
        let mut migrate = cmd("MIGRATE");
        migrate.arg("127.0.0.1").arg(to.port).arg("").arg(0).arg(5000).arg("KEYS").arg(keys);
        from.tell(&migrate);
    }
    set_slot(to, place, "NODE", &id(to));
    for server in all {
        set_slot(server, place, "NODE", &id(to));
    }
}

fn owner<'a>(servers: &'a [Server], router: &Router, place: Place) -> &'a Server {
    let port = router.core.owner(place).expect("an owner").address.port;
    servers.iter().find(|server| server.port == port).expect("one of ours")
}

#[tokio::test]
async fn every_call_reaches_its_server() {
    let servers = Server::cluster();
    let router = connected_to_cluster(&servers[1]).await;
    for key in ["{v0}", "{v255}:s:x", "vigie:meta", "a{b}c{d}", "{}x", "{"] {
        let slot = servers[0].tell(cmd("CLUSTER").arg("KEYSLOT").arg(key));
        assert_eq!(slot, Value::Int(Place::of(key.as_bytes()).0.into()), "{key}");
    }
    for partition in 0..64 {
        assert_eq!(count(&router, &format!("{{v{partition}}}")).await, Ok(Value::Int(1)));
    }
    let commands = |value: i64| -> Vec<_> {
        (0..256).map(|number| format!("{{v{number}}}:x")).map(|key| set(&key, &value.to_string())).collect()
    };
    assert!(router.many(Lane::Enqueue, commands(7)).await.iter().all(Result::is_ok));
    let safe = Safe::Replicas { count: 1, within: Duration::from_millis(50) };
    let unsafe_ones = router.many_then_wait(commands(8), safe).await;
    assert!(unsafe_ones.iter().all(|answer| *answer == Err(Fault::NotReplicated)));
    assert_eq!(router.counts().redirected, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_moves_surfaces_no_error_and_loses_nothing() {
    let servers = Server::cluster();
    let router = connected_to_cluster(&servers[0]).await;
    let place = Place::of(b"{v1}");
    let keys: Vec<_> = (0..500).map(|number| set(&format!("{{v1}}:k{number}"), "x")).collect();
    assert!(router.many(Lane::Enqueue, keys).await.iter().all(Result::is_ok));
    let stop = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> =
        (0..4).map(|_| tokio::spawn(keep_counting(router.clone(), Arc::clone(&stop)))).collect();
    let moved = tokio::task::spawn_blocking({
        let router = router.clone();
        move || {
            for _ in 0..4 {
                let from = owner(&servers, &router, place);
                let to = servers.iter().find(|server| server.port != from.port).expect("another");
                migrate(place, from, to, &servers);
                // The next one begins when the router knows.
                while owner(&servers, &router, place).port == from.port {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            servers
        }
    });
    let _servers = moved.await.expect("moved four times");
    stop.store(true, Ordering::Relaxed);
    let mut counted = BTreeSet::new();
    let mut calls = 0;
    for caller in callers {
        for number in caller.await.expect("no error") {
            calls += 1;
            counted.insert(number);
        }
    }
    assert_eq!(counted.len(), calls, "a number came twice");
    assert_eq!(counted.last().copied(), i64::try_from(calls).ok(), "a number is missing");
    assert!(router.counts().redirected > 0 && router.counts().postponed > 0, "{:?}", router.counts());
}

async fn keep_counting(router: Router, stop: Arc<AtomicBool>) -> Vec<i64> {
    let mut counted = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let (place, command) = get("{v1}:k7");
        let read = router.call(Lane::Hot, place, command).await;
        assert_eq!(read, Ok(Value::BulkString(b"x".into())));
        let commands = (0..8).map(|_| (place, fcall("count", "{v1}"))).collect();
        for answer in router.many(Lane::Results, commands).await {
            counted.push(redis::from_redis_value(answer.expect("no error")).expect("a number"));
        }
    }
    counted
}

#[tokio::test]
async fn one_dead_primary_leaves_the_others_alone() {
    let mut servers = Server::cluster();
    for server in &servers {
        server.tell(cmd("CONFIG").arg("SET").arg("cluster-require-full-coverage").arg("no"));
    }
    let router = connected_to_cluster(&servers[0]).await;
    let tag = |port: u16| {
        let tags = (0..256).map(|number| format!("{{v{number}}}"));
        let ours = |tag: &String| {
            router.core.owner(Place::of(tag.as_bytes())).expect("an owner").address.port == port
        };
        tags.into_iter().find(ours).expect("a partition for each")
    };
    let [alive, dead] = [tag(servers[0].port), tag(servers[2].port)];
    servers[2].kill();
    until("it is down", || !router.healthy()).await;
    assert!(matches!(count(&router, &dead).await, Err(Fault::Unavailable(_))));
    assert_eq!(count(&router, &alive).await, Ok(Value::Int(1)));
    servers[2].start_again();
    until("it is back", || router.healthy()).await;
    servers[2].until(cmd("CLUSTER").arg("INFO"), |info| info.contains("cluster_state:ok"));
    assert_eq!(count(&router, &dead).await, Ok(Value::Int(1)), "its functions were lost");
    let lease = Duration::from_secs(30);
    assert!(router.quiet_for(Place::of(dead.as_bytes()), lease) > lease / 2);
}

/// What stands in `INFO` between two pieces of text.
fn field<'info>(info: &'info str, before: &str, after: &str) -> Option<&'info str> {
    info.split_once(before)?.1.split_once(after).map(|(value, _)| value)
}

#[tokio::test]
async fn a_replica_that_takes_over_is_found() {
    let mut servers = Server::cluster();
    let router = connected_to_cluster(&servers[0]).await;
    let replica = Server::replica_of(&servers[2]);
    servers[2].until(cmd("INFO").arg("replication"), |info| info.contains("state=online"));
    let place = (0..256).map(|number| format!("{{v{number}}}")).find(|tag| {
        router.core.owner(Place::of(tag.as_bytes())).expect("an owner").address.port == servers[2].port
    });
    let tag = place.expect("a partition of the last");
    assert_eq!(count(&router, &tag).await, Ok(Value::Int(1)));
    // Replicas are told a moment later: only what this one has can be there after it took over.
    servers[2].until(cmd("INFO").arg("replication"), |info| {
        let sent = field(info, "master_repl_offset:", "\r");
        sent.is_some() && sent == field(info, ",offset=", ",")
    });
    servers[2].kill();
    until("it is down", || !router.healthy()).await;
    replica.tell(cmd("CLUSTER").arg("FAILOVER").arg("TAKEOVER"));
    let took_over = std::time::Instant::now();
    until("its replica is found", || router.healthy()).await;
    assert!(took_over.elapsed() < Duration::from_secs(3), "found after {:?}", took_over.elapsed());
    assert_eq!(count(&router, &tag).await, Ok(Value::Int(2)));
    let lease = Duration::from_secs(30);
    assert!(router.quiet_for(Place::of(tag.as_bytes()), lease) > lease / 2);
}

#[tokio::test]
async fn a_cluster_and_a_lone_server_are_not_taken_for_each_other() {
    let servers = Server::cluster();
    let router = connected(&servers[0]).await;
    let answers = all((0..8).map(|partition| {
        let (router, tag) = (router.clone(), format!("{{v{partition}}}"));
        async move { count(&router, &tag).await }
    }));
    let refused = |answer: &Result<Value, Fault>| matches!(answer, Err(Fault::Refused(text)) if text.contains("redis+cluster://"));
    assert!(answers.await.iter().any(refused));
    let alone = Server::start(&[]);
    let failed = Router::connect(&alone.cluster_url(), library(), &Clock::system()).await.err();
    assert!(matches!(&failed, Some(Fault::Refused(text)) if text.contains("redis://")), "{failed:?}");
}
