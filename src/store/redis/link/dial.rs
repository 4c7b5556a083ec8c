//! From nothing to a connection that takes commands: TCP, TLS, login, name, and how long the server has been up.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, Pipeline, RedisConnectionInfo, RedisError, Value};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use super::super::fault::{Fault, is_crowded};
use super::heard::Heard;
use super::{IN_FLIGHT, RESPONSE};
use crate::config::RedisUrl;
use crate::redact::Secret;

/// A connection that is not ready after this is given up: TCP, TLS and login together.
const CONNECT: Duration = Duration::from_secs(1);

/// Bytes unacknowledged for this long break the connection; the kernel would try for a quarter of an hour.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(5);

/// The write buffer is handed to the kernel at this size even if more commands are ready: about 300 touches.
const WRITE_BUFFER: usize = 64 * 1024;

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::store::redis) struct Address {
    /// Host name or IP address, without brackets.
    pub(in crate::store::redis) host: String,
    /// TCP port.
    pub(in crate::store::redis) port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// All that opening a connection needs, but which server.
pub(in crate::store::redis) struct Dialler {
    tls: Option<TlsConnector>,
    login: RedisConnectionInfo,
    /// The store has opened with this login.
    proven: AtomicBool,
}

/// A connection that takes commands.
pub(in crate::store::redis) struct Dialled {
    /// For commands; cheap to clone.
    pub(in crate::store::redis) connection: MultiplexedConnection,
    /// Moves the bytes; ends when the connection does. Dropping it closes the connection.
    pub(super) driver: AbortOnDropHandle<()>,
    /// Counts what was read.
    pub(super) reads: Arc<AtomicU64>,
    /// How long the server has been up, if we may ask.
    pub(super) uptime: Option<Duration>,
}

impl Dialler {
    /// Prepares login and TLS. With TLS the system's roots are trusted (`SSL_CERT_FILE` replaces them).
    pub(in crate::store::redis) fn new(url: &RedisUrl) -> Self {
        let mut roots = RootCertStore::empty();
        if url.tls {
            // Without any, each handshake says that the issuer is unknown.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Self::trusting(url, roots)
    }

    /// As [`new`](Self::new), with these roots.
    pub(in crate::store::redis) fn trusting(url: &RedisUrl, roots: RootCertStore) -> Self {
        let mut login = RedisConnectionInfo::default().set_db(url.database.into()).set_skip_set_lib_name();
        if let Some(user) = &url.user {
            login = login.set_username(user);
        }
        if let Some(password) = url.password.as_ref().map(Secret::expose) {
            login = login.set_password(password);
        }
        Self { tls: url.tls.then(|| connector(roots)), login, proven: AtomicBool::new(false) }
    }

    /// The store has opened: a server that does not take the login from now on is [`Fault::Unavailable`]. Somebody may
    /// be changing the password, and results wait rather than be given up.
    pub(in crate::store::redis) fn proven(&self) {
        self.proven.store(true, Ordering::Relaxed);
    }

    /// Opens a connection.
    pub(in crate::store::redis) async fn dial(&self, server: &Address) -> Result<Dialled, Fault> {
        let dialled = timeout(CONNECT, self.attempt(server)).await;
        match dialled.unwrap_or_else(|_| Err(Fault::unavailable(format!("{server} does not answer")))) {
            Err(Fault::Refused(why)) if self.proven.load(Ordering::Relaxed) => Err(Fault::Unavailable(why)),
            dialled => dialled,
        }
    }

    async fn attempt(&self, server: &Address) -> Result<Dialled, Fault> {
        let broken = |error: io::Error| Fault::unavailable(format!("{server} cannot be reached: {error}"));
        let stream = TcpStream::connect((server.host.as_str(), server.port)).await.map_err(broken)?;
        prepare(&stream).map_err(broken)?;
        let Some(tls) = &self.tls else { return self.log_in(server, stream).await };
        let name = ServerName::try_from(server.host.clone())
            .map_err(|_| Fault::Refused(format!("{server} has a name that no certificate can have")))?;
        let stream = tls.connect(name, stream).await;
        let stream =
            stream.map_err(|error| Fault::unavailable(format!("TLS with {server} fails: {error}")))?;
        self.log_in(server, stream).await
    }

    async fn log_in<S>(&self, server: &Address, stream: S) -> Result<Dialled, Fault>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let reads = Arc::default();
        let stream = Heard::new(stream, Arc::clone(&reads));
        let config = AsyncConnectionConfig::new()
            .set_response_timeout(Some(RESPONSE))
            .set_pipeline_buffer_size(IN_FLIGHT)
            .set_write_backpressure_boundary(WRITE_BUFFER);
        let connected = MultiplexedConnection::new_with_config(&self.login, stream, config).await;
        let (mut connection, driver) = connected.map_err(|error| not_logged_in(server, &error))?;
        let driver = AbortOnDropHandle::new(tokio::spawn(driver));
        let uptime = introduce(server, &mut connection).await?;
        Ok(Dialled { connection, driver, reads, uptime })
    }
}

/// No waiting for more to send, and a peer that vanished is noticed.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(5))
        .with_interval(Duration::from_secs(1))
        .with_retries(3);
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    SockRef::from(stream).set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    Ok(())
}

/// Says who we are and asks since when the server runs. A user who may do neither can still use the store.
async fn introduce(
    server: &Address,
    connection: &mut MultiplexedConnection,
) -> Result<Option<Duration>, Fault> {
    let mut words = Pipeline::with_capacity(2);
    words.cmd("CLIENT").arg("SETNAME").arg("vigie");
    words.cmd("INFO").arg("server");
    let replies = connection.send_packed_commands(&words, 0, 2).await;
    let replies = replies.map_err(|_| Fault::unavailable(format!("{server} hangs up")))?;
    match replies.as_slice() {
        [Value::ServerError(error), _] if error.code() == "NOAUTH" || is_crowded(error.details()) => {
            Err(Fault::of(error))
        }
        [_, Value::BulkString(info)] => Ok(uptime(&String::from_utf8_lossy(info))),
        _ => Ok(None),
    }
}

fn uptime(info: &str) -> Option<Duration> {
    let seconds = info.lines().find_map(|line| line.strip_prefix("uptime_in_seconds:"))?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

fn not_logged_in(server: &Address, error: &RedisError) -> Fault {
    match error.kind() {
        ErrorKind::AuthenticationFailed => {
            Fault::Refused(format!("WRONGPASS: {server} does not accept the user or password"))
        }
        _ if is_crowded(error.detail()) => {
            Fault::unavailable(format!("{server} has as many clients as it allows"))
        }
        ErrorKind::Io => Fault::unavailable(format!("{server} hangs up during the login")),
        _ => Fault::Refused(format!("{server} does not take the login or the database's number")),
    }
}

/// The provider is named, so that none needs to be installed for the process.
fn connector(roots: RootCertStore) -> TlsConnector {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("it offers a cipher suite for every default protocol version")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uptime_is_found() {
        let info = "# Server\r\nredis_version:7.0.15\r\nuptime_in_seconds:61\r\nuptime_in_days:0\r\n";
        assert_eq!(uptime(info), Some(Duration::from_secs(61)));
        assert_eq!(uptime("# Server\r\n"), None);
    }

    #[test]
    fn an_address_reads_as_usual() {
        let address = |host: &str| Address { host: host.into(), port: 6379 }.to_string();
        assert_eq!(address("::1"), "[::1]:6379");
        assert_eq!(address("redis.example"), "redis.example:6379");
    }
}
