//! Finding and reaching the primaries, once, for a command that ends.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, RedisError,
    Value, cmd,
};

use super::fault;
use crate::config::RedisUrl;
use crate::store::StoreError;

/// How long a server may take to let us in.
const CONNECT: Duration = Duration::from_secs(3);

/// How long it may take to answer; loading the functions is the longest.
const ANSWER: Duration = Duration::from_secs(5);

/// A server that takes sends.
pub(super) struct Primary {
    /// Its host and port.
    pub(super) server: String,
    pub(super) connection: MultiplexedConnection,
}

/// Every primary: the server itself, or those that a server of the cluster names.
pub(super) async fn primaries(url: &RedisUrl) -> Result<Vec<Primary>, StoreError> {
    let (asked, mut first) = anybody(url).await?;
    if !url.cluster {
        return Ok(vec![first]);
    }
    let slots = match cmd("CLUSTER").arg("SLOTS").query_async::<Value>(&mut first.connection).await {
        // It is no cluster, which the examination of it will say.
        Err(error) if error.code() == Some("ERR") => return Ok(vec![first]),
        answer => answer.map_err(|error| fault(&first.server, &error))?,
    };
    let owners = owners(&slots, &asked.0);
    if owners.is_empty() {
        return Err(StoreError::Unavailable(format!(
            "{}: the cluster has no server for any slot",
            first.server
        )));
    }
    let mut found = Vec::new();
    for (host, port) in &owners {
        found.push(reach(url, host, *port).await?);
    }
    Ok(found)
}

/// The first of the named servers that answers, and its address.
async fn anybody(url: &RedisUrl) -> Result<((String, u16), Primary), StoreError> {
    let mut last = StoreError::Unavailable("no server is named".to_owned());
    for (host, port) in &url.servers {
        match reach(url, host, *port).await {
            Ok(primary) => return Ok(((host.clone(), *port), primary)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn reach(url: &RedisUrl, host: &str, port: u16) -> Result<Primary, StoreError> {
    let server = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let connection = connect(url, host, port).await.map_err(|error| fault(&server, &error))?;
    Ok(Primary { server, connection })
}

async fn connect(url: &RedisUrl, host: &str, port: u16) -> Result<MultiplexedConnection, RedisError> {
    let host = host.to_owned();
    let address = if url.tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    let mut login = RedisConnectionInfo::default().set_db(url.database.into());
    if let Some(user) = &url.user {
        login = login.set_username(user);
    }
    if let Some(password) = &url.password {
        login = login.set_password(password.expose());
    }
    let info = address.into_connection_info()?.set_redis_settings(login);
    let limits =
        AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(ANSWER));
    Client::open(info)?.get_multiplexed_async_connection_with_config(&limits).await
}

/// The primaries in an answer to `CLUSTER SLOTS`, each once; a server that does not know its own host is the one asked.
fn owners(slots: &Value, asked: &str) -> Vec<(String, u16)> {
    let mut owners = Vec::new();
    for range in list(slots) {
        let Some([host, port, ..]) = list(range).get(2).map(list) else { continue };
        let host = redis::from_redis_value_ref::<Option<String>>(host).ok().flatten();
        let host = host.filter(|host| !host.is_empty()).unwrap_or_else(|| asked.to_owned());
        let Ok(port) = redis::from_redis_value_ref::<u16>(port) else { continue };
        if !owners.contains(&(host.clone(), port)) {
            owners.push((host, port));
        }
    }
    owners
}

fn list(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(host: Value, port: i64) -> Value {
        Value::Array(vec![host, Value::Int(port), Value::BulkString(b"id".to_vec())])
    }

    #[test]
    fn every_primary_is_found_once() {
        let named = |host: &str| Value::BulkString(host.as_bytes().to_vec());
        let range =
            |primary| Value::Array(vec![Value::Int(0), Value::Int(1), primary, server(named("replica"), 1)]);
        let slots = Value::Array(vec![
            range(server(named("10.0.0.1"), 7001)),
            range(server(named("10.0.0.2"), 7002)),
            range(server(named("10.0.0.1"), 7001)),
            range(server(Value::Nil, 7003)),
            range(server(named(""), 7003)),
        ]);
        let expected = [("10.0.0.1", 7001), ("10.0.0.2", 7002), ("asked", 7003)];
        let expected: Vec<_> = expected.iter().map(|(host, port)| ((*host).to_owned(), *port)).collect();
        assert_eq!(owners(&slots, "asked"), expected);
        assert_eq!(owners(&Value::Nil, "asked"), []);
    }
}
