//! temporary
use super::library::Library;
use crate::config::RedisUrl;
use crate::store::StoreError;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{Cmd, Value};
use std::time::Duration;

#[derive(Debug, Clone, Copy)]
pub(super) enum Lane {
    Hot,
    Results,
    Enqueue,
    Control,
}
#[derive(Debug, Clone, Copy)]
pub(super) struct Place(u16);
impl Place {
    pub(super) fn of(_key: &[u8]) -> Self {
        Self(0)
    }
}
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Fault {
    #[error("{0}")]
    Unavailable(String),
    #[error("oom")]
    OutOfMemory,
    #[error("{0}")]
    Refused(String),
}
impl From<Fault> for StoreError {
    fn from(f: Fault) -> Self {
        match f {
            Fault::OutOfMemory => StoreError::Full("maxmemory".into()),
            f => StoreError::Unavailable(f.to_string()),
        }
    }
}
#[derive(Clone)]
pub(super) struct Router(MultiplexedConnection);
#[derive(Debug, Clone, Copy)]
pub(super) struct Safety;
fn fault(e: redis::RedisError) -> Fault {
    if e.code() == Some("OOM") { Fault::OutOfMemory } else { Fault::Refused(e.to_string()) }
}
impl Router {
    pub(super) async fn connect(url: &RedisUrl, library: &Library) -> Result<Self, Fault> {
        let (host, port) = &url.servers[0];
        let client = redis::Client::open(format!("redis://{host}:{port}")).map_err(fault)?;
        let mut c = client.get_multiplexed_async_connection().await.map_err(fault)?;
        if let Err(e) = redis::cmd("FUNCTION")
            .arg("LOAD")
            .arg("REPLACE")
            .arg(&library.source)
            .query_async::<Value>(&mut c)
            .await
        {
            return Err(fault(e));
        }
        Ok(Self(c))
    }
    pub(super) async fn call(&self, _l: Lane, _p: Place, c: Cmd) -> Result<Value, Fault> {
        match self.0.clone().req_packed_command(&c).await {
            Ok(Value::ServerError(e)) => Err(fault(e.into())),
            r => r.map_err(fault),
        }
    }
    pub(super) async fn many(&self, l: Lane, cs: Vec<(Place, Cmd)>) -> Vec<Result<Value, Fault>> {
        let mut out = Vec::new();
        for (p, c) in cs {
            out.push(self.call(l, p, c).await)
        }
        out
    }
    pub(super) async fn many_then_wait(
        &self,
        l: Lane,
        cs: Vec<(Place, Cmd)>,
        _w: Option<Safety>,
    ) -> Vec<Result<Value, Fault>> {
        self.many(l, cs).await
    }
    pub(super) fn quiet_for(&self, _p: Place, _l: Duration) -> Duration {
        Duration::ZERO
    }
}
