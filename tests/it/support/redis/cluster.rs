//! A Redis Cluster.

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use jiff::SignedDuration;
use tokio::time::sleep;

use super::{ATTEMPTS, Hands, LOOK_EVERY, Options, PATIENCE, RedisServer};
use crate::support::ports::free_ports;

/// Where each server keeps what it knows of the others.
const NODES: &str = "nodes.conf";

/// The hash slots of every cluster.
const SLOTS: usize = 16_384;

/// Milliseconds without an answer until a server counts as failed: decades, so that a clock that jumps takes nobody
/// down. A test of failovers sets another.
const NODE_TIMEOUT: &str = "1000000000000";

/// Seconds without a word until a replica gives its primary up: decades too.
const REPLICATION_TIMEOUT: &str = "2000000000";

/// How far a movable clock is moved between two looks: a starting primary waits for two seconds of its own clock until
/// it takes writes.
const STEP: SignedDuration = SignedDuration::from_secs(1);

/// How many servers.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Servers that share the hash slots evenly.
    pub primaries: usize,
    /// Servers that follow one of them each: none, or as many.
    pub replicas: usize,
}

/// The smallest cluster that Redis itself would make.
impl Default for Shape {
    fn default() -> Shape {
        Shape { primaries: 3, replicas: 3 }
    }
}

/// A cluster. Dropping it kills its servers and removes their files.
#[derive(Debug)]
pub struct RedisCluster {
    shape: Shape,
    hands: Option<Arc<Hands>>,
    servers: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts a cluster, and waits until every server of it is ready. A movable clock is some seconds later by then.
    ///
    /// The servers find in their files what they would know if they had been introduced to each other: that is a
    /// matter of milliseconds, where `redis-cli --cluster create` takes seconds and a clock that moves.
    ///
    /// # Panics
    ///
    /// If the program is not installed, or the cluster does not come up.
    pub async fn start(shape: Shape, options: Options) -> RedisCluster {
        let mut log = String::new();
        for _ in 0..ATTEMPTS {
            let cluster = RedisCluster::prepare(shape, &options);
            cluster.servers.iter().for_each(RedisServer::run);
            match cluster.comes_up().await {
                Ok(()) => return cluster,
                Err(said) => log = said,
            }
        }
        panic!("the cluster did not come up in {ATTEMPTS} attempts; at last it said:\n{log}");
    }

    /// The address as vigie is configured with it.
    pub fn url(&self) -> String {
        let hosts = self.servers.iter().map(|server| format!("127.0.0.1:{}", server.port()));
        format!("redis+cluster://{}", hosts.collect::<Vec<_>>().join(","))
    }

    /// Its servers: those that began as primaries, then the replica of the first, of the second and so on.
    pub fn servers(&self) -> &[RedisServer] {
        &self.servers
    }

    /// The servers that are primaries now.
    pub async fn primaries(&self) -> Vec<&RedisServer> {
        let mut primaries = Vec::new();
        for server in &self.servers {
            if server.text(&["INFO", "replication"]).await.contains("role:master") {
                primaries.push(server);
            }
        }
        primaries
    }

    /// The primary that owns a hash slot, as the first server sees it.
    ///
    /// # Panics
    ///
    /// If nobody owns it.
    pub async fn primary_of(&self, slot: u16) -> &RedisServer {
        let nodes = self.servers[0].text(&["CLUSTER", "NODES"]).await;
        let owner = nodes.lines().find(|node| owns(node, slot)).expect("every slot has its owner");
        let owner =
            self.servers.iter().find(|server| owner.contains(&format!("127.0.0.1:{}@", server.port())));
        owner.expect("the cluster has no other servers")
    }

    /// Gives a hash slot, with all keys in it, to another server, as `redis-cli --cluster reshard` does.
    ///
    /// # Panics
    ///
    /// If a step of it fails.
    pub async fn move_slot(&self, slot: u16, to: &RedisServer) {
        let from = self.primary_of(slot).await;
        let (from_id, to_id) = (from.text(&["CLUSTER", "MYID"]).await, to.text(&["CLUSTER", "MYID"]).await);
        let slot = &slot.to_string();
        to.text(&["CLUSTER", "SETSLOT", slot, "IMPORTING", &from_id]).await;
        from.text(&["CLUSTER", "SETSLOT", slot, "MIGRATING", &to_id]).await;
        let mut link = from.connection().await.expect("it is up");
        loop {
            let mut keys = redis::cmd("CLUSTER");
            keys.arg("GETKEYSINSLOT").arg(slot).arg(100);
            let keys: Vec<Vec<u8>> = keys.query_async(&mut link).await.expect("keys");
            if keys.is_empty() {
                break;
            }
            let mut migrate = redis::cmd("MIGRATE");
            migrate.arg("127.0.0.1").arg(to.port()).arg("").arg(0).arg(5000).arg("KEYS").arg(keys);
            let moved: String = migrate.query_async(&mut link).await.expect("the keys move");
            // Somebody else may have deleted them first.
            assert!(moved == "OK" || moved == "NOKEY", "{moved}");
        }
        for server in [to, from] {
            server.text(&["CLUSTER", "SETSLOT", slot, "NODE", &to_id]).await;
        }
    }

    /// Deletes everything, also the functions.
    pub async fn flush(&self) {
        for primary in self.primaries().await {
            primary.flush().await;
            primary.text(&["FUNCTION", "FLUSH", "SYNC"]).await;
        }
    }

    /// Directories for servers that know each other, but do not run yet.
    fn prepare(shape: Shape, options: &Options) -> RedisCluster {
        let count = shape.primaries + shape.replicas;
        assert!(shape.replicas == 0 || shape.replicas == shape.primaries, "a replica for each, or for none");
        let (ports, buses) = (free_ports(2 * count), count);
        let (ports, buses) = ports.split_at(buses);
        let server = |me: usize| {
            let usual = Options { configuration: configuration(buses[me]), ..options.clone() };
            let more: Vec<_> = options.configuration.iter().map(String::as_str).collect();
            let server = RedisServer::prepare(ports[me], usual.and(&more));
            let nodes: String = (0..count).map(|other| shape.node(other, me, ports, buses)).collect();
            let vars = format!("vars currentEpoch {count} lastVoteEpoch 0\n");
            fs::write(server.path(NODES), nodes + &vars).expect("the directory is ours");
            server
        };
        let servers = (0..count).map(server).collect();
        RedisCluster { shape, hands: options.hands.clone(), servers }
    }

    /// Waits until every server is ready, or says what one logged that is not.
    async fn comes_up(&self) -> Result<(), String> {
        for server in &self.servers {
            if !server.comes_up().await {
                return Err(server.log());
            }
        }
        let start = Instant::now();
        for (me, server) in self.servers.iter().enumerate() {
            while !self.is_ready(me).await {
                if start.elapsed() > PATIENCE {
                    return Err(server.log());
                }
                sleep(LOOK_EVERY).await;
                if let Some(hands) = &self.hands {
                    hands.set(hands.now() + STEP);
                }
            }
        }
        Ok(())
    }

    /// Whether a server takes part, and has what its primary has if it is a replica.
    async fn is_ready(&self, me: usize) -> bool {
        let server = &self.servers[me];
        let follows = me < self.shape.primaries
            || server.text(&["INFO", "replication"]).await.contains("master_link_status:up");
        follows && server.text(&["CLUSTER", "INFO"]).await.contains("cluster_state:ok")
    }
}

impl Shape {
    /// What `me` knows of a server: a line as `CLUSTER NODES` shows them.
    fn node(self, server: usize, me: usize, ports: &[u16], buses: &[u16]) -> String {
        let (port, bus) = (ports[server], buses[server]);
        let myself = if server == me { "myself," } else { "" };
        let id = name(server);
        if server < self.primaries {
            let first = |n: usize| n * SLOTS / self.primaries;
            let (from, to, epoch) = (first(server), first(server + 1) - 1, server + 1);
            format!("{id} 127.0.0.1:{port}@{bus} {myself}master - 0 0 {epoch} connected {from}-{to}\n")
        } else {
            let (primary, epoch) = (name(server - self.primaries), server - self.primaries + 1);
            format!("{id} 127.0.0.1:{port}@{bus} {myself}slave {primary} 0 0 {epoch} connected\n")
        }
    }
}

/// What makes a server part of a cluster.
fn configuration(bus: u16) -> Vec<String> {
    let bus = bus.to_string();
    let configuration = [
        ["--cluster-enabled", "yes"],
        ["--cluster-config-file", NODES],
        ["--cluster-port", &bus],
        ["--cluster-node-timeout", NODE_TIMEOUT],
        ["--repl-timeout", REPLICATION_TIMEOUT],
    ];
    configuration.concat().into_iter().map(String::from).collect()
}

/// The name of a server in its cluster.
fn name(server: usize) -> String {
    format!("{:040x}", server + 1)
}

/// Whether a line of `CLUSTER NODES` is about the owner of a slot.
fn owns(node: &str, slot: u16) -> bool {
    let ranges = node.split(' ').skip(8).map(|range| range.split_once('-').unwrap_or((range, range)));
    let number = |text: &str| text.parse::<u16>().ok();
    ranges.filter_map(|(from, to)| Some(number(from)?..=number(to)?)).any(|range| range.contains(&slot))
}
