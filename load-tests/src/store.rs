//! The store that a gateway under test uses, and what it costs while it does.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use redis::Connection;
use tempfile::TempDir;

use crate::process::Server;

/// Which store to test.
#[derive(Debug, Clone, clap::Args)]
pub struct Choice {
    /// `redis` starts a Redis of its own: `appendonly yes`, `appendfsync everysec`, a free port, a temporary directory.
    #[arg(long, value_enum, default_value_t = Kind::Embedded)]
    store: Kind,
    /// A store that runs already, as in `store.url`: one Redis with an empty database, asked what it costs.
    #[arg(long)]
    store_url: Option<String>,
}

/// The kinds of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// In the gateway's process.
    Embedded,
    /// Redis.
    Redis,
}

/// The store of one run.
pub enum Store {
    /// Inside the gateway.
    Embedded,
    /// Outside.
    Redis(Redis),
}

/// A Redis, and a connection to ask it.
pub struct Redis {
    /// As the gateway's `store.url`.
    pub url: String,
    connection: Connection,
    /// Stopped when this is dropped, before its directory goes.
    own: Option<(Server, TempDir)>,
}

/// What a Redis has used so far.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    /// Processor time of the whole process, its background threads included (`used_cpu_user` + `used_cpu_sys`).
    pub cpu: Duration,
    /// Bytes given out by its allocator (`used_memory`).
    pub memory: u64,
}

impl Choice {
    /// A Redis, also where none was asked for.
    pub fn redis(&self) -> Result<Redis> {
        match &self.store_url {
            Some(url) => Redis::at(url),
            None => Redis::start(),
        }
    }

    /// The store asked for.
    pub fn open(&self) -> Result<Store> {
        if self.store == Kind::Redis || self.store_url.is_some() {
            return Ok(Store::Redis(self.redis()?));
        }
        Ok(Store::Embedded)
    }
}

impl Store {
    /// The gateway's `store.url`.
    pub fn url(&self) -> &str {
        match self {
            Self::Embedded => "embedded:store",
            Self::Redis(redis) => &redis.url,
        }
    }

    /// What it is called in reports.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Redis(_) => "redis",
        }
    }

    /// Processor time a Redis has used so far; zero for a store inside the gateway.
    pub fn cpu(&mut self) -> Result<Duration> {
        match self {
            Self::Embedded => Ok(Duration::ZERO),
            Self::Redis(redis) => Ok(redis.used()?.cpu),
        }
    }

    /// Bytes a Redis holds; none of a store inside the gateway.
    pub fn memory(&mut self) -> Result<Option<u64>> {
        match self {
            Self::Embedded => Ok(None),
            Self::Redis(redis) => Ok(Some(redis.used()?.memory)),
        }
    }
}

impl Redis {
    /// Starts a server that is this program's own.
    pub fn start() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.args([
            "--appendonly",
            "yes",
            "--appendfsync",
            "everysec",
            "--maxmemory-policy",
            "noeviction",
        ]);
        command.arg("--dir").arg(directory.path()).stdout(Stdio::null());
        let server = Server::start(&mut command).context("starting redis-server")?;
        let mut redis = Self::at(&format!("redis://127.0.0.1:{port}"))?;
        redis.own = Some((server, directory));
        Ok(redis)
    }

    fn at(url: &str) -> Result<Self> {
        let client = redis::Client::open(url)?;
        let deadline = Instant::now() + Duration::from_secs(5);
        let connection = loop {
            match client.get_connection() {
                Ok(connection) => break connection,
                Err(error) if Instant::now() > deadline => return Err(error).context("no Redis"),
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        Ok(Self { url: url.to_owned(), connection, own: None })
    }

    /// What it has used so far.
    pub fn used(&mut self) -> Result<Used> {
        let cpu = self.info("cpu")?;
        let seconds = number::<f64>(&cpu, "used_cpu_user:")? + number::<f64>(&cpu, "used_cpu_sys:")?;
        let memory = self.info("memory")?;
        Ok(Used { cpu: Duration::from_secs_f64(seconds), memory: number(&memory, "used_memory:")? })
    }

    /// How many functions it ran, and the microseconds they took.
    pub fn functions(&mut self) -> Result<(u64, u64)> {
        let stats = self.info("commandstats")?;
        let Some((_, after)) = stats.split_once("cmdstat_fcall:") else { return Ok((0, 0)) };
        Ok((number(after, "calls=")?, number(after, "usec=")?))
    }

    /// The yardstick: processor time it uses for one plain `SET … PX`, sixteen at a time.
    pub fn plain_set(&mut self) -> Result<Duration> {
        const SETS: u32 = 200_000;
        let before = self.used()?.cpu;
        for batch in 0..SETS / 16 {
            let mut sets = redis::pipe();
            for number in 0..16 {
                let key = format!("plain:{batch}:{number}");
                sets.cmd("SET").arg(key).arg("1795392206").arg("PX").arg(180_000).ignore();
            }
            sets.query::<()>(&mut self.connection)?;
        }
        Ok(self.used()?.cpu.saturating_sub(before) / SETS)
    }

    fn info(&mut self, section: &str) -> Result<String> {
        Ok(redis::cmd("INFO").arg(section).query(&mut self.connection)?)
    }
}

/// The number behind the first `mark`.
fn number<T: std::str::FromStr>(text: &str, mark: &str) -> Result<T> {
    let (_, after) = text.split_once(mark).with_context(|| format!("INFO lacks {mark}"))?;
    let end = after.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(after.len());
    after[..end].parse().ok().with_context(|| format!("INFO has no number behind {mark}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_in_info() {
        let text =
            "used_memory:12\r\nused_cpu_sys:0.5\r\ncmdstat_fcall:calls=3,usec=10,usec_per_call=3.33\r\n";
        assert_eq!(number::<u64>(text, "used_memory:").expect("a number"), 12);
        assert!((number::<f64>(text, "used_cpu_sys:").expect("a number") - 0.5).abs() < f64::EPSILON);
        assert_eq!(number::<u64>(text, "calls=").expect("a number"), 3);
        number::<u64>(text, "used_cpu_user:").expect_err("not there");
    }
}
