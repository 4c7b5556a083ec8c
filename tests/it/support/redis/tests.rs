//! The servers do what tests rely on.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Hands, Options, Program, RedisCluster, RedisServer, Shape};
use crate::support::wait::{SOON, wait_until};

fn start() -> Timestamp {
    "2026-03-02T10:00:00Z".parse().expect("a time")
}

async fn goes_by_the_hands(program: Program) {
    let hands = Arc::new(Hands::at(start()));
    let server = RedisServer::start(Options::default().run(program).clock(&hands)).await;
    server.text(&["SET", "key", "value", "EX", "3600"]).await;
    hands.set(start() + SignedDuration::from_millis(3_599_999));
    assert_eq!(server.ask(&["PTTL", "key"]).await.expect("an answer"), redis::Value::Int(1));
    assert_eq!(server.text(&["GET", "key"]).await, "value");
    // A key still lives in the millisecond that its time to live ends with.
    hands.set(start() + SignedDuration::from_millis(3_600_001));
    assert_eq!(server.ask(&["GET", "key"]).await.expect("an answer"), redis::Value::Nil);
    let time = server.ask(&["TIME"]).await.expect("an answer");
    let time: (i64, i64) = redis::from_redis_value(time).expect("two numbers");
    assert_eq!(time, (hands.now().as_second(), 1000));
}

#[tokio::test]
async fn redis_goes_by_the_hands() {
    goes_by_the_hands(Program::Redis).await;
}

#[tokio::test]
async fn valkey_goes_by_the_hands() {
    goes_by_the_hands(Program::Valkey).await;
}

#[tokio::test]
async fn a_killed_server_keeps_what_it_has_written() {
    for options in [Options::default(), Options::default().clock(&Arc::new(Hands::at(start())))] {
        let server = RedisServer::start(options).await;
        for n in 0..100 {
            server.text(&["SET", "key", &n.to_string()]).await;
        }
        server.written().await;
        server.kill();
        assert!(server.ask(&["GET", "key"]).await.is_err(), "it is dead");
        server.restart().await;
        assert_eq!(server.text(&["GET", "key"]).await, "99");
        server.restart_empty().await;
        assert_eq!(server.ask(&["GET", "key"]).await.expect("an answer"), redis::Value::Nil);
    }
}

#[tokio::test]
async fn a_stopped_server_answers_when_it_goes_on() {
    let server = RedisServer::start(Options::default()).await;
    server.stop();
    let answer = server.text(&["PING"]);
    tokio::pin!(answer);
    let silence = tokio::time::timeout(Duration::from_millis(50), &mut answer).await;
    silence.expect_err("it says nothing");
    server.cont();
    assert_eq!(answer.await, "PONG");
}

#[tokio::test]
async fn a_server_can_be_told_more() {
    let options = Options::default().password("secret").and(&["--maxmemory", "5mb"]);
    let server = RedisServer::start(options).await;
    let told = server.ask(&["CONFIG", "GET", "maxmemory"]).await.expect("an answer");
    let told: (String, u64) = redis::from_redis_value(told).expect("two words");
    assert_eq!(told, ("maxmemory".into(), 5 << 20));
    let stranger = redis::Client::open(format!("redis://127.0.0.1:{}", server.port())).expect("a URL");
    let mut stranger = stranger.get_multiplexed_async_connection().await.expect("a connection");
    let refusal = redis::cmd("PING").query_async::<String>(&mut stranger).await.expect_err("a refusal");
    assert_eq!(refusal.code(), Some("NOAUTH"));
}

#[tokio::test]
async fn a_flushed_server_keeps_its_functions() {
    let server = RedisServer::start(Options::default()).await;
    let library = "#!lua name=probe\nredis.register_function('probe', function() return 'here' end)";
    server.text(&["FUNCTION", "LOAD", library]).await;
    server.text(&["SET", "key", "value"]).await;
    server.flush().await;
    assert_eq!(server.ask(&["DBSIZE"]).await.expect("an answer"), redis::Value::Int(0));
    assert_eq!(server.text(&["FCALL", "probe", "0"]).await, "here");
}

/// `{a}` is slot 15495, `{b}` 3300 and `{c}` 7365: one of each primary.
const KEYS: [(&str, u16); 3] = [("{a}", 15_495), ("{b}", 3300), ("{c}", 7365)];

#[tokio::test]
async fn a_redis_cluster_comes_up_and_shares_the_slots() {
    let cluster = RedisCluster::start(Shape { primaries: 3, replicas: 0 }, Options::default()).await;
    for (key, slot) in KEYS {
        let owner = cluster.primary_of(slot).await;
        owner.text(&["SET", key, "value"]).await;
        for other in cluster.servers().iter().filter(|other| other.port() != owner.port()) {
            let moved = other.ask(&["GET", key]).await.expect_err("it is elsewhere");
            assert_eq!((moved.code(), moved.detail()), (Some("MOVED"), Some(&*moved_to(slot, owner))));
        }
    }
    cluster.flush().await;
    for server in cluster.primaries().await {
        assert_eq!(server.ask(&["DBSIZE"]).await.expect("an answer"), redis::Value::Int(0));
    }
}

fn moved_to(slot: u16, server: &RedisServer) -> String {
    format!("{slot} 127.0.0.1:{}", server.port())
}

#[tokio::test]
async fn a_redis_cluster_goes_by_the_hands_and_nobody_fails() {
    let hands = Arc::new(Hands::at(start()));
    let cluster = RedisCluster::start(Shape::default(), Options::default().clock(&hands)).await;
    assert!(cluster.url().starts_with("redis+cluster://127.0.0.1:"));
    for _ in 0..48 {
        hands.set(hands.now() + SignedDuration::from_hours(1));
        for (key, slot) in KEYS {
            let owner = cluster.primary_of(slot).await;
            owner.text(&["SET", key, "value", "EX", "3600"]).await;
            assert_eq!(owner.ask(&["WAIT", "1", "0"]).await.expect("an answer"), redis::Value::Int(1));
        }
    }
    assert_eq!(cluster.primaries().await.len(), 3);
    for server in cluster.servers() {
        assert!(server.text(&["CLUSTER", "INFO"]).await.contains("cluster_state:ok"));
        let nodes = server.text(&["CLUSTER", "NODES"]).await;
        assert!(!nodes.contains("fail"), "{nodes}");
    }
}

#[tokio::test]
async fn a_replica_of_a_redis_cluster_takes_over() {
    let options = Options::default().and(&["--cluster-node-timeout", "500"]);
    let cluster = RedisCluster::start(Shape::default(), options).await;
    let (key, slot) = KEYS[1];
    cluster.servers()[0].text(&["SET", key, "value"]).await;
    cluster.servers()[0].ask(&["WAIT", "1", "0"]).await.expect("an answer");
    cluster.servers()[0].kill();
    let heir = &cluster.servers()[3];
    wait_until("the replica has taken over", SOON, async || {
        heir.text(&["INFO", "replication"]).await.contains("role:master").then_some(())
    })
    .await;
    assert_eq!(heir.text(&["GET", key]).await, "value");
    cluster.servers()[0].restart().await;
    wait_until("the old primary follows", SOON, async || {
        let link = cluster.servers()[0].text(&["INFO", "replication"]).await;
        link.contains("master_link_status:up").then_some(())
    })
    .await;
    assert_eq!(cluster.primary_of(slot).await.port(), heir.port());
}
