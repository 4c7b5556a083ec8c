//! Redis servers of the tests' own; a machine without `redis-server` fails them.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::{Client, Cmd, Connection, Value, cmd};
use rustls::pki_types::CertificateDer;
use tempfile::TempDir;

use crate::config::{RedisUrl, StoreUrl};

/// A server on a port of its own, killed when dropped.
pub(super) struct Server {
    pub(super) port: u16,
    options: Vec<String>,
    directory: TempDir,
    child: Child,
}

impl Server {
    /// One that is part of nothing.
    pub(super) fn start(options: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let options: Vec<String> = options.iter().map(ToString::to_string).collect();
        let port = free_port();
        let child = spawn(port, &directory, &options);
        let server = Self { port, options, directory, child };
        server.ready();
        server
    }

    /// Three that share all slots, without replicas.
    pub(super) fn cluster() -> [Self; 3] {
        let servers = [0; 3].map(|_| {
            let bus = free_port().to_string();
            let options =
                ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", &bus];
            Self::start(&options)
        });
        for (server, (first, last)) in servers.iter().zip([(0, 5460), (5461, 10_922), (10_923, 16_383)]) {
            server.tell(cmd("CLUSTER").arg("ADDSLOTSRANGE").arg(first).arg(last));
        }
        for (number, server) in servers.iter().enumerate() {
            server.tell(cmd("CLUSTER").arg("SET-CONFIG-EPOCH").arg(number + 1));
        }
        for other in &servers[1..] {
            let bus = &other.options[5];
            servers[0].tell(cmd("CLUSTER").arg("MEET").arg("127.0.0.1").arg(other.port).arg(bus));
        }
        for server in &servers {
            server.until(cmd("CLUSTER").arg("INFO"), |info| {
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            });
        }
        servers
    }

    /// A replica of a cluster's member, up to date.
    pub(super) fn replica_of(primary: &Self) -> Self {
        let bus = free_port().to_string();
        let replica = Self::start(&member(&bus));
        primary.tell(cmd("CLUSTER").arg("MEET").arg("127.0.0.1").arg(replica.port).arg(&bus));
        let id = primary.text(cmd("CLUSTER").arg("MYID"));
        replica.until(cmd("CLUSTER").arg("INFO"), |info| info.contains("cluster_known_nodes:4"));
        replica.tell(cmd("CLUSTER").arg("REPLICATE").arg(id));
        replica.until(cmd("INFO").arg("replication"), |info| info.contains("master_link_status:up"));
        replica
    }

    /// One that also speaks TLS, with its TLS port and the certificate to trust.
    pub(super) fn with_tls() -> (Self, u16, CertificateDer<'static>) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let directory = tempfile::tempdir().expect("a directory");
        let [certificate, key] = ["certificate", "key"].map(|name| directory.path().join(name));
        std::fs::write(&certificate, made.cert.pem()).expect("written");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
        let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
        let port = free_port();
        let tls = ["--tls-port", &port.to_string(), "--tls-auth-clients", "no"].map(str::to_owned);
        let cert =
            ["--tls-cert-file", &certificate, "--tls-ca-cert-file", &certificate, "--tls-key-file", &key];
        let options: Vec<&str> = tls.iter().map(String::as_str).chain(cert).collect();
        (Self::start(&options), port, made.cert.into())
    }

    /// The URL's meaning, with a login in front of the host if there is one.
    pub(super) fn url(&self, login: &str) -> RedisUrl {
        parse(&format!("redis://{login}127.0.0.1:{}", self.port))
    }

    /// As a member of its cluster.
    pub(super) fn cluster_url(&self) -> RedisUrl {
        parse(&format!("redis+cluster://127.0.0.1:{}", self.port))
    }

    /// Says something on a connection of its own.
    pub(super) fn tell(&self, command: &Cmd) -> Value {
        let mut connection = self.connection().expect("a connection");
        command.query(&mut connection).expect("an answer that is no error")
    }

    /// As `tell`, for an answer that is text.
    pub(super) fn text(&self, command: &Cmd) -> String {
        redis::from_redis_value(self.tell(command)).expect("text")
    }

    /// Waits until an answer is as wanted, for ten seconds at most.
    pub(super) fn until(&self, command: &Cmd, wanted: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        while !wanted(&self.text(command)) {
            assert!(begun.elapsed() < Duration::from_secs(10), "{}", self.text(command));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends it a signal, such as `-STOP`.
    pub(super) fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Kills it.
    pub(super) fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ran");
    }

    /// Starts it again, empty.
    pub(super) fn start_again(&mut self) {
        self.child = spawn(self.port, &self.directory, &self.options);
        self.ready();
    }

    fn connection(&self) -> redis::RedisResult<Connection> {
        let client = Client::open(format!("redis://127.0.0.1:{}", self.port)).expect("a URL");
        client.get_connection_with_timeout(Duration::from_secs(1))
    }

    fn ready(&self) {
        let begun = Instant::now();
        while self.connection().is_err() {
            assert!(begun.elapsed() < Duration::from_secs(10), "redis-server does not come up");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been killed before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(port: u16, directory: &TempDir, options: &[String]) -> Child {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
        .arg(directory.path())
        .args(options)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed")
}

/// The options of a cluster's member; `bus` is the sixth.
fn member(bus: &str) -> [&str; 8] {
    [
        "--cluster-enabled",
        "yes",
        "--cluster-node-timeout",
        "2000",
        "--cluster-port",
        bus,
        "--repl-diskless-sync-delay",
        "0",
    ]
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

pub(super) fn parse(url: &str) -> RedisUrl {
    match StoreUrl::parse(url) {
        Ok(StoreUrl::Redis(url)) => url,
        other => panic!("{other:?} instead of a Redis URL"),
    }
}
