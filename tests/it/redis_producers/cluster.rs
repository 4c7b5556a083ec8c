//! In a cluster the stream lives on one server, its rejections on another, and both may move.

use std::sync::Arc;
use std::time::Duration;

use vigie::watch::stream::{REJECTED, SENDS};

use super::desk::Desk;
use super::{Gateway, PACE};
use crate::support::redis::{Options, RedisCluster, RedisServer, Shape};
use crate::support::wait::{SOON, wait_until};

/// The owner of a key.
async fn owner<'cluster>(cluster: &'cluster RedisCluster, key: &str) -> (&'cluster RedisServer, u16) {
    let slot = cluster.servers()[0].ask(&["CLUSTER", "KEYSLOT", key]).await.expect("a slot");
    let slot = redis::from_redis_value(slot).expect("a number");
    (cluster.primary_of(slot).await, slot)
}

async fn length(server: &RedisServer, key: &str) -> Option<u64> {
    redis::from_redis_value(server.ask(&["XLEN", key]).await.ok()?).ok()
}

async fn add(server: &RedisServer, send: &str) {
    server.text(&["XADD", SENDS, "*", "send", send]).await;
}

async fn done(server: &RedisServer) {
    let empty = async || (length(server, SENDS).await == Some(0)).then_some(());
    wait_until("every entry is done", SOON, empty).await;
}

/// Gives the stream's slot, with the stream in it, to another server.
async fn move_slot(cluster: &RedisCluster, from: &RedisServer, to: &RedisServer, slot: u16) {
    let (from_id, to_id) = (from.text(&["CLUSTER", "MYID"]).await, to.text(&["CLUSTER", "MYID"]).await);
    let (slot, port) = (slot.to_string(), to.port().to_string());
    to.text(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]).await;
    from.text(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]).await;
    from.text(&["MIGRATE", "127.0.0.1", &port, SENDS, "0", "5000"]).await;
    to.text(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]).await;
    for server in cluster.servers() {
        server.text(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]).await;
    }
}

#[tokio::test]
async fn the_stream_is_found_wherever_it_is() {
    let shape = Shape { primaries: 3, replicas: 0 };
    let cluster = RedisCluster::start(shape, Options::default()).await;
    let (home, slot) = owner(&cluster, SENDS).await;
    let (bin, _) = owner(&cluster, REJECTED).await;
    let away = cluster.servers().iter().find(|server| server.port() != home.port()).expect("there are three");
    let desk: Arc<Desk> = Arc::default();
    // Only a server is named that does not have the stream.
    let url = format!("redis+cluster://127.0.0.1:{}", away.port());
    let gateway = Gateway::start(&url, desk.door(), PACE);
    add(home, "one").await;
    add(home, "bad").await;
    done(home).await;
    assert_eq!((desk.times("one"), length(bin, REJECTED).await), (1, Some(1)));

    desk.close(true);
    add(home, "moved").await;
    wait_until("it is in hand", SOON, async || (desk.vain() > 0).then_some(())).await;
    move_slot(&cluster, home, away, slot).await;
    desk.close(false);
    add(away, "after the move").await;
    done(away).await;
    // Its acknowledgement was sent to the old server: it was asked about again, and is the same.
    assert!(desk.times("moved") >= 1 && desk.times("after the move") >= 1);
    tokio::time::timeout(Duration::from_secs(5), gateway.stop()).await.expect("it stops at once");
}
