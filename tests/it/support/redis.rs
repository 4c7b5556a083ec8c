//! Real Redis and Valkey servers: one, or a cluster; with the machine's clock, or with one that tests move.
//!
//! They can be killed, restarted with or without what they had stored, and stopped for a while.

mod cluster;
mod hands;
mod options;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisResult, Value};
use tempfile::TempDir;
use tokio::time::sleep;

use super::ports::free_ports;
use super::process;
use super::wait::wait_until;
use super::watcher::Watcher;

pub use cluster::{RedisCluster, Shape};
pub use hands::Hands;
pub use options::{Options, Program};

/// How long a server may take until it answers, and to answer: generous, as builds share the machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often to look whether it answers.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How many ports to try: somebody else may take a free one before the server.
const ATTEMPTS: usize = 3;

/// The file for what the server logs.
const LOG: &str = "log";

/// The append-only file, and the snapshot that a replica gets or a shutdown writes.
const DATA: [&str; 2] = ["appendonlydir", "dump.rdb"];

/// A server of its own, in a directory of its own. Dropping it kills the server and removes its files.
#[derive(Debug)]
pub struct RedisServer {
    options: Options,
    port: u16,
    /// None while it is killed. Before the directory, so that it is dropped first.
    running: Mutex<Option<Running>>,
    dir: TempDir,
}

/// A running server program.
#[derive(Debug)]
struct Running {
    child: Child,
    /// Only held: it ends its watch once the server has been killed.
    _watcher: Watcher,
}

impl RedisServer {
    /// Starts a server, and waits until it answers.
    ///
    /// # Panics
    ///
    /// If the program is not installed, or does not come up.
    pub async fn start(options: Options) -> RedisServer {
        let mut log = String::new();
        for _ in 0..ATTEMPTS {
            let server = RedisServer::prepare(free_ports(1)[0], options.clone());
            server.run();
            if server.comes_up().await {
                return server;
            }
            log = server.log();
        }
        panic!("{} did not come up in {ATTEMPTS} attempts; at last it said:\n{log}", options.program.path());
    }

    /// A directory for a server, which does not run yet.
    fn prepare(port: u16, options: Options) -> RedisServer {
        let dir = tempfile::Builder::new().prefix("vigie-redis-").tempdir();
        let dir = dir.expect("a temporary directory can be made");
        RedisServer { options, port, running: Mutex::new(None), dir }
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address as vigie is configured with it.
    pub fn url(&self) -> String {
        let login = self.options.password.as_ref().map(|password| format!(":{password}@"));
        format!("redis://{}127.0.0.1:{}", login.unwrap_or_default(), self.port)
    }

    /// The path of `file` in its directory.
    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        // There is no file before there is something to log.
        String::from_utf8_lossy(&fs::read(self.path(LOG)).unwrap_or_default()).into_owned()
    }

    /// Waits until it has written what it acknowledged. With `appendfsync everysec` that can be later: while the disk is
    /// busy with the sync of the second before, it answers all the same, and for up to two seconds keeps back what to
    /// write.
    pub async fn written(&self) {
        wait_until("all is written", PATIENCE, async || {
            let state = self.text(&["INFO", "persistence"]).await;
            state.contains("\r\naof_buffer_length:0\r\n").then_some(())
        })
        .await;
    }

    /// Kills it as a crash would; what it wrote to its files stays.
    pub fn kill(&self) {
        *self.running.lock().expect("nobody panics with it") = None;
    }

    /// Starts it again on the same port, with what it had stored; kills it before if it runs.
    ///
    /// # Panics
    ///
    /// If it does not come up.
    pub async fn restart(&self) {
        self.kill();
        self.run();
        assert!(self.comes_up().await, "it did not come up again and said:\n{}", self.log());
    }

    /// Starts it again on the same port, without what it had stored, as a cache would.
    ///
    /// # Panics
    ///
    /// If it does not come up.
    pub async fn restart_empty(&self) {
        self.kill();
        for data in DATA.map(|data| self.path(data)).into_iter().filter(|data| data.exists()) {
            let removed = if data.is_dir() { fs::remove_dir_all(data) } else { fs::remove_file(data) };
            removed.expect("the directory is ours");
        }
        self.restart().await;
    }

    /// Stops it as an overloaded machine would: connections stay open, and nothing is answered until
    /// [`cont`](Self::cont).
    pub fn stop(&self) {
        process::signal("STOP", &self.id());
    }

    /// Lets a stopped server go on.
    pub fn cont(&self) {
        process::signal("CONT", &self.id());
    }

    /// A connection for more than one command.
    ///
    /// # Errors
    ///
    /// If it does not answer.
    pub async fn connection(&self) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        Client::open(self.url())?.get_multiplexed_async_connection_with_config(&config).await
    }

    /// What it answers to one command.
    ///
    /// # Errors
    ///
    /// An error that it answers, or that it does not answer.
    pub async fn ask(&self, command: &[&str]) -> RedisResult<Value> {
        let mut connection = self.connection().await?;
        let (name, arguments) = command.split_first().expect("a command has a name");
        redis::cmd(name).arg(arguments).query_async(&mut connection).await
    }

    /// What it answers to one command, as a text.
    ///
    /// # Panics
    ///
    /// If it answers an error or nothing.
    pub async fn text(&self, command: &[&str]) -> String {
        let answer = self.ask(command).await;
        let answer = answer.unwrap_or_else(|error| panic!("{command:?}: {error}; its log:\n{}", self.log()));
        redis::from_redis_value(answer).unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    /// Deletes everything but the functions.
    pub async fn flush(&self) {
        self.text(&["FLUSHALL", "SYNC"]).await;
    }

    /// Its process id.
    fn id(&self) -> String {
        let running = self.running.lock().expect("nobody panics with it");
        running.as_ref().expect("it runs").child.id().to_string()
    }

    /// Runs the program.
    fn run(&self) {
        let output = File::create(self.path("output")).expect("the directory is ours");
        let errors = output.try_clone().expect("a file can be shared");
        let mut command = self.options.command(self.port);
        let child = command
            .current_dir(&self.dir)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {command:?} ({error}): run tests/install"));
        let watcher = Watcher::start(child.id(), self.dir.path());
        let running = Running { child, _watcher: watcher };
        *self.running.lock().expect("nobody panics with it") = Some(running);
    }

    /// Waits until it answers. `false` if it ended or takes too long.
    async fn comes_up(&self) -> bool {
        let start = Instant::now();
        while start.elapsed() < PATIENCE && !self.has_ended() {
            // Somebody else may have taken the port, and would answer with another process id.
            let ours = format!("process_id:{}\r\n", self.id());
            let answers = self.ask(&["PING"]).await.is_ok();
            if answers && self.text(&["INFO", "server"]).await.contains(&ours) {
                return true;
            }
            sleep(LOOK_EVERY).await;
        }
        false
    }

    fn has_ended(&self) -> bool {
        let mut running = self.running.lock().expect("nobody panics with it");
        let child = &mut running.as_mut().expect("it runs").child;
        child.try_wait().expect("the server is our child").is_some()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error here means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
