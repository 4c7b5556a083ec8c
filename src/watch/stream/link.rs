//! Finding the server that has a key, and connecting to it: also in a cluster, where it may move.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisConnectionInfo,
    RedisError, RedisResult, ServerErrorKind, cmd,
};

use crate::config::RedisUrl;
use crate::redact::Secret;

/// How long connecting, or one answer, may take beyond what was asked to wait for: a Redis that says nothing for so long
/// is taken for gone.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Most servers to be sent on to before giving up: a cluster that is being rearranged.
const MOST_HOPS: usize = 5;

/// The servers of `store.url`.
#[derive(Debug, Clone)]
pub(super) struct Servers {
    url: RedisUrl,
}

impl Servers {
    pub(super) fn new(url: &RedisUrl) -> Self {
        Self { url: url.clone() }
    }

    /// A new connection to the server that owns `key`; an answer may take `patience`.
    pub(super) async fn owner_of(&self, key: &str, patience: Duration) -> RedisResult<MultiplexedConnection> {
        let mut failure = RedisError::from((ErrorKind::InvalidClientConfig, "store.url names no server"));
        for server in &self.url.servers {
            match self.follow(server.clone(), key, patience).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Asks this server for the key and goes where it is sent.
    async fn follow(
        &self,
        mut server: (String, u16),
        key: &str,
        patience: Duration,
    ) -> RedisResult<MultiplexedConnection> {
        for _ in 0..MOST_HOPS {
            let mut connection = self.connect(&server, patience).await?;
            let asked: RedisResult<i64> = cmd("XLEN").arg(key).query_async(&mut connection).await;
            match asked {
                Ok(_) => return Ok(connection),
                Err(error) => server = moved_to(&error, &server).ok_or(error)?,
            }
        }
        Err(RedisError::from((
            ErrorKind::Client,
            "the servers of the cluster do not agree where the stream is",
        )))
    }

    async fn connect(
        &self,
        server: &(String, u16),
        patience: Duration,
    ) -> RedisResult<MultiplexedConnection> {
        let (host, port) = server.clone();
        let address = if self.url.tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        };
        let mut login = RedisConnectionInfo::default().set_db(self.url.database.into());
        if let Some(user) = &self.url.user {
            login = login.set_username(user);
        }
        if let Some(password) = self.url.password.as_ref().map(Secret::expose) {
            login = login.set_password(password);
        }
        let tcp = TcpSettings::default().set_nodelay(true).set_user_timeout(PATIENCE);
        let info = address.into_connection_info()?.set_redis_settings(login).set_tcp_settings(tcp);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(patience));
        Client::open(info)?.get_multiplexed_async_connection_with_config(&config).await
    }
}

/// Where `MOVED` sends us. A host left out means the same one.
fn moved_to(error: &RedisError, from: &(String, u16)) -> Option<(String, u16)> {
    if error.kind() != ErrorKind::Server(ServerErrorKind::Moved) {
        return None;
    }
    let (host, port) = error.redirect_node()?.0.rsplit_once(':')?;
    let host = if host.is_empty() { &from.0 } else { host };
    Some((host.trim_start_matches('[').trim_end_matches(']').to_owned(), port.parse().ok()?))
}
