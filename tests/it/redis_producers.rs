//! Producers on Redis: what becomes of an entry of `vigie:sends`, whatever happens to it, to gateways and to Redis.

mod accepting;
mod cluster;
mod desk;
mod doors;
mod dying;
mod outages;

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vigie::config::StoreUrl;
use vigie::telemetry::Registry;
use vigie::watch::stream::{Accept, Consumer, GROUP, Metrics, Pace, REJECTED, SENDS};

use crate::support::redis::{Options, RedisServer};
use crate::support::wait::{SOON, wait_until};
use desk::Desk;

/// In more of a hurry than production.
const PACE: Pace = Pace {
    batch: 100,
    block: Duration::from_millis(50),
    stuck_after: Duration::from_millis(300),
    upkeep: Duration::from_millis(50),
    hold: Duration::from_mins(1),
    forget_after: Duration::from_hours(1),
};

/// A Redis, and what producers do with it.
struct House {
    redis: RedisServer,
    desk: Arc<Desk>,
}

/// A consumer at work.
struct Gateway {
    stop: CancellationToken,
    task: JoinHandle<()>,
    registry: Registry,
}

impl House {
    async fn open() -> Self {
        Self { redis: RedisServer::start(Options::default()).await, desk: Arc::default() }
    }

    /// Starts a gateway's consumer at this house's desk.
    fn gateway(&self) -> Gateway {
        Gateway::start(&self.redis.url(), self.desk.door(), PACE)
    }

    async fn connection(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.redis.url()).expect("a URL");
        client.get_multiplexed_async_connection().await.expect("it is up")
    }

    /// A producer adds a send, and learns the entry's id.
    async fn add(&self, json: &str) -> String {
        self.redis.text(&["XADD", SENDS, "*", "send", json]).await
    }

    /// A producer adds many in one go.
    async fn add_many(&self, sends: impl Iterator<Item = String>) {
        let mut all = redis::pipe();
        for json in sends {
            all.cmd("XADD").arg(SENDS).arg("*").arg("send").arg(json).ignore();
        }
        all.exec_async(&mut self.connection().await).await.expect("added");
    }

    /// A gateway reads everything new, and says no more.
    async fn read_and_die(&self) {
        let mut connection = self.connection().await;
        let mut make = redis::cmd("XGROUP");
        make.arg("CREATE").arg(SENDS).arg(GROUP).arg(0).arg("MKSTREAM");
        // It may be there already.
        let _ = make.exec_async(&mut connection).await;
        let mut read = redis::cmd("XREADGROUP");
        read.arg("GROUP").arg(GROUP).arg("gateway-dead").arg("STREAMS").arg(SENDS).arg(">");
        read.exec_async(&mut connection).await.expect("read");
    }

    async fn number(&self, command: &[&str]) -> i64 {
        let answer = self.redis.ask(command).await.expect("an answer");
        redis::from_redis_value(answer).expect("a number")
    }

    /// Entries that were delivered and not acknowledged.
    async fn pending(&self) -> i64 {
        let summary = self.redis.ask(&["XPENDING", SENDS, GROUP]).await.expect("there is a group");
        let (pending, ..): (i64, Option<String>, Option<String>, redis::Value) =
            redis::from_redis_value(summary).expect("a summary");
        pending
    }

    /// Waits until nothing is left to do.
    async fn all_done(&self) {
        wait_until("every entry is done", SOON, async || {
            (self.number(&["XLEN", SENDS]).await == 0).then_some(())
        })
        .await;
        assert_eq!(self.pending().await, 0);
    }

    /// What was rejected: each entry's fields `id`, `problem`, `send`.
    async fn rejected(&self) -> Vec<[String; 3]> {
        let answer = self.redis.ask(&["XRANGE", REJECTED, "-", "+"]).await.expect("an answer");
        let entries: Vec<(String, Vec<String>)> = redis::from_redis_value(answer).expect("entries");
        let fields = |fields: Vec<String>| {
            let [id_name, id, problem_name, problem, send_name, send] =
                <[String; 6]>::try_from(fields).expect("three fields");
            assert_eq!([&*id_name, &*problem_name, &*send_name], ["id", "problem", "send"]);
            [id, problem, send]
        };
        entries.into_iter().map(|(_, all)| fields(all)).collect()
    }

    /// The names of the group's consumers.
    async fn consumers(&self) -> Vec<String> {
        let answer = self.redis.ask(&["XINFO", "CONSUMERS", SENDS, GROUP]).await.expect("there is a group");
        let reply: redis::streams::StreamInfoConsumersReply =
            redis::from_redis_value(answer).expect("consumers");
        reply.consumers.into_iter().map(|consumer| consumer.name).collect()
    }
}

impl Gateway {
    fn start(url: &str, accept: Accept, pace: Pace) -> Self {
        let Ok(StoreUrl::Redis(url)) = StoreUrl::parse(url) else { panic!("{url} is no Redis URL") };
        let (registry, stop) = (Registry::new(), CancellationToken::new());
        let consumer = Consumer::new(&url, accept, Metrics::new(&registry), pace);
        Self { task: tokio::spawn(consumer.run(stop.clone())), stop, registry }
    }

    /// Asks it to stop; it must end in time.
    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(SOON, self.task).await.expect("it stops").expect("it ends well");
    }

    /// How many entries it has seen end like this.
    fn ended(&self, outcome: &str) -> u64 {
        let series = format!("vigie_stream_entries_total{{outcome=\"{outcome}\"}} ");
        let text = self.registry.text();
        let value = text.lines().find_map(|line| line.strip_prefix(&series));
        value.map_or(0, |value| value.parse().expect("a count"))
    }

    /// Waits until its metrics say this.
    async fn says(&self, line: &str) {
        let said = async || self.registry.text().lines().any(|said| said == line).then_some(());
        wait_until(line, SOON, said).await;
    }
}
